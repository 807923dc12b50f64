import type { Changes } from "./changes.js";
import type { Http } from "./http.js";
import type { Inbox } from "./inbox.js";
import type { MemberList } from "./parley.js";
import type { Id, Member } from "./types.js";
import type { Users } from "./users.js";

const none: MemberList = { members: new Map(), complete: false };

interface List {
  members: Map<Id, Member>;
  complete: boolean;
  shown: MemberList | undefined;
  /** What is shown is an earlier list, until this one is complete. */
  stale: boolean;
  loading: Promise<void> | undefined;
}

/** The members of those groups whose members were asked for. */
export class Members {
  readonly #changes: Changes;
  readonly #http: Http;
  readonly #inbox: Inbox;
  readonly #users: Users;
  readonly #lists = new Map<Id, List>();

  constructor(changes: Changes, http: Http, inbox: Inbox, users: Users) {
    this.#changes = changes;
    this.#http = http;
    this.#inbox = inbox;
    this.#users = users;
  }

  of(groupId: Id): MemberList {
    const list = this.#lists.get(groupId);
    if (!list) return none;
    return (list.shown ??= { members: new Map(list.members), complete: list.complete });
  }

  /** Fetches a group's members unless they are here; events keep them up to date. */
  load(groupId: Id): Promise<void> {
    let list = this.#lists.get(groupId);
    if (!list) this.#lists.set(groupId, (list = { members: new Map(), complete: false, shown: undefined, stale: false, loading: undefined }));
    if (list.complete) return Promise.resolve();
    const own = list;
    own.loading ??= this.#fetch(groupId, own).finally(() => (own.loading = undefined));
    return own.loading.then(() => {
      const now = this.#lists.get(groupId);
      return now && now !== own ? this.load(groupId) : undefined;
    });
  }

  /** Takes what somebody is in a group: undefined for nothing. */
  set(groupId: Id, userId: Id, member: Member | undefined): void {
    if (member) this.#users.learn(member.user);
    const list = this.#lists.get(groupId);
    if (!list) return;
    if (member) list.members.set(userId, member);
    else list.members.delete(userId);
    this.#changed(groupId, list);
  }

  /** What is here of a group's members is out of date: those that were asked for are fetched again. What is here is shown meanwhile. */
  outdated(groupId: Id): void {
    const old = this.#lists.get(groupId);
    if (!old) return;
    const fresh: List = { members: new Map(), complete: false, shown: this.of(groupId), stale: true, loading: undefined };
    this.#lists.set(groupId, fresh);
    void this.load(groupId).catch(() => undefined); // without an answer the sign-in is over, or the group is gone
  }

  remove(groupId: Id): void {
    if (this.#lists.delete(groupId)) this.#changes.note(`members:${groupId}`);
  }

  async #fetch(groupId: Id, list: List): Promise<void> {
    let query: string | undefined = "?limit=200";
    while (query) {
      const path: string = `/groups/${groupId}/members${query}`;
      query = await this.#http.repeat(() => this.#inbox.during(() => this.#http.pageOnce<Member>(path), ({ items, next }) => {
        if (this.#lists.get(groupId) !== list) return undefined; // outdated meanwhile
        for (const member of items) list.members.set(member.user.id, member);
        this.#users.learn(...items.map((m) => m.user));
        list.complete = !next;
        this.#changed(groupId, list);
        return next;
      }));
    }
  }

  #changed(groupId: Id, list: List): void {
    if (list.stale && !list.complete) return;
    list.stale = false;
    list.shown = undefined;
    this.#changes.note(`members:${groupId}`);
  }
}
