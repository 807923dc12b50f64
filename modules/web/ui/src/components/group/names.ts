/** Longest texts that the server takes, in characters. */
export const longest = { groupName: 100, description: 1000, channelName: 64, topic: 250 } as const;

/** What is typed as a channel's name, as the server wants it: in lower case, with dashes for spaces. What else it does not take, it says itself. */
export function asChannelName(typed: string): string {
  return typed.toLowerCase().replace(/\s+/g, "-");
}

/** The code of an invite, from what somebody pastes: the code, or a link that ends in it. Undefined if it is neither. */
export function inviteCode(pasted: string): string | undefined {
  const text = pasted.trim();
  const inLink = /\/invite\/([^/?#\s]+)\/?(?:[?#]\S*)?$/.exec(text)?.[1];
  const code = inLink ?? text;
  return /^[A-Za-z0-9_-]+$/.test(code) ? code : undefined;
}

/** The link that brings people to an invite. */
export function inviteLink(code: string): string {
  return `${location.origin}/invite/${code}`;
}
