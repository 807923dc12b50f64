/** Who and what there is in the world of tests: Ann, Ben, Cleo and Dan, who share two groups. */
import type { Conversation, Place, PlaceKey } from "../parley.js";
import { keyOf } from "../places.js";
import type { ChannelMessage, Chat, Group, Id, OpenChannel, PersonalMessage, ServerInfo, Time, User } from "../types.js";

/** A moment of the day of all tests, minutes after 09:00. */
export function at(minutes: number): Time {
  return new Date(Date.UTC(2026, 2, 2, 9, minutes)).toISOString();
}

export const theUsers: readonly User[] = ["Ann", "Ben", "Cleo", "Dan"].map((displayName, i) => ({
  id: i + 1, username: displayName.toLowerCase(), displayName, createdAt: at(0),
}));

export const fakeServer: ServerInfo = {
  version: "test", registration: "open", accounts: true, messageMaxLength: 4000, directAnyone: false,
};

/** A message of a channel; by default in group 1, one a minute. */
export function channelMessage(message: Partial<ChannelMessage> & { seq: number }): ChannelMessage {
  const { seq, channelId = 1 } = message;
  return {
    messageId: channelId * 100_000 + seq, groupId: 1, channelId, senderId: 2, content: `message ${seq}`, hash: `kept-${channelId}-${seq}`,
    createdAt: at(seq), ...message,
  };
}

/** A message of the personal chat of Ann and Ben; by default Ben's. */
export function personalMessage(message: Partial<PersonalMessage> & { seq: number }): PersonalMessage {
  return {
    messageId: 900_000 + message.seq, chatId: 1, senderId: 2, receiverId: 1, content: `personal ${message.seq}`, hash: `kept-d-${message.seq}`,
    createdAt: at(message.seq), ...message,
  };
}

export function openChannel(channel: Partial<OpenChannel> & { id: Id }): OpenChannel {
  return {
    groupId: 1, name: `channel-${channel.id}`, topic: "", private: false, lastSeq: 0, createdAt: at(0), readSeq: 0, unread: 0, mentions: 0, ...channel,
  };
}

/** Ann owns the first group, and is a member of the second. */
export function theGroups(): Group[] {
  return [
    {
      id: 1, name: "Garden", description: "Everything that grows", createdAt: at(0), role: "owner", channels: [
        openChannel({ id: 1, name: "general", topic: "What is new", lastSeq: 5, readSeq: 5 }),
        openChannel({ id: 2, name: "tools", lastSeq: 3, readSeq: 1, unread: 2, mentions: 1 }),
        openChannel({ id: 3, name: "board", private: true }),
      ],
    },
    {
      id: 2, name: "Kitchen", description: "", createdAt: at(0), role: "member", channels: [openChannel({ id: 4, groupId: 2, name: "general" })],
    },
  ];
}

export function theChats(): Chat[] {
  const lastMessage = personalMessage({ seq: 2 });
  return [{ chatId: 1, user: theUsers[1]!, lastSeq: 2, readSeq: 1, unread: 1, other: { deliveredSeq: 2, readSeq: 2 }, blocked: false, lastMessage }];
}

/** What is said at the beginning, by place. */
export function fakeMessages(): Partial<Record<PlaceKey, Partial<Conversation>>> {
  return {
    c1: holding([1, 2, 3, 4, 5].map((seq) => channelMessage({ seq, senderId: (seq % 3) + 1 })), { readSeq: 5 }),
    c2: holding(
      [1, 2, 3].map((seq) => channelMessage({ seq, channelId: 2, ...(seq === 3 ? { content: "Look, @ann", mentions: { users: [1] } } : {}) })),
      { readSeq: 1, unread: 2, mentions: 1 },
    ),
    d2: holding([personalMessage({ seq: 1, senderId: 1, receiverId: 2 }), personalMessage({ seq: 2 })], { readSeq: 1, unread: 1 }),
  };
}

function holding(messages: (ChannelMessage | PersonalMessage)[], more: Partial<Conversation>): Partial<Conversation> {
  return { loaded: true, lastSeq: messages.length, segment: { messages, hasOlder: false, hasNewer: false }, ...more };
}

/** A conversation of which nothing is known. */
export function conversationOf(place: Place): Conversation {
  return {
    key: keyOf(place), place, segment: { messages: [], hasOlder: false, hasNewer: false }, pending: [],
    lastSeq: 0, readSeq: 0, unread: 0, mentions: 0, loaded: false, receipts: new Map(), counts: {},
  };
}
