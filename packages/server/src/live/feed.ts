/**
 * The live feed of one town (spec/api.md §5). All that a connection needs later is in its peer's
 * state, so that a lost socket, a hibernation and a restart are one case: resume from the cursor.
 */
import { CLOSE_CODES, clientFrame, type FeedEntry, type LiveFrame } from "@gastown/protocol";
import type { Town } from "@gastown/town";
import type { ClockPorts } from "../ports.ts";
import type { FollowLog } from "../reading/follow-log.ts";
import { createLogTopics } from "./log-topics.ts";
import type { Peer } from "./peer.ts";

const PAGE = 500;
/** A client further behind than this is given a snapshot (`resync`) instead. */
const MAX_BEHIND = 5_000;
const STATUS_INTERVAL_MS = 500;
const MAX_BUFFERED_BYTES = 1_048_576;
const MAX_FRAME_BYTES = 1_024;
const MAX_TOPICS = 16;
const TRANSCRIPT_PAGE = 500;

export interface TownFeed {
  /** Greets a connection and brings it up to date; `after`: the last `seq` that the client has. */
  open(peer: Peer, after: number | null): void;
  message(peer: Peer, text: string): void;
  closed(peer: Peer): void;
  /** The town changed: sends what is new to everybody. */
  changed(): void;
  /** Transcript items of these sessions were stored. */
  transcriptGrew(sessionIds: Iterable<string>): void;
  /** Sends a frame that is not stored to everybody. */
  broadcast(frame: LiveFrame): void;
  closeAll(code: number, reason: string): void;
  readonly size: number;
}

export interface FeedOptions extends ClockPorts {
  town: Town;
  version: string;
  followLog?: FollowLog | undefined;
}

