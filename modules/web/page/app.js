// The page: what is shown, what is clicked, and the events of the server.

import * as session from './session.js';
import * as store from './store.js';

const { groups, channels, people } = store;
const $ = (id) => document.getElementById(id);
let socket = null;
let open = null; // the channel that is shown

// el makes an element. Texts only ever become text nodes: nothing that somebody wrote is read as HTML.
function el(tag, props, ...children) {
  const e = document.createElement(tag);
  const { aria = {}, ...rest } = props ?? {};
  Object.assign(e, rest);
  for (const [name, value] of Object.entries(aria)) e.setAttribute(`aria-${name}`, value);
  e.append(...children);
  return e;
}

// --- Signing in ---

let registering = false;

$('other-way').addEventListener('click', () => {
  registering = !registering;
  const form = $('sign-in');
  $('display-name').hidden = !registering;
  form.displayName.required = registering;
  form.password.minLength = registering ? 8 : 0;
  form.password.autocomplete = registering ? 'new-password' : 'current-password';
  form.querySelector('.primary').textContent = registering ? 'Make the account' : 'Sign in';
  $('other-way').textContent = registering ? 'I have an account' : 'Make an account';
});

$('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const body = { username: form.username.value.trim(), password: form.password.value };
  if (registering) body.displayName = form.displayName.value;
  await attempt(form, async () => {
    await session.enter(registering ? '/auth/register' : '/auth/login', body);
    form.reset();
    start();
  });
});

// attempt runs what a form does, and shows in it what went wrong.
async function attempt(form, action) {
  const button = form.querySelector('.primary');
  const error = form.querySelector('.error');
  error.textContent = '';
  button.disabled = true;
  try {
    await action();
  } catch (failure) {
    error.textContent = failure.message;
  } finally {
    button.disabled = false;
  }
}

$('sign-out').addEventListener('click', () => session.leave());

session.on.end = (reason) => {
  socket?.disconnect();
  store.clear();
  open = null;
  $('chat').hidden = true;
  $('welcome').hidden = false;
  $('sign-in').querySelector('.error').textContent = reason ?? '';
  document.title = 'Parley';
};

session.on.token = (token) => {
  if (socket?.connected) socket.emit('AUTH', { token });
};

function start() {
  $('welcome').hidden = true;
  $('chat').hidden = false;
  $('me').textContent = session.me().displayName;
  showChannel(null);
  connect();
}

// --- The connection ---

function connect() {
  show('Connecting…');
  const s = io({ auth: (give) => give({ token: session.token() }), forceNew: true });
  socket = s;

  s.on('SUBSCRIBED', async () => {
    if (await sync() && s.connected) show('Online');
  });
  s.on('RESYNC', sync);
  s.on('GROUP_MESSAGE_SENT', store.receive);
  s.on('GROUP_MESSAGE_RECEIVE', store.receive);
  s.on('GROUP_MESSAGE_FAILED', ({ channelId, hash, detail }) => store.fail(channelId, hash, detail));
  s.on('GROUP_JOINED', ({ group }) => store.addGroup(group));
  s.on('GROUP_LEFT', ({ groupId }) => store.removeGroup(groupId));
  s.on('GROUP_UPDATED', ({ group }) => store.updateGroup(group));
  s.on('GROUP_DELETED', ({ groupId }) => store.removeGroup(groupId));
  s.on('MEMBER_JOINED', ({ member: { user } }) => people.set(user.id, user.displayName));
  s.on('CHANNEL_CREATED', ({ channel }) => store.addChannel(channel));
  s.on('CHANNEL_UPDATED', ({ channel }) => store.addChannel(channel));
  s.on('CHANNEL_DELETED', ({ groupId, channelId }) => store.removeChannel(groupId, channelId));

  s.on('DRAIN', ({ reconnectInMs }) => {
    s.disconnect();
    show('The server is restarting…');
    setTimeout(() => { if (socket === s && session.me()) s.connect(); }, reconnectInMs);
  });
  s.on('disconnect', (reason) => {
    if (!session.me()) return;
    show('Reconnecting…');
    if (reason === 'io server disconnect') again(s); // the token has expired, or the account is disabled
  });
  s.on('connect_error', (error) => {
    show('Reconnecting…');
    if (!s.active) again(s, error.data?.code); // refused; of other troubles the library takes care
  });
}

