import type { Api, HistoryQuery, SearchQuery } from "./api.js";
import { chatsOnPage } from "./chats.js";
import type { Http } from "./http.js";
import type { ChannelMessage, Edit, Group, Id, Invite, Member, Reactors, SearchResults, SignIn, Thread, User } from "./types.js";

const firstPage = "?limit=200";

/** The API as functions, by requests. Reading, and what may be done twice, is repeated until there is an answer. */
export function requests(http: Http): Api {
  const get = <T>(path: string): Promise<T> => http.ask<T>("GET", path);
  const put = (path: string): Promise<void> => http.ask("PUT", path);
  const remove = (path: string): Promise<void> => http.ask("DELETE", path);
  const patch = <T>(path: string, body: unknown): Promise<T> => http.ask<T>("PATCH", path, { body });
  const post = <T>(path: string, body?: unknown): Promise<T> => http.once<T>("POST", path, body === undefined ? {} : { body });

  return {
    findUsers: (q, limit) => get(`/users${query({ q, limit })}`),
    usersById: (ids) => get<User[]>(`/users${query({ ids: ids.join(",") })}`),

    sessions: () => get<SignIn[]>("/me/sessions"),
    endSession: (id) => remove(`/me/sessions/${encodeURIComponent(id)}`),
    endOtherSessions: () => remove("/me/sessions"),
    changePassword: (currentPassword, newPassword) => http.once("PUT", "/me/password", { body: { currentPassword, newPassword } }),
    deleteMe: (password) => http.once("DELETE", "/me", { body: { password } }),

    createGroup: (name, description) => post("/groups", { name, description }),
    updateGroup: (groupId, change) => patch(`/groups/${groupId}`, change),
    deleteGroup: (groupId) => remove(`/groups/${groupId}`),
    members: (groupId, page = firstPage) => http.page<Member>(`/groups/${groupId}/members${page}`),
    addMember: (groupId, userId, role) => post(`/groups/${groupId}/members`, role === undefined ? { userId } : { userId, role }),
    setRole: (groupId, userId, role) => patch(`/groups/${groupId}/members/${userId}`, { role }),
    removeMember: (groupId, userId) => remove(`/groups/${groupId}/members/${userId}`),
    transfer: (groupId, userId) => post(`/groups/${groupId}/transfer`, { userId }),

    createInvite: (groupId, options) => post(`/groups/${groupId}/invites`, options),
    invites: (groupId) => get<Invite[]>(`/groups/${groupId}/invites`),
    revokeInvite: (groupId, code) => remove(`/groups/${groupId}/invites/${encodeURIComponent(code)}`),
    invitation: (code) => get(`/invites/${encodeURIComponent(code)}`),
    acceptInvite: (code) => post<Group>(`/invites/${encodeURIComponent(code)}/accept`),

    bans: (groupId, page = firstPage) => http.page(`/groups/${groupId}/bans${page}`),
    ban: (groupId, userId, reason) => post(`/groups/${groupId}/bans`, reason ? { userId, reason } : { userId }),
    unban: (groupId, userId) => remove(`/groups/${groupId}/bans/${userId}`),

    createChannel: (groupId, channel) => post(`/groups/${groupId}/channels`, channel),
    updateChannel: (groupId, channelId, change) => patch(`/groups/${groupId}/channels/${channelId}`, change),
    deleteChannel: (groupId, channelId) => remove(`/groups/${groupId}/channels/${channelId}`),
    channelMembers: (groupId, channelId, page = firstPage) => http.page(`/groups/${groupId}/channels/${channelId}/members${page}`),
    addChannelMember: (groupId, channelId, userId) => post(`/groups/${groupId}/channels/${channelId}/members`, { userId }),
    removeChannelMember: (groupId, channelId, userId) => remove(`/groups/${groupId}/channels/${channelId}/members/${userId}`),

    messages: (groupId, channelId, q) => get(`/groups/${groupId}/channels/${channelId}/messages${query(q)}`),
    edits: async (message) => (await get<{ edits: Edit[] }>(`${pathOf(message)}/edits`)).edits,
    reactors: async (message) => (await get<{ reactions: Reactors[] }>(`${pathOf(message)}/reactions?limit=200`)).reactions,
    pins: async (groupId, channelId) => (await get<{ messages: ChannelMessage[] }>(`/groups/${groupId}/channels/${channelId}/pins`)).messages,
    thread: (message, after) => get<Thread>(`${pathOf(message)}/thread${query({ after, limit: 200 })}`),
    recipients: (message, page = firstPage) => http.page(`${pathOf(message)}/recipients${page}`, "recipients"),
    mentions: (before) => get(`/mentions${query({ before })}`),
    search: (q: SearchQuery) => get<SearchResults>(`/search${query(q)}`),

    chats: (before) => get(`/direct${query({ before, limit: chatsOnPage })}`),
    personalMessages: (userId, q: HistoryQuery) => get(`/direct/${userId}/messages${query(q)}`),
    blocks: (page = firstPage) => http.page(`/blocks${page}`),
    block: (userId) => put(`/blocks/${userId}`),
    unblock: (userId) => remove(`/blocks/${userId}`),
  };
}

/** The path of a message of a channel. */
export function pathOf({ groupId, channelId, messageId }: { groupId: Id; channelId: Id; messageId: Id }): string {
  return `/groups/${groupId}/channels/${channelId}/messages/${messageId}`;
}

function query(fields: object): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined) as [string, string | number][];
  return given.length > 0 ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}` : "";
}
