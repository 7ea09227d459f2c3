/**
 * Notifiers in a change of settings: their addresses are sealed before the town's turn and stored in it,
 * and the settings keep the masks (spec/api.md §2.9).
 */
import {
  GastownError,
  notifierInputs,
  type Notifier,
  type NotifierInput,
  type NotifierSecret,
} from "@gastown/protocol";
import { z } from "zod";
import { isMasked, mask } from "../config/env-secrets.ts";
import { parseConfig } from "../config/merge.ts";
import { seal } from "../credentials/seal.ts";
import type { ServerPorts } from "../ports.ts";
import { addressKey } from "./send.ts";

/** What is to be stored; undefined: the change says nothing of notifiers. */
export interface SealedNotifiers {
  notify: Notifier[];
  addresses: NotifierSecret[];
}

const sent = z.strictObject({ notify: notifierInputs });

/** Throws `unknown_setting`, `validation_failed`; never repeats an address. */
export async function sealNotifiers(
  ports: Pick<ServerPorts, "sealingKeys" | "randomBytes">,
  townId: string,
  given: unknown,
): Promise<SealedNotifiers | undefined> {
  if (given === undefined) return undefined;
  const { notify } = parseConfig(sent, { notify: given });
  const addresses: NotifierSecret[] = [];
  const stored: Notifier[] = [];
  for (const input of notify) {
    const id = input.id ?? hex(ports.randomBytes(4));
    stored.push(withMask(input, id));
    if (isMasked(input.url)) continue;
    const place = { townId, key: addressKey(id) };
    const sealed = await seal(ports.sealingKeys, ports.randomBytes, place, input.url);
    addresses.push({ id, sealed, masked: mask(input.url) });
  }
  return { notify: stored, addresses };
}

function withMask(input: NotifierInput, id: string): Notifier {
  return { ...input, id, url: isMasked(input.url) ? input.url : mask(input.url) };
}

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * A mask that came back means the stored address of that notifier, and the mask that stands there.
 * Throws `masked_value_unknown`: of another kind, an address means nothing.
 */
export function keptNotifiers(
  { notify, addresses }: SealedNotifiers,
  stored: readonly Notifier[] = [],
): Notifier[] {
  const fresh = new Set(addresses.map(({ id }) => id));
  return notify.map((one) => {
    if (fresh.has(one.id)) return one;
    const before = stored.find(({ id, kind }) => id === one.id && kind === one.kind);
    if (before !== undefined) return { ...one, url: before.url };
    throw new GastownError(
      "masked_value_unknown",
      `notify (${one.kind}): a masked address was sent, but none is stored there. Send the address itself.`,
    );
  });
}
