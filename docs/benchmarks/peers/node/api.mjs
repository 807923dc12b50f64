// The HTTP API, as far as a load test needs it.
import { createHash, createHmac } from "node:crypto";
import pg from "pg";
import { connectBroker, DATABASE_URL, incoming, issueToken, listen, PARTITIONS, publish, verifyToken } from "./common.mjs";

const db = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
pg.types.setTypeParser(20, Number); // bigint; ids are below 2^53
const broker = await connectBroker();
const channel = await broker.createConfirmChannel();

class Problem extends Error {
  constructor(status, code) {
    super(code);
    Object.assign(this, { status, code });
  }
}

// Signing in is not what is measured, so hashing costs nothing.
const hash = (password) => createHmac("sha256", "parley").update(password).digest("hex");
const partition = (channelId) => createHash("md5").update(String(channelId)).digest().readUInt32BE() % PARTITIONS;

const session = (user) => ({ user, refreshToken: "none", ...issueToken(user.id) });
const member = async (groupId, userId) => {
  const { rowCount } = await db.query("SELECT 1 FROM group_members WHERE group_id = $1 AND user_id = $2", [groupId, userId]);
  if (!rowCount) throw new Problem(404, "group_not_found");
};
const group = async (id, name) => {
  const { rows } = await db.query('SELECT id, group_id AS "groupId", name, last_seq AS "lastSeq" FROM channels WHERE group_id = $1 ORDER BY id', [id]);
  return { id, name, channels: rows };
};
const messageColumns = `id AS "messageId", group_id AS "groupId", channel_id AS "channelId", seq, sender_id AS "senderId", content, hash, created_at AS "createdAt"`;

const routes = [
  ["POST", /^\/auth\/register$/, async ({ body }) => {
    const { rows } = await db.query("INSERT INTO users (username, password) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id", [body.username, hash(body.password)]);
    if (!rows.length) throw new Problem(409, "username_taken");
    return [201, session({ id: rows[0].id, username: body.username })];
  }],
  ["POST", /^\/auth\/login$/, async ({ body }) => {
    const { rows } = await db.query("SELECT id FROM users WHERE username = $1 AND password = $2", [body.username, hash(body.password)]);
    if (!rows.length) throw new Problem(401, "invalid_credentials");
    return [200, session({ id: rows[0].id, username: body.username })];
  }],
  ["GET", /^\/groups$/, async ({ userId }) => {
    const { rows } = await db.query("SELECT g.id, g.name FROM groups g JOIN group_members m ON m.group_id = g.id WHERE m.user_id = $1", [userId]);
    return [200, await Promise.all(rows.map((g) => group(g.id, g.name)))];
  }],
  ["POST", /^\/groups$/, async ({ userId, body }) => {
    const { rows } = await db.query("INSERT INTO groups (name) VALUES ($1) RETURNING id", [body.name]);
    await db.query("INSERT INTO group_members VALUES ($1, $2)", [rows[0].id, userId]);
    await db.query("INSERT INTO channels (group_id, name) VALUES ($1, 'general')", [rows[0].id]);
    return [201, await group(rows[0].id, body.name)];
  }],
  ["GET", /^\/groups\/(\d+)$/, async ({ userId, params: [id] }) => {
    await member(id, userId);
    const { rows } = await db.query("SELECT name FROM groups WHERE id = $1", [id]);
    return [200, await group(Number(id), rows[0].name)];
  }],
  ["GET", /^\/groups\/(\d+)\/members$/, async ({ userId, params: [id], query }) => {
    await member(id, userId);
    const { rows } = await db.query("SELECT user_id FROM group_members WHERE group_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3", [id, query.get("after") ?? 0, query.get("limit") ?? 50]);
    return [200, rows.map((m) => ({ user: { id: m.user_id } }))];
  }],
  ["POST", /^\/groups\/(\d+)\/members$/, async ({ userId, params: [id], body }) => {
    await member(id, userId);
    await db.query("INSERT INTO group_members VALUES ($1, $2) ON CONFLICT DO NOTHING", [id, body.userId]);
    return [201, { user: { id: body.userId } }];
  }],
  ["POST", /^\/groups\/(\d+)\/channels$/, async ({ userId, params: [id], body }) => {
    await member(id, userId);
    const { rows } = await db.query('INSERT INTO channels (group_id, name) VALUES ($1, $2) RETURNING id, last_seq AS "lastSeq"', [id, body.name]);
    return [201, rows[0]];
  }],
  ["POST", /^\/groups\/(\d+)\/channels\/(\d+)\/messages$/, async ({ userId, params: [groupId, channelId], body }) => {
    const { rowCount } = await db.query(
      "SELECT 1 FROM channels c JOIN group_members m ON m.group_id = c.group_id WHERE c.id = $1 AND c.group_id = $2 AND m.user_id = $3", [channelId, groupId, userId]);
    if (!rowCount) throw new Problem(404, "channel_not_found");
    if (!body.content || !/^[A-Za-z0-9_-]{1,64}$/.test(body.hash)) throw new Problem(400, "validation_failed");
    const send = { senderId: userId, groupId: Number(groupId), channelId: Number(channelId), content: body.content, hash: body.hash, acceptedAt: new Date() };
    await publish(channel, incoming, `group.message.${partition(channelId)}`, send, { persistent: true, mandatory: true });
    return [202, { hash: body.hash, channelId: send.channelId, acceptedAt: send.acceptedAt }];
  }],
  ["GET", /^\/groups\/(\d+)\/channels\/(\d+)\/messages$/, async ({ userId, params: [groupId, channelId], query }) => {
    await member(groupId, userId);
    const limit = Number(query.get("limit") ?? 50);
    const { rows } = await db.query(`SELECT ${messageColumns} FROM messages WHERE channel_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, [channelId, query.get("after") ?? 0, limit + 1]);
    return [200, { messages: rows.slice(0, limit), hasMore: rows.length > limit }];
  }],
];

async function answer(req) {
  const url = new URL(req.url, "http://localhost");
  if (url.pathname === "/readyz") return [200, {}];
  const path = url.pathname.replace("/api/v1", "");
  for (const [method, pattern, handle] of routes) {
    const match = method === req.method && pattern.exec(path);
    if (!match) continue;
    const userId = verifyToken(req.headers.authorization?.slice("Bearer ".length));
    if (!userId && !path.startsWith("/auth/")) throw new Problem(401, "token_invalid");
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = chunks.length ? JSON.parse(Buffer.concat(chunks)) : {};
    return handle({ userId, body, query: url.searchParams, params: match.slice(1) });
  }
  throw new Problem(404, "not_found");
}

listen(async (req, res) => {
  let status, body;
  try {
    [status, body] = await answer(req);
  } catch (err) {
    if (!(err instanceof Problem)) console.error(err);
    [status, body] = [err.status ?? 500, { code: err.code ?? "internal_error", title: String(err) }];
  }
  const text = JSON.stringify(body);
  res.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) }).end(text);
});