// again connects anew, with a fresh token, after the server has refused the old one.
async function again(s, code) {
  if (code === 'user_disabled') return session.end('This account is disabled.');
  try {
    await session.refresh();
    s.connect();
  } catch (failure) {
    if (failure.passing) setTimeout(() => { if (session.me() && !s.connected) again(s); }, 2000);
  }
}

// sync fetches what may have been missed. It fails when the server is away, and then SUBSCRIBED will come again.
async function sync() {
  try {
    await store.load();
    return true;
  } catch (failure) {
    if (!(failure instanceof session.Failure)) throw failure;
    return false;
  }
}

function show(state) {
  $('state').textContent = state;
  $('state').className = state === 'Online' ? 'online' : '';
}

// --- Groups and channels ---

store.on.list = () => {
  if (!session.me()) return;
  if (open && channels.get(open.id) !== open) {
    showChannel(null);
    $('empty').textContent = 'You cannot read this channel any more.';
  }
  if (open) showTitle();
  const lists = [...groups.values()].sort((a, b) => a.id - b.id).map(groupItem);
  const focused = document.activeElement?.dataset?.channel;
  $('groups').replaceChildren(...lists);
  if (focused) $('groups').querySelector(`[data-channel="${focused}"]`)?.focus();
  if (lists.length === 0) $('groups').append(el('p', { className: 'hint', textContent: 'You are in no group yet. Make one!' }));
  const unread = [...channels.values()].reduce((sum, c) => sum + c.unread, 0);
  document.title = unread ? `(${unread}) Parley` : 'Parley';
};

function groupItem(group) {
  const title = el('h2', { title: group.description }, group.name);
  if (group.role !== 'member') {
    const add = el('button', { type: 'button', textContent: '+', title: 'New channel', aria: { label: `New channel in ${group.name}` } });
    add.addEventListener('click', () => newChannel(group));
    title.append(add);
  }
  const items = group.channels.map((id) => el('li', null, channelButton(channels.get(id))));
  return el('section', null, title, el('ul', null, ...items));
}

// sign is a channel's # or lock.
function sign(c) {
  if (!c.private) return el('span', { className: 'sign', textContent: '#', aria: { hidden: true } });
  return el('span', { className: 'sign lock' }, el('span', { className: 'unseen', textContent: 'private ' }));
}

function channelButton(c) {
  const button = el('button', { type: 'button', className: 'channel', title: c.topic });
  button.dataset.channel = c.id;
  button.append(sign(c), el('span', { className: 'name' }, c.name));
  if (c.unread) button.append(el('span', { className: 'badge', textContent: c.unread, aria: { label: `${c.unread} unread` } }));
  if (c === open) button.setAttribute('aria-current', 'true');
  button.addEventListener('click', () => showChannel(c));
  return button;
}

$('new-group').addEventListener('click', () => ask('New group', 'Make the group', [
  { name: 'name', label: 'Name', maxLength: 100, required: true },
  { name: 'description', label: 'What is it about? (optional)', maxLength: 1000 },
], async (values) => {
  const group = await session.request('POST', '/groups', values);
  store.addGroup(group);
  showChannel(channels.get(group.channels[0].id));
}));

function newChannel(group) {
  ask(`New channel in ${group.name}`, 'Make the channel', [
    { name: 'name', label: 'Name: letters, digits, - and _', maxLength: 64, required: true },
    { name: 'topic', label: 'Topic (optional)', maxLength: 250 },
    { name: 'private', label: 'Private: only for those who are added to it', type: 'checkbox' },
  ], async (values) => {
    const channel = await session.request('POST', `/groups/${group.id}/channels`, { ...values, name: values.name.trim().replaceAll(' ', '-') });
    store.addChannel(channel);
    showChannel(channels.get(channel.id));
  });
}

