/** One connection of a person in the room. */
export interface RosterConnection<Data = unknown> {
  /** The time at which it joined, in UTC. */
  since: string;
  /** The data of the connection, if the project shows data and the connection has some. */
  data?: Data;
}

/** A person with all connections in the room. */
export interface Member<Info = any, Data = unknown> {
  id: string;
  /** What the project shows of the person. */
  info?: Info;
  /** At least one, in the order in which they joined. */
  connections: RosterConnection<Data>[];
}

/**
 * - `connecting`: the server has not yet sent the roster, or the socket is lost.
 * - `live`: the roster follows the room.
 * - `paused`: the page is hidden, and the roster is as it was.
 * - `closed`: by `close`, by a refusal of the server, or by a close code that is final.
 */
export type RosterState = "connecting" | "live" | "paused" | "closed";

export type Activity = "active" | "idle" | "hidden";

/** All times are in milliseconds. Give one of `url`, `socket` and `send`. */
export interface RosterOptions {
  /**
   * Opens a WebSocket of its own. It reconnects after a random delay of at most one second, which doubles at each
   * further attempt, up to 30 seconds; at once if the browser is online again or the server evicted the connection (4408).
   * It answers the pings of the server.
   */
  url?: string | URL;
  /** Uses a WebSocket of yours, which may be one that reconnects by itself. Answer the pings of the server yourself. */
  socket?: Pick<WebSocket, "send" | "readyState" | "addEventListener">;
  /** Sends a text to the server. Then call `opened`, `lost` and `receive` yourself. */
  send?: (text: string) => void;
  /** How long the page has to be hidden before the roster pauses, or false to go on. 10 seconds by default. */
  pause?: number | false;
  /**
   * Reports whether the user is active. With true, each change is sent to the server in a message
   * `{"type": "presence.activity", "room": ..., "activity": ...}`. A function is called with it instead.
   */
  activity?: boolean | ((activity: Activity) => void);
  /** After how long without input the user is idle. 60 seconds by default. */
  idleAfter?: number;
  /** Close codes after which a socket of its own stays closed. 4401, 4403, 4404 and 4409 by default. */
  finalCodes?: number[];
}

export interface MemberChange<Info = any, Data = unknown> {
  member: Member<Info, Data>;
  /** What the person was before an update. Otherwise null. */
  before: Member<Info, Data> | null;
}

/**
 * A replica of the roster of a room.
 *
 * It dispatches `join`, `leave` and `update` with a `MemberChange` as detail, `sync` after each message that was
 * applied, and `state` with the new state. When it does, the whole message has been applied.
 */
export class Roster<Info = any, Data = unknown> extends EventTarget {
  constructor(room: string, options: RosterOptions);

  readonly room: string;
  /** The mark of the roster, or null while there is none. */
  readonly mark: string | null;
  /** How many people are present. */
  readonly people: number;
  /** How many anonymous connections are present. */
  readonly anonymous: number;
  readonly state: RosterState;
  /** Why it is closed: the reason of a refusal, or a close code. Null after `close`. */
  readonly reason: string | number | null;
  readonly activity: Activity;
  /** Whether `list` has all people who are present. Null in a room whose people are only counted. */
  readonly listedAll: boolean | null;

  /** The listed people, in the order in which they arrived in the roster, or sorted. */
  list(compare?: (one: Member<Info, Data>, other: Member<Info, Data>) => number): Member<Info, Data>[];
  get(id: string): Member<Info, Data> | undefined;
  /**
   * The ids in `expected` that are not present, in their order. Null unless `listedAll`: someone who is not listed may
   * be present. A member who is hidden from this page is missing for it.
   */
  missing<Id extends string | number>(expected: Iterable<Id>): Id[] | null;

  /**
   * Calls back for each person who arrives. The people of the first snapshot arrive before the first `onSync`.
   * This and the others return a function that removes the callback.
   */
  onJoin(callback: (member: Member<Info, Data>, before: null) => void): () => void;
  onLeave(callback: (member: Member<Info, Data>, before: null) => void): () => void;
  onUpdate(callback: (member: Member<Info, Data>, before: Member<Info, Data>) => void): () => void;
  onSync(callback: () => void): () => void;

  /** Applies a message of the server. Returns whether it was about this roster. For the option `send`. */
  receive(message: unknown): boolean;
  /** Call it when the socket opens, each time. For the option `send`. */
  opened(): void;
  /** Call it when the socket closes. For the option `send`. */
  lost(): void;
  /** Ends the roster: it closes a socket of its own, or asks the server for no more messages, and forgets its timers. */
  close(): void;
}
