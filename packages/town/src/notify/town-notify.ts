/** What a host does with a town's notifiers. */
import { GastownError, type NotifierSecret } from "@gastown/protocol";
import type { Access } from "../kernel/context.ts";
import type { Actor } from "../town.ts";
import { testNotice, type NotifyRequest } from "./request.ts";
import { storeAddresses } from "./secrets.ts";

export interface TownNotify {
  /** After the settings that name them were stored, in the same transaction. */
  storeNotifierAddresses(addresses: readonly NotifierSecret[], actor: Actor): void;
  /** A message that says only that it arrives. Throws `not_found` beyond the end of the list. */
  testNotice(index: number, actor: Actor): NotifyRequest;
}

export function townNotify({ write }: Access): TownNotify {
  return {
    storeNotifierAddresses: (addresses, actor) => write(actor, (ctx) => storeAddresses(ctx, addresses)),
    testNotice: (index, actor) =>
      write(actor, (ctx) => {
        const request = testNotice(ctx, index);
        if (request) return request;
        throw new GastownError(
          "not_found",
          `There is no notifier ${index + 1} in this town. \`gastown notify list\` shows all.`,
        );
      }),
  };
}