// ask opens a dialog with a few fields and closes it when the action has succeeded.
function ask(title, verb, fields, action) {
  const dialog = $('ask');
  const form = dialog.querySelector('form');
  $('ask-title').textContent = title;
  form.querySelector('.primary').textContent = verb;
  form.querySelector('.error').textContent = '';
  const inputs = fields.map(({ label, ...props }) => [label, el('input', { autocomplete: 'off', ...props })]);
  form.querySelector('.fields').replaceChildren(...inputs.map(([label, input]) => el('label', { className: input.type }, label, ' ', input)));
  form.onsubmit = (event) => {
    event.preventDefault();
    const values = Object.fromEntries(inputs.map(([, i]) => [i.name, i.type === 'checkbox' ? i.checked : i.value]));
    attempt(form, async () => {
      await action(values);
      dialog.close();
    });
  };
  dialog.showModal();
  inputs[0][1].focus();
}

for (const button of document.querySelectorAll('dialog .cancel')) {
  button.addEventListener('click', () => button.closest('dialog').close());
}

// --- People ---

$('add-people').addEventListener('click', () => {
  const c = open;
  const dialog = $('people');
  const input = dialog.querySelector('input');
  $('people-title').textContent = `Add people to ${c.private ? `#${c.name}` : groups.get(c.groupId).name}`;
  input.value = '';
  input.oninput = () => find(dialog, c);
  dialog.showModal();
  find(dialog, c);
});

async function find(dialog, c) {
  const q = dialog.querySelector('input').value.trim();
  const error = dialog.querySelector('.error');
  error.textContent = '';
  let found;
  try {
    found = await session.request('GET', `/users?limit=20&q=${encodeURIComponent(q)}`);
  } catch (failure) {
    error.textContent = failure.message;
    return;
  }
  if (dialog.querySelector('input').value.trim() !== q) return; // typed on meanwhile
  const items = found.filter((u) => u.id !== session.me().id).map((user) => {
    const add = el('button', { type: 'button', textContent: 'Add', aria: { label: `Add ${user.displayName}` } });
    add.addEventListener('click', () => addPerson(c, user, add, error));
    return el('li', null, avatar(user.id, user.displayName), el('span', { className: 'name' }, user.displayName, ' ', el('small', null, user.username)), add);
  });
  dialog.querySelector('ul').replaceChildren(...items);
  if (items.length === 0) error.textContent = 'Nobody has a name that begins like this.';
}

async function addPerson(c, user, button, error) {
  const channel = c.private ? `/channels/${c.id}` : '';
  button.disabled = true;
  error.textContent = '';
  try {
    await session.request('POST', `/groups/${c.groupId}${channel}/members`, { userId: user.id });
    people.set(user.id, user.displayName);
    button.textContent = 'Added';
  } catch (failure) {
    if (failure.code === 'already_member') {
      button.textContent = 'Is a member';
      return;
    }
    button.disabled = false;
    error.textContent = failure.message;
  }
}

// --- Messages ---

async function showChannel(c) {
  open = c;
  document.body.classList.toggle('browsing', !c); // small screens show either the list or the channel
  for (const id of ['composer', 'messages', 'pending']) $(id).hidden = !c;
  $('latest').hidden = true;
  $('older').hidden = true;
  $('messages').replaceChildren();
  $('pending').replaceChildren();
  $('empty').textContent = c ? 'Loading…' : 'Choose a channel.';
  showTitle();
  store.on.list();
  if (!c) return;
  try {
    await Promise.all([store.loadLatest(c), store.loadPeople(c.groupId)]);
  } catch (failure) {
    if (open === c) $('empty').textContent = failure.message;
    return;
  }
  if (open !== c) return;
  store.on.messages(c);
  store.on.pending(c);
  toEnd();
  if (matchMedia('(hover: hover)').matches) $('composer').content.focus(); // where that does not open a keyboard
}

function showTitle() {
  const group = open && groups.get(open.groupId);
  $('title').replaceChildren(...(open ? [sign(open), open.name] : []));
  $('topic').textContent = open ? [group?.name, open.topic].filter(Boolean).join(' · ') : '';
  $('add-people').hidden = !open || !group || group.role === 'member';
}