export function createFeed(options: FeedOptions): TownFeed {
  const { town } = options;
  const peers = new Set<Peer>();
  let published = town.newestSeq();
  let lastStatusAt = 0;
  let statusTimer: (() => void) | undefined;

  const gone = (peer: Peer): void => {
    peers.delete(peer);
    logs.close(peer);
  };

  const drop = (peer: Peer, code: number, reason: string): void => {
    gone(peer);
    try {
      peer.close(code, reason);
    } catch {
      // The socket is gone already, which is what was wanted.
    }
  };

  const deliver = (peer: Peer, text: string): void => {
    try {
      if ((peer.buffered?.() ?? 0) > MAX_BUFFERED_BYTES) {
        drop(peer, CLOSE_CODES.tooSlow, "Too far behind; reconnect.");
        return;
      }
      peer.send(text);
    } catch {
      drop(peer, CLOSE_CODES.goingAway, "The connection failed; reconnect.");
    }
  };
  const send = (peer: Peer, frame: LiveFrame): void => deliver(peer, JSON.stringify(frame));
  const logs = createLogTopics(town.id, options.followLog, send);

  /** Written as JSON once for all clients. */
  const broadcast = (frame: LiveFrame): void => {
    if (peers.size === 0) return;
    const text = JSON.stringify(frame);
    for (const peer of Array.from(peers)) deliver(peer, text);
  };

  const sendStatus = (): void => {
    statusTimer = undefined;
    lastStatusAt = options.now();
    broadcast({ type: "status", status: town.status() });
  };

  /** At most one per interval, the newest wins; armed by a change, never by an open socket. */
  const scheduleStatus = (): void => {
    if (peers.size === 0 || statusTimer !== undefined) return;
    const wait = lastStatusAt + STATUS_INTERVAL_MS - options.now();
    if (wait <= 0) sendStatus();
    else statusTimer = options.setTimer(Math.min(wait, STATUS_INTERVAL_MS), sendStatus);
  };

  const sendEntries = (entries: FeedEntry[], to: Iterable<Peer>): void => {
    for (const entry of entries) {
      const text = JSON.stringify({ type: "event", entry } satisfies LiveFrame);
      for (const peer of to) {
        if (peer.state.cursor >= entry.seq) continue;
        peer.state.cursor = entry.seq;
        deliver(peer, text);
      }
    }
  };

  const changed = (): void => {
    const newest = town.newestSeq();
    if (newest === published) return;
    while (peers.size > 0 && published < newest) {
      const entries = town.feed({ after: published, limit: PAGE });
      const last = entries.at(-1);
      if (last === undefined) break;
      sendEntries(entries, [...peers]);
      published = last.seq;
    }
    published = newest;
    scheduleStatus();
  };

  const snapshot = (peer: Peer): void => {
    const status = town.status();
    peer.state.cursor = status.seq;
    send(peer, { type: "snapshot", status });
  };

  const resume = (peer: Peer, after: number): void => {
    peer.state.cursor = after;
    for (;;) {
      const entries = town.feed({ after: peer.state.cursor, limit: PAGE });
      if (entries.length === 0 || !peers.has(peer)) return;
      sendEntries(entries, [peer]);
    }
  };

  /** Whether everything after `after` is still kept and not too much. */
  const canResume = (after: number, newest: number): boolean => {
    if (after > newest || newest - after > MAX_BEHIND) return false;
    const [first] = town.feed({ after, limit: 1 });
    return after === newest || first?.seq === after + 1;
  };

  const open = (peer: Peer, after: number | null): void => {
    changed();
    const newest = town.newestSeq();
    const resumed = after !== null && canResume(after, newest);
    peers.add(peer);
    const serverTime = new Date(options.now()).toISOString();
    send(peer, { type: "hello", seq: newest, serverTime, version: options.version, resumed });
    if (resumed) {
      resume(peer, after);
      return;
    }
    if (after !== null) send(peer, { type: "resync", fromSeq: newest });
    snapshot(peer);
  };

  const sendTranscript = (peer: Peer, topic: string, sessionId: string): void => {
    for (;;) {
      const after = peer.state.topics[topic];
      if (after === undefined || !peers.has(peer)) return;
      const items = town.transcript(sessionId, after, TRANSCRIPT_PAGE);
      for (const item of items) {
        peer.state.topics[topic] = item.seq;
        send(peer, { type: "transcript", topic, item });
      }
      if (items.length < TRANSCRIPT_PAGE) return;
    }
  };

  const subscribe = (peer: Peer, topic: string, after: number): void => {
    if (topic === "town") return;
    const isLog = logs.isOne(topic);
    const sessionId = topic.startsWith("session:") ? topic.slice("session:".length) : "";
    if (!isLog && !knows(town, sessionId)) {
      send(peer, { type: "refused", topic, code: "not_found" });
      return;
    }
    if (!(topic in peer.state.topics) && Object.keys(peer.state.topics).length >= MAX_TOPICS) {
      drop(peer, CLOSE_CODES.protocolError, `At most ${MAX_TOPICS} topics.`);
      return;
    }
    peer.state.topics = { ...peer.state.topics, [topic]: after };
    if (!isLog) sendTranscript(peer, topic, sessionId);
    else if (!logs.open(peer, topic, after)) send(peer, { type: "refused", topic, code: "not_found" });
  };

  const message = (peer: Peer, text: string): void => {
    const frame = text.length <= MAX_FRAME_BYTES ? parseClientFrame(text) : undefined;
    if (frame === undefined) {
      drop(peer, CLOSE_CODES.protocolError, "Only ping, subscribe and unsubscribe are understood.");
      return;
    }
    if (frame.type === "ping") send(peer, { type: "pong" });
    else if (frame.type === "subscribe") subscribe(peer, frame.topic, frame.after ?? 0);
    else {
      const { [frame.topic]: _gone, ...rest } = peer.state.topics;
      peer.state.topics = rest;
      logs.close(peer, frame.topic);
    }
  };

  return {
    open,
    message,
    closed: gone,
    changed,
    transcriptGrew(sessionIds) {
      for (const sessionId of sessionIds) {
        const topic = `session:${sessionId}`;
        for (const peer of Array.from(peers))
          if (topic in peer.state.topics) sendTranscript(peer, topic, sessionId);
      }
    },
    broadcast,
    closeAll(code, reason) {
      statusTimer?.();
      statusTimer = undefined;
      for (const peer of Array.from(peers)) drop(peer, code, reason);
    },
    get size() {
      return peers.size;
    },
  };
}

function parseClientFrame(text: string): ReturnType<typeof clientFrame.parse> | undefined {
  try {
    return clientFrame.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function knows(town: Town, sessionId: string): boolean {
  try {
    return town.session(sessionId).id === sessionId;
  } catch {
    return false;
  }
}
