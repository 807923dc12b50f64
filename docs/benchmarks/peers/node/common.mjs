// What the three roles share: configuration, tokens, names on the broker, and the HTTP listener.
import { createHmac, timingSafeEqual } from "node:crypto";
import http from "node:http";
import amqp from "amqplib";

export const { DATABASE_URL, AMQP_URL, PREFIX, PORT } = process.env;
export const PARTITIONS = 16;
const SECRET = "a secret of the benchmarks, long enough";

export const incoming = `${PREFIX}.incoming`;
export const outgoing = `${PREFIX}.outgoing`;
export const messageQueue = (partition) => `${PREFIX}.message.${partition}`;
export const subscriptionQueue = `${PREFIX}.subscription`;

const encode = (value) => Buffer.from(value).toString("base64url");
const sign = (text) => createHmac("sha256", SECRET).update(text).digest("base64url");

export function issueToken(userId, ttlMs = 2 * 3600e3) {
  const expiresAt = Date.now() + ttlMs;
  const body = `${encode('{"alg":"HS256","typ":"JWT"}')}.${encode(JSON.stringify({ sub: String(userId), exp: Math.floor(expiresAt / 1000) }))}`;
  return { accessToken: `${body}.${sign(body)}`, expiresAt: new Date(expiresAt).toISOString() };
}

// verifyToken returns the user's id, 0 if the token is not good.
export function verifyToken(token = "") {
  const [header, payload, signature] = token.split(".");
  const wanted = Buffer.from(sign(`${header}.${payload}`));
  const got = Buffer.from(signature ?? "");
  if (wanted.length !== got.length || !timingSafeEqual(wanted, got)) return 0;
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  return claims.exp * 1000 > Date.now() ? Number(claims.sub) : 0;
}

// connectBroker declares the exchanges and work queues, and returns the connection.
export async function connectBroker() {
  const connection = await amqp.connect(AMQP_URL, { noDelay: true }); // else each publish may wait 40 ms for an acknowledgement of TCP
  const channel = await connection.createChannel();
  await channel.assertExchange(incoming, "direct", { durable: true });
  await channel.assertExchange(outgoing, "direct", { durable: true });
  for (let p = 0; p < PARTITIONS; p++) {
    await channel.assertQueue(messageQueue(p), { durable: true, arguments: { "x-queue-type": "quorum", "x-single-active-consumer": true } });
    await channel.bindQueue(messageQueue(p), incoming, `group.message.${p}`);
  }
  await channel.assertQueue(subscriptionQueue, { durable: true });
  await channel.bindQueue(subscriptionQueue, incoming, "subscription.request");
  await channel.close();
  return connection;
}

// publish resolves when the broker has confirmed the message.
export function publish(channel, exchange, key, body, options = {}) {
  return new Promise((resolve, reject) => {
    channel.publish(exchange, key, Buffer.from(JSON.stringify(body)), options, (err) => (err ? reject(err) : resolve()));
  });
}

export function listen(handler) {
  const server = http.createServer(handler);
  server.keepAliveTimeout = 120e3;
  server.listen(Number(PORT), "127.0.0.1");
  return server;
}
