import {
  checkParameters,
  checkScript,
  checkSynchronous,
  statementParameters,
  type Row,
  type Sql,
  type SqlValue,
} from "@gastown/town";

const MAX_STATEMENTS = 500;

/** The `Sql` port on a Durable Object's storage. */
export function doSql(storage: DurableObjectStorage): Sql {
  const parameters = new Map<string, number>();

  const check = (text: string, values: SqlValue[]): void => {
    let expected = parameters.get(text);
    if (expected === undefined) {
      expected = statementParameters(text);
      if (parameters.size >= MAX_STATEMENTS) parameters.clear();
      parameters.set(text, expected);
    }
    checkParameters(text, expected, values);
  };

  /** Always read to the end: a writing statement whose cursor is left half read kills the request. */
  const rows = (text: string, values: SqlValue[]): Row[] => {
    check(text, values);
    return storage.sql
      .exec(text, ...values.map(toStorage))
      .toArray()
      .map(fromStorage);
  };

  return {
    exec: (script) => {
      checkScript(script);
      storage.sql.exec(script);
    },
    all: <T extends Row>(text: string, ...values: SqlValue[]) => rows(text, values) as T[],
    get: <T extends Row>(text: string, ...values: SqlValue[]) => rows(text, values)[0] as T | undefined,
    run: (text, ...values) => {
      rows(text, values);
    },
    transaction: (fn) =>
      storage.transactionSync(() => {
        const result = fn();
        checkSynchronous(result);
        return result;
      }),
  };
}

const toStorage = (value: SqlValue): SqlStorageValue =>
  value instanceof Uint8Array ? new Uint8Array(value).buffer : value;

/** Blobs arrive as `ArrayBuffer`; the port promises `Uint8Array`. */
function fromStorage(row: Record<string, SqlStorageValue>): Row {
  const copy: Row = {};
  for (const [column, value] of Object.entries(row))
    copy[column] = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
  return copy;
}
