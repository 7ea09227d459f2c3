/**
 * Calls to a runner's control server (spec/runner.md §1): bearer, JSON, deadline, and an answer
 * that says whether the call can have had an effect. Never throws.
 */
import { isErrorCode, type ErrorCode } from "@gastown/protocol";
import { z } from "zod";
import type { RunnerAddress } from "./port.ts";

/** It answered with a typed error. */
export interface RunnerError {
  type: "error";
  status: number;
  code: ErrorCode;
  message: string;
  retryAfterMs: number | undefined;
  /** What belongs to that code; undefined: it said nothing more. */
  details: unknown;
}

export type RunnerCall =
  | { type: "ok"; status: number; body: unknown }
  | RunnerError
  /** Nobody listens at its address: the call cannot have had an effect. */
  | { type: "absent"; message: string }
  /** No answer in time, or a broken one: what happened is not known. */
  | { type: "unknown"; message: string };

export type RunnerFailure = Exclude<RunnerCall, { type: "ok" }>;

interface RunnerRequest {
  method: "GET" | "POST" | "DELETE" | "PATCH";
  /** With a leading slash. */
  path: string;
  body?: unknown;
  signal: AbortSignal;
}

export interface RunnerClient {
  call(address: RunnerAddress, request: RunnerRequest): Promise<RunnerCall>;
  /** The same for an answer that is passed on as it comes: its body is not read here. */
  open(
    address: RunnerAddress,
    request: RunnerRequest,
  ): Promise<{ type: "ok"; response: Response } | RunnerFailure>;
}

const errorBody = z.object({
  error: z.object({ code: z.string(), message: z.string(), details: z.unknown().optional() }),
});
/** What systems say where nobody listens. */
const NOBODY = new Set(["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "ENETUNREACH"]);

export function createRunnerClient(fetcher: typeof fetch = globalThis.fetch.bind(globalThis)): RunnerClient {
  const ask = async <T>(
    address: RunnerAddress,
    request: RunnerRequest,
    read: (response: Response) => Promise<T>,
  ): Promise<T | RunnerFailure> => {
    try {
      const response = await fetcher(`${address.url}${request.path}`, initOf(address, request));
      return await (response.ok ? read(response) : failureOf(response));
    } catch (error) {
      if (request.signal.aborted) return { type: "unknown", message: "The runner did not answer in time." };
      return NOBODY.has(causeCode(error))
        ? { type: "absent", message: "Nobody listens where the runner was." }
        : { type: "unknown", message: "The connection to the runner broke." };
    }
  };
  return {
    call: (address, request) =>
      ask<RunnerCall>(address, request, async (response) => ({
        type: "ok",
        status: response.status,
        body: parse(await response.text()),
      })),
    open: (address, request) =>
      ask(address, request, (response) => Promise.resolve({ type: "ok" as const, response })),
  };
}

function initOf(address: RunnerAddress, request: RunnerRequest): RequestInit {
  const headers: Record<string, string> = { authorization: `Bearer ${address.bearer}` };
  if (request.body !== undefined) headers["content-type"] = "application/json";
  return {
    method: request.method,
    headers,
    signal: request.signal,
    redirect: "manual",
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
  };
}

async function failureOf(response: Response): Promise<RunnerFailure> {
  const error = errorBody.safeParse(parse(await response.text())).data?.error;
  if (error === undefined || !isErrorCode(error.code)) {
    return {
      type: "unknown",
      message: `The runner answered ${response.status} without an error that we know.`,
    };
  }
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return {
    type: "error",
    status: response.status,
    code: error.code,
    message: error.message,
    details: error.details,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
  };
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function causeCode(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  if (typeof cause !== "object" || cause === null || !("code" in cause)) return "";
  return typeof cause.code === "string" ? cause.code : "";
}
