// Presence, typing, and a personal message:  node people.mjs http://127.0.0.1:8080 ann parley-demo ben "Hello Ben!"

import { Parley } from "./parley.mjs";

const [url, username, password, name, content] = process.argv.slice(2);
const parley = new Parley(url);
await parley.signIn(username, password);
const { socket } = parley;
const friend = (await parley.ask("GET", `/users?q=${encodeURIComponent(name)}`)).find((user) => user.username === name);

// Who is there. A connection watches up to 200 people; a new one watches nobody, so say it after each SUBSCRIBED.
const watch = () => socket.emitWithAck("PRESENCE_SUBSCRIBE", { userIds: [friend.id] });
const tell = ({ userId, state }) => console.log(`${userId === friend.id ? name : userId} is ${state}`);
socket.on("PRESENCE", tell);
socket.on("SUBSCRIBED", watch);
(await watch()).presences.forEach(tell);

// Who is writing. Say it again every three seconds or so; what others say ends by itself after expiresInMs.
const [channel] = parley.channels.values();
socket.on("TYPING", ({ userId, typing }) => console.log(`${userId} ${typing ? "is writing" : "has stopped"}`));
await socket.emitWithAck("TYPING", { channelId: channel.id, typing: true });
await socket.emitWithAck("TYPING", { channelId: channel.id, typing: false });

// A message to one person. It goes like those of channels: a hash, 202, then PERSONAL_MESSAGE_SENT or _FAILED.
const hash = crypto.randomUUID();
const answer = new Promise((resolve, reject) => {
  socket.on("PERSONAL_MESSAGE_SENT", (message) => { if (message.hash === hash) resolve(message); });
  socket.on("PERSONAL_MESSAGE_FAILED", (failure) => { if (failure.hash === hash) reject(new Error(failure.detail)); });
});
await parley.ask("POST", `/direct/${friend.id}/messages`, { content, hash });
console.log(`kept as number ${(await answer).seq}`);

// The history is like a channel's.
const { messages } = await parley.ask("GET", `/direct/${friend.id}/messages`);
for (const { seq, senderId, content } of messages) console.log(`${seq} ${senderId === friend.id ? name : username}: ${content}`);
parley.close();
