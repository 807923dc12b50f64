import type { Changes } from "./changes.js";
import type { Chats } from "./chats.js";
import type { Connection } from "./connection.js";
import type { Groups } from "./groups.js";
import type { Http } from "./http.js";
import type { Inbox } from "./inbox.js";
import type { Ledger } from "./ledger.js";
import type { Members } from "./members.js";
import type { Outbox } from "./outbox.js";
import type { Presence } from "./presence.js";
import type { Reports } from "./reports.js";
import type { Rooms } from "./rooms.js";
import type { Sync } from "./sync.js";
import type { Id } from "./types.js";
import type { Typing } from "./typing.js";
import type { Users } from "./users.js";

/** Everything that is known while one user is signed in, and who takes care of it. It is gone with the sign-in. */
export interface World {
  readonly me: Id;
  readonly changes: Changes;
  readonly http: Http;
  readonly connection: Connection;
  readonly inbox: Inbox;
  readonly sync: Sync;
  readonly groups: Groups;
  readonly chats: Chats;
  readonly users: Users;
  readonly members: Members;
  readonly rooms: Rooms;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly reports: Reports;
  readonly typing: Typing;
  readonly presence: Presence;
  /** Groups and channels that the user leaves or deletes with this client: no news. */
  readonly leaving: Set<`g${number}` | `c${number}`>;
}
