/** Topics `log:<id>` of live connections (spec/api.md §5.3): each is a stream of the runner's, while it is wanted. */
import { idSchema, type LiveFrame } from "@gastown/protocol";
import type { FollowLog } from "../reading/follow-log.ts";
import type { Peer } from "./peer.ts";

const PREFIX = "log:";
const logId = idSchema("log");

export interface LogTopics {
  /** Whether it is one of these. */
  isOne(topic: string): boolean;
  /** Lines from `after` on, then what is added; false: there is no such log. */
  open(peer: Peer, topic: string, after: number): boolean;
  /** All of the peer's without a topic. */
  close(peer: Peer, topic?: string): void;
}

export function createLogTopics(
  townId: string,
  follow: FollowLog | undefined,
  send: (peer: Peer, frame: LiveFrame) => void,
): LogTopics {
  const open = new Map<Peer, Map<string, () => void>>();

  const close = (peer: Peer, topic?: string): void => {
    const streams = open.get(peer);
    for (const [name, stop] of streams ?? []) {
      if (topic !== undefined && name !== topic) continue;
      streams?.delete(name);
      stop();
    }
    if (streams?.size === 0) open.delete(peer);
  };

  return {
    isOne: (topic) => topic.startsWith(PREFIX),
    open(peer, topic, after) {
      const id = topic.slice(PREFIX.length);
      if (follow === undefined || !logId.safeParse(id).success) return false;
      close(peer, topic);
      const streams = open.get(peer) ?? new Map<string, () => void>();
      open.set(peer, streams);
      const stop = follow(townId, id, after, {
        lines(from, lines, done) {
          peer.state.topics = { ...peer.state.topics, [topic]: from + lines.length };
          send(peer, { type: "log", topic, from, lines, done });
        },
        refused: (code) => send(peer, { type: "refused", topic, code }),
      });
      streams.set(topic, stop);
      return true;
    },
    close,
  };
}
