/** One connection of the live feed, as the host sees it. `state` is JSON: an object that sleeps keeps it. */
export interface Peer {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Bytes that were sent and not taken yet, where the host knows. */
  buffered?(): number;
  state: PeerState;
}

export interface PeerState {
  townId: string;
  /** Of the ticket. */
  principal: string;
  /** The newest `seq` that was sent. */
  cursor: number;
  /** Subscribed topic → last transcript `seq` that was sent, or lines of a log. */
  topics: Record<string, number>;
}

/** What a new connection begins with. */
export function newPeerState(townId: string, principal: string): PeerState {
  return { townId, principal, cursor: 0, topics: {} };
}
