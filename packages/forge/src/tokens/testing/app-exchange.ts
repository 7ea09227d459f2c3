/** GitHub's side of the exchange: checks the app's signature and mints tokens that expire. */

/** Both hosts have keys, but not one name for their type. */
type PublicKey = Parameters<typeof crypto.subtle.verify>[1];

export interface AppKeys {
  /** PKCS#8. */
  readonly pem: string;
  /** The same as GitHub gives it: PKCS#1. */
  readonly pkcs1: string;
  readonly publicKey: PublicKey;
}

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;
/** What stands before the octets of the inner key in a PKCS#8 key of 2048 bits. */
const PKCS8_HEADER_BYTES = 26;

function pem(label: string, der: Uint8Array): string {
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

export async function makeAppKeys(): Promise<AppKeys> {
  const made = await crypto.subtle.generateKey(
    { ...RSA, modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ["sign", "verify"],
  );
  if (!("privateKey" in made)) throw new Error("no pair of keys");
  const exported = await crypto.subtle.exportKey("pkcs8", made.privateKey);
  if (!(exported instanceof ArrayBuffer)) throw new Error("no bytes");
  const der = new Uint8Array(exported);
  return {
    pem: pem("PRIVATE KEY", der),
    pkcs1: pem("RSA PRIVATE KEY", der.subarray(PKCS8_HEADER_BYTES)),
    publicKey: made.publicKey,
  };
}

const bytesOf = (base64url: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));

/** The issuer of a JWT with a good signature, else null. */
async function issuerOf(jwt: string, publicKey: PublicKey): Promise<string | null> {
  const [head = "", claims = "", signature = ""] = jwt.split(".");
  const signed = new TextEncoder().encode(`${head}.${claims}`);
  const good = await crypto.subtle.verify(RSA, publicKey, bytesOf(signature), signed);
  if (!good) return null;
  const parsed: unknown = JSON.parse(new TextDecoder().decode(bytesOf(claims)));
  return typeof parsed === "object" && parsed !== null && "iss" in parsed ? String(parsed.iss) : null;
}

export interface AppExchange {
  readonly fetch: typeof fetch;
  /** `installation repository` of each token that was minted. */
  readonly minted: string[];
  /** Answered instead of a token; null: none. */
  answer: Response | Error | null;
  lifeMs: number;
}

export function appExchange(keys: AppKeys, appId: string, now: () => number): AppExchange {
  const exchange: AppExchange = {
    minted: [],
    answer: null,
    lifeMs: 3_600_000,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      if (exchange.answer instanceof Error) throw exchange.answer;
      if (exchange.answer !== null) return exchange.answer.clone();
      const installation = /\/app\/installations\/([^/]+)\/access_tokens$/.exec(request.url)?.[1];
      const jwt = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
      if (installation === undefined || (await issuerOf(jwt, keys.publicKey)) !== appId)
        return Response.json({ message: "Bad credentials" }, { status: 401 });
      const body: unknown = await request.json();
      exchange.minted.push(`${installation} ${JSON.stringify(body)}`);
      const token = `ghs_${installation}_${exchange.minted.length}`;
      const expires_at = new Date(now() + exchange.lifeMs).toISOString();
      return Response.json({ token, expires_at }, { status: 201 });
    },
  };
  return exchange;
}
