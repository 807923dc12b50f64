// Gives messages their place, keeps them, and tells the socket servers.
import pg from "pg";
import { connectBroker, DATABASE_URL, listen, messageQueue, outgoing, PARTITIONS, publish, subscriptionQueue } from "./common.mjs";

const db = new pg.Pool({ connectionString: DATABASE_URL, max: 20 });
pg.types.setTypeParser(20, Number); // bigint; ids are below 2^53
const broker = await connectBroker();
const out = await broker.createConfirmChannel();
let persisted = 0;

// persist keeps a message and its recipients in one transaction; undefined if it was kept before.
async function persist(m) {
  const tx = await db.connect();
  try {
    await tx.query("BEGIN");
    const { rows: [{ last_seq: seq }] } = await tx.query("UPDATE channels SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq", [m.channelId]);
    const { rows } = await tx.query(
      "INSERT INTO messages (group_id, channel_id, seq, sender_id, content, hash, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
      [m.groupId, m.channelId, seq, m.senderId, m.content, m.hash, m.acceptedAt]);
    if (!rows.length) {
      await tx.query("ROLLBACK");
      return undefined;
    }
    await tx.query(
      "INSERT INTO message_recipients (message_id, receiver_id) SELECT $1, user_id FROM group_members WHERE group_id = $2 AND user_id <> $3",
      [rows[0].id, m.groupId, m.senderId]);
    await tx.query("COMMIT");
    return { messageId: rows[0].id, groupId: m.groupId, channelId: m.channelId, seq, senderId: m.senderId, content: m.content, hash: m.hash, createdAt: m.acceptedAt };
  } catch (err) {
    await tx.query("ROLLBACK");
    throw err;
  } finally {
    tx.release();
  }
}

async function handleMessage(channel, delivery) {
  const message = await persist(JSON.parse(delivery.content));
  if (message) {
    persisted++;
    await Promise.all([
      publish(out, outgoing, `user:${message.senderId}`, { event: "GROUP_MESSAGE_SENT", payload: message }),
      publish(out, outgoing, `channel:${message.channelId}`, { event: "GROUP_MESSAGE_RECEIVE", payload: message, exceptUser: message.senderId }),
    ]);
  }
  channel.ack(delivery);
}

async function handleSubscription(channel, delivery) {
  const { userId, serverId } = JSON.parse(delivery.content);
  const { rows } = await db.query(
    "SELECT c.id, c.group_id FROM channels c JOIN group_members m ON m.group_id = c.group_id WHERE m.user_id = $1", [userId]);
  await publish(out, outgoing, `server:${serverId}`, { snapshot: { userId, groupIds: [...new Set(rows.map((c) => c.group_id))], channelIds: rows.map((c) => c.id) } });
  channel.ack(delivery);
}

function fail(err) {
  console.error(err);
  process.exit(1);
}

// One message of a partition after the other, so that the order of a channel is kept; partitions side by side.
for (let p = 0; p < PARTITIONS; p++) {
  const channel = await broker.createChannel();
  await channel.prefetch(64);
  let last = Promise.resolve();
  await channel.consume(messageQueue(p), (delivery) => {
    last = last.then(() => handleMessage(channel, delivery)).catch(fail);
  });
}
const requests = await broker.createChannel();
await requests.prefetch(32);
await requests.consume(subscriptionQueue, (delivery) => handleSubscription(requests, delivery).catch(fail));

listen((req, res) => res.end(req.url === "/metrics" ? `parley_messages_persisted_total ${persisted}\n` : "ready"));
