// Holds the clients' connections. It has one queue, bound to the keys that someone connected to it needs.
import { randomUUID } from "node:crypto";
import { Server } from "socket.io";
import { connectBroker, incoming, listen, outgoing, publish, verifyToken } from "./common.mjs";

const serverId = randomUUID();
const broker = await connectBroker();
const channel = await broker.createChannel();
const requests = await broker.createConfirmChannel();
const { queue } = await channel.assertQueue("", { exclusive: true });
await channel.bindQueue(queue, outgoing, `server:${serverId}`);

const server = listen((req, res) => res.end("ready"));
const io = new Server(server, { transports: ["websocket", "polling"] });

const counts = new Map(); // connections by key
const bound = new Map(); // promises by key

// bind resolves when the broker has the binding.
function bind(key) {
  counts.set(key, (counts.get(key) ?? 0) + 1);
  if (!bound.has(key)) bound.set(key, channel.bindQueue(queue, outgoing, key));
  return bound.get(key);
}

function release(key) {
  counts.set(key, counts.get(key) - 1);
  setTimeout(() => {
    if (counts.get(key) > 0 || !bound.has(key)) return;
    bound.delete(key);
    channel.unbindQueue(queue, outgoing, key);
  }, 30e3);
}

const waiting = new Map(); // sockets that wait for a snapshot, by user

io.use((socket, next) => {
  socket.data.userId = verifyToken(socket.handshake.auth.token);
  next(socket.data.userId ? undefined : Object.assign(new Error("token_invalid"), { data: { code: "token_invalid" } }));
});

io.on("connection", async (socket) => {
  const { userId } = socket.data;
  socket.data.keys = [`user:${userId}`];
  socket.join(`user:${userId}`);
  socket.on("disconnect", () => socket.data.keys.forEach(release));
  await bind(`user:${userId}`);
  if (!waiting.has(userId)) waiting.set(userId, new Set());
  waiting.get(userId).add(socket);
  await publish(requests, incoming, "subscription.request", { userId, serverId });
});

async function subscribe({ userId, groupIds, channelIds }) {
  const sockets = waiting.get(userId) ?? [];
  waiting.delete(userId);
  const keys = [...groupIds.map((id) => `group:${id}`), ...channelIds.map((id) => `channel:${id}`)];
  for (const socket of sockets) {
    if (!socket.connected) continue;
    socket.data.keys.push(...keys);
    await Promise.all(keys.map(bind));
    socket.join(keys);
    socket.emit("SUBSCRIBED", { groupIds, channelIds });
  }
}

await channel.consume(queue, (delivery) => {
  const key = delivery.fields.routingKey;
  const { event, payload, exceptUser, snapshot } = JSON.parse(delivery.content);
  if (snapshot) {
    subscribe(snapshot);
    return;
  }
  let room = io.to(key);
  if (exceptUser) room = room.except(`user:${exceptUser}`);
  room.emit(event, payload);
}, { noAck: true });
