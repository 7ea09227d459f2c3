import { syncPulls } from "../../model/pulls.ts";
import { findThread } from "../../model/talk.ts";
import type { Token } from "../../model/types.ts";
import { accessOf, findRepository, type World } from "../../model/world.ts";
import { failing, pullNode, threadNode } from "./nodes.ts";

export function queries(world: World, token: Token): object {
  return {
    async repository({ owner, name }: { owner: string; name: string }) {
      const found = findRepository(world, "github", `${owner}/${name}`);
      if (found === null || accessOf(found, token) === null)
        throw failing("NOT_FOUND", `Could not resolve to a Repository with the name '${owner}/${name}'.`);
      await found.serial.run(() => syncPulls(world, found));
      return {
        pullRequest({ number }: { number: number }) {
          const pull = found.pulls.find((one) => one.number === number);
          if (pull === undefined)
            throw failing("NOT_FOUND", `Could not resolve to a PullRequest with the number of ${number}.`);
          return pullNode(found, pull);
        },
        mergeQueue: () => (found.queueRequired ? { id: `MQ_${found.id}` } : null),
      };
    },
    node({ id }: { id: string }) {
      const found = findThread(world.repositories, id);
      if (found === null || accessOf(found.repository, token) === null)
        throw failing("NOT_FOUND", `Could not resolve to a node with the global id of '${id}'`);
      return threadNode(found.repository, found.pull, found.thread);
    },
  };
}
