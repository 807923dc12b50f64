// Signing in, and requests as whoever is signed in. The session belongs to this tab alone, so that two tabs can be two people.

const kept = 'parley.session';
let session = JSON.parse(sessionStorage.getItem(kept)); // what signing in has answered, or null
let refreshing = null; // the one refresh under way
let timer = 0;

// A tab that was duplicated has the same session. A refresh token works once, so that one tab tells the others.
const twins = new BroadcastChannel(kept);
twins.onmessage = ({ data }) => { if (session?.refreshToken === data.used) keep(data.answer); };

// Called with each new access token, and when the session has ended.
export const on = { token() {}, end() {} };

export const me = () => session?.user;
export const token = () => session?.accessToken;

// Failure is an answer that is an error; status 0 means that there was no answer.
export class Failure extends Error {
  constructor(status, problem, retryAfter = 0) {
    super([problem.detail || problem.title, ...(problem.errors ?? []).map((e) => `${e.field} ${e.message}`)].join(' — '));
    Object.assign(this, { status, code: problem.code, retryAfter });
  }

  // Whether the same request may succeed later.
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

// enter signs in, or registers first.
export async function enter(path, body) {
  keep(await call('POST', path, body));
}

// request calls the API, with a fresh token if the one at hand has expired.
export async function request(method, path, body) {
  try {
    return await call(method, path, body, token());
  } catch (failure) {
    if (failure.status !== 401) throw failure;
    await refresh();
    return call(method, path, body, token());
  }
}

// refresh gets a new access token. A refresh token works once: whoever asks meanwhile waits for the same answer.
export function refresh() {
  const used = session?.refreshToken;
  refreshing ??= call('POST', '/auth/refresh', { refreshToken: used })
    .then((answer) => {
      keep(answer);
      twins.postMessage({ used, answer });
    }, (failure) => {
      if (!failure.passing && session?.refreshToken === used) end(failure.message);
      throw failure;
    })
    .finally(() => { refreshing = null; });
  return refreshing;
}

export async function leave() {
  await request('POST', '/auth/logout').catch(() => {}); // the session ends here in any case
  end();
}

// resume goes on with the session of before the page was reloaded, and says whether there is one.
export function resume() {
  if (session) schedule();
  return Boolean(session);
}

export function end(reason) {
  if (!session) return;
  session = null;
  clearTimeout(timer);
  sessionStorage.removeItem(kept);
  on.end(reason);
}

function keep(answer) {
  session = answer;
  sessionStorage.setItem(kept, JSON.stringify(answer));
  schedule();
  on.token(answer.accessToken);
}

// schedule refreshes the token before it expires, when about four fifths of its life are over.
function schedule() {
  const { exp, iat } = JSON.parse(atob(token().split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
  const left = exp * 1000 - Date.now() - (exp - iat) * (200 + 100 * Math.random());
  clearTimeout(timer);
  timer = setTimeout(() => refresh().catch(() => { timer = setTimeout(schedule, 5000); }), Math.max(left, 1000));
}

async function call(method, path, body, bearer) {
  const headers = {};
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (body) headers['Content-Type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Failure(0, { title: 'The server cannot be reached.' });
  }
  const content = await answer.json().catch(() => ({ title: `The server answered ${answer.status}.` }));
  if (!answer.ok) throw new Failure(answer.status, content, Number(answer.headers.get('Retry-After')) || 0);
  return content;
}