store.on.messages = (c, added) => {
  if (c !== open || !c.loaded) return;
  if (!document.hidden) store.markRead(c);
  const view = $('scroll');
  const atEnd = isAtEnd();
  if (added) {
    const before = c.messages[c.messages.length - added.length - 1];
    $('messages').append(...rows(added, before));
    if (!atEnd && added.some((m) => m.senderId !== session.me().id)) $('latest').hidden = false;
  } else {
    const fromEnd = view.scrollHeight - view.scrollTop;
    $('messages').replaceChildren(...rows(c.messages));
    view.scrollTop = view.scrollHeight - fromEnd;
  }
  $('older').hidden = !c.hasMore;
  $('empty').textContent = c.messages.length === 0 ? 'Nobody has written anything yet.' : '';
  if (added && atEnd) toEnd();
};

store.on.pending = (c) => {
  if (c !== open) return;
  const atEnd = isAtEnd();
  $('pending').replaceChildren(...c.pending.map(pendingRow));
  if (atEnd) toEnd();
};

function isAtEnd() {
  const view = $('scroll');
  return view.scrollHeight - view.scrollTop - view.clientHeight < 80;
}

function toEnd() {
  $('scroll').scrollTop = $('scroll').scrollHeight;
  $('latest').hidden = true;
}

const runBreak = 5 * 60 * 1000; // after this long, a message shows its sender again

function rows(messages, before) {
  const made = [];
  for (const m of messages) {
    const at = new Date(m.createdAt);
    const day = at.toDateString();
    if (!before || new Date(before.createdAt).toDateString() !== day) {
      made.push(el('li', { className: 'day' }, at.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' })));
      before = null;
    }
    const goesOn = before?.senderId === m.senderId && at - new Date(before.createdAt) < runBreak;
    made.push(row(m, at, goesOn));
    before = m;
  }
  return made;
}

function row(m, at, goesOn) {
  const li = el('li', { className: goesOn ? 'message goes-on' : 'message' });
  const time = el('time', { dateTime: m.createdAt, title: at.toLocaleString() }, at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
  const name = people.get(m.senderId) ?? 'Somebody who left';
  if (goesOn) li.append(el('span', { className: 'unseen' }, `${name}:`), time);
  else li.append(avatar(m.senderId, name), el('p', { className: 'by' }, el('strong', null, name), ' ', time));
  li.append(el('p', { className: 'text' }, m.content));
  return li;
}

function pendingRow(p) {
  const li = el('li', { className: p.failed ? 'message failed' : 'message sending' }, el('p', { className: 'text' }, p.content));
  if (!p.failed) {
    li.append(el('small', null, 'Sending…'));
    return li;
  }
  const c = open;
  const retry = el('button', { type: 'button', className: 'link', textContent: 'Try again' });
  const discard = el('button', { type: 'button', className: 'link', textContent: 'Discard' });
  retry.addEventListener('click', () => store.queue(c, p));
  discard.addEventListener('click', () => store.discard(c, p));
  li.append(el('small', { role: 'alert' }, `Not sent: ${p.failed} `, retry, ' ', discard));
  return li;
}

function avatar(id, name) {
  const initials = name.split(/\s+/).map((word) => [...word][0] ?? '').slice(0, 2).join('').toUpperCase();
  return el('span', { className: `avatar hue-${id % 8}`, textContent: initials, aria: { hidden: true } });
}

$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('composer').content;
  if (!open || !text.value.trim()) return;
  store.send(open, text.value.trim());
  text.value = '';
  grow();
  toEnd();
});

$('composer').content.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('composer').requestSubmit();
});

function grow() {
  const text = $('composer').content;
  text.rows = Math.min(8, text.value.split('\n').length);
}

$('composer').content.addEventListener('input', grow);
$('older').addEventListener('click', () => older());
$('latest').addEventListener('click', toEnd);
$('menu').addEventListener('click', () => document.body.classList.toggle('browsing'));
$('scroll').addEventListener('scroll', () => {
  if (isAtEnd()) $('latest').hidden = true;
  if ($('scroll').scrollTop < 40) older();
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden || !open?.loaded) return;
  store.markRead(open);
  store.on.list();
});

let loadingOlder = false;

async function older() {
  if (loadingOlder || !open?.loaded || !open.hasMore) return;
  loadingOlder = true;
  try {
    await store.loadOlder(open);
  } catch (failure) {
    if (!(failure instanceof session.Failure)) throw failure; // else scrolling tries again
  } finally {
    loadingOlder = false;
  }
}

if (session.resume()) start();
else $('welcome').hidden = false;
