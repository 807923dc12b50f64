// What this tab knows of groups, channels and messages, in the order and without the gaps that seq promises.

import { Failure, me, request } from './session.js';

export const groups = new Map(); // by id, each with channels: a list of ids
export const channels = new Map(); // by id: see addChannel
export const people = new Map(); // display names by user id

// Called after changes: of the list of channels; of a channel's messages, of which `added` are new at its end; of what waits to be sent.
export const on = { list() {}, messages(channel, added) {}, pending(channel) {} };

// changed has the list drawn anew, once for many changes.
let timer = 0;
function changed() {
  timer ||= setTimeout(() => {
    timer = 0;
    on.list();
  }, 20);
}

const lastSeq = (c) => c.messages.at(-1)?.seq ?? 0;
const path = (c, query = '') => `/groups/${c.groupId}/channels/${c.id}/messages${query}`;
const readKey = () => `parley.read.${me().id}`;
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

// load brings everything up to date: after connecting, and whenever the server may have missed something.
export async function load() {
  const list = await request('GET', '/groups');
  const ids = new Set(list.map((g) => g.id));
  for (const id of groups.keys()) if (!ids.has(id)) removeGroup(id);
  list.forEach(addGroup);
  await Promise.all([...channels.values()].filter((c) => c.loaded).map(catchUp));
}

export function clear() {
  groups.clear();
  channels.clear();
}

export function addGroup(g) {
  const there = groups.get(g.id) ?? { channels: [] };
  const mine = new Set(g.channels.map((c) => c.id));
  for (const id of there.channels) if (!mine.has(id)) channels.delete(id);
  groups.set(g.id, Object.assign(there, g, { channels: [...mine] }));
  g.channels.forEach(addChannel);
  changed();
}

export function updateGroup(g) {
  if (groups.has(g.id)) Object.assign(groups.get(g.id), g);
  changed();
}

export function removeGroup(id) {
  groups.get(id)?.channels.forEach((c) => channels.delete(c));
  groups.delete(id);
  changed();
}

export function addChannel(info) {
  const group = groups.get(info.groupId);
  if (!group) return;
  const c = channels.get(info.id) ?? {
    messages: [], // a part of the history without gaps, up to its end once it is loaded
    early: new Map(), // messages by seq that are beyond a gap
    pending: [], // own messages that are not confirmed yet
    readSeq: info.lastSeq, unread: 0, loaded: false, hasMore: false, catching: null,
  };
  Object.assign(c, info, { lastSeq: Math.max(info.lastSeq, c.lastSeq ?? 0) });
  const read = JSON.parse(localStorage.getItem(readKey()))?.[c.id] ?? 0;
  if (read > c.readSeq) c.unread = Math.max(0, c.lastSeq - read);
  channels.set(c.id, c);
  if (!group.channels.includes(c.id)) group.channels.push(c.id);
  changed();
}

export function removeChannel(groupId, id) {
  const group = groups.get(groupId);
  if (group) group.channels = group.channels.filter((c) => c !== id);
  channels.delete(id);
  changed();
}

export function markRead(c) {
  c.unread = 0;
  const read = JSON.parse(localStorage.getItem(readKey())) ?? {};
  localStorage.setItem(readKey(), JSON.stringify({ ...read, [c.id]: c.lastSeq }));
}

// Names of a group's members, page by page.
export async function loadPeople(groupId) {
  const limit = 200;
  let page;
  let after = 0;
  do {
    page = await request('GET', `/groups/${groupId}/members?limit=${limit}&after=${after}`);
    for (const { user } of page) {
      people.set(user.id, user.displayName);
      after = user.id;
    }
  } while (page.length === limit);
}

// loadLatest fetches the end of a channel's history, the first time.
export async function loadLatest(c) {
  if (c.loaded) return;
  const page = await request('GET', path(c, '?limit=50'));
  if (c.loaded) return;
  Object.assign(c, { messages: page.messages, hasMore: page.hasMore, loaded: true });
  page.messages.forEach(settle);
  on.messages(c);
  fillIn(c);
}

export async function loadOlder(c) {
  const page = await request('GET', path(c, `?limit=50&before=${c.messages[0].seq}`));
  if (page.messages.at(-1)?.seq !== c.messages[0].seq - 1) return; // another call was faster
  c.messages.unshift(...page.messages);
  c.hasMore = page.hasMore;
  on.messages(c);
}

// receive takes a message from wherever it comes, any number of times.
export function receive(m) {
  const c = channels.get(m.channelId);
  if (!c) return;
  const fresh = m.seq > c.lastSeq;
  c.lastSeq = Math.max(c.lastSeq, m.seq);
  settle(m);
  if (fresh && m.senderId !== me().id) c.unread++;
  if (m.seq > lastSeq(c)) c.early.set(m.seq, m);
  if (c.loaded) fillIn(c);
  changed();
}

// settle takes the temporary message away that the real one stands for.
function settle(m) {
  const c = channels.get(m.channelId);
  const i = m.senderId === me().id ? c.pending.findIndex((p) => p.hash === m.hash) : -1;
  if (i < 0) return;
  c.pending.splice(i, 1);
  on.pending(c);
}

// fillIn appends what follows without a gap, and asks for what is missing before the rest.
function fillIn(c) {
  const added = [];
  for (let seq = lastSeq(c) + 1; c.early.has(seq); seq++) added.push(c.early.get(seq));
  c.messages.push(...added);
  for (const seq of c.early.keys()) if (seq <= lastSeq(c)) c.early.delete(seq);
  if (added.length > 0) on.messages(c, added);
  if (c.early.size > 0) catchUp(c);
}

// catchUp fetches what came after the last message, and goes on trying while the server is away.
export function catchUp(c) {
  c.catching ??= (async () => {
    for (let more = true; more && channels.get(c.id) === c;) {
      try {
        const page = await request('GET', path(c, `?limit=200&after=${lastSeq(c)}`));
        page.messages.forEach(receive);
        more = page.hasMore || c.early.size > 0;
        if (!page.hasMore && more) await pause(500);
      } catch (failure) {
        if (!(failure instanceof Failure)) throw failure;
        if (!failure.passing) return; // not ours to read any more
        await pause(2000);
      }
    }
  })().finally(() => { c.catching = null; });
  return c.catching;
}

// send shows a message at once and hands it over until it is accepted. The hash makes trying again harmless.
export function send(c, content) {
  const hash = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');
  const p = { hash, content, createdAt: new Date().toISOString() };
  c.pending.push(p);
  on.pending(c);
  queue(c, p);
}

// queue hands messages over one after the other, so that they are numbered in the order in which they were written.
export function queue(c, p) {
  p.failed = '';
  c.queue = Promise.allSettled([c.queue]).then(() => deliver(c, p));
}

const attempts = 8; // with pauses of 1, 2, 3 … seconds in between

async function deliver(c, p) {
  on.pending(c);
  for (let attempt = 1; c.pending.includes(p); attempt++) {
    try {
      await request('POST', path(c), { content: p.content, hash: p.hash });
      return;
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      if (!failure.passing || attempt === attempts) {
        fail(c.id, p.hash, failure.message);
        return;
      }
      await pause(1000 * Math.max(failure.retryAfter, attempt));
    }
  }
}

export function fail(channelId, hash, detail) {
  const c = channels.get(channelId);
  const p = c?.pending.find((one) => one.hash === hash);
  if (!p) return;
  p.failed = detail || 'The message could not be sent.';
  on.pending(c);
}

export function discard(c, p) {
  c.pending = c.pending.filter((one) => one !== p);
  on.pending(c);
}
