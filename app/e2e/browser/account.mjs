// Somebody who has an account, and what they do without a browser.

export const password = "a good password";

export class Account {
  static async register(url, username, displayName = username) {
    const account = new Account();
    Object.assign(account, { url, username, displayName });
    const { user, accessToken } = await account.api("POST", "/auth/register", { username, password, displayName });
    return Object.assign(account, { id: user.id, token: accessToken });
  }

  /** Makes a request that must succeed, and returns the decoded answer. */
  async api(method, path, body) {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { ...(this.token && { authorization: `Bearer ${this.token}` }), ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** Makes a group with its first channel, #general, and adds members. */
  async group(name, ...members) {
    const group = await this.api("POST", "/groups", { name });
    for (const { id } of members) await this.api("POST", `/groups/${group.id}/members`, { userId: id });
    const [general] = group.channels;
    return { ...group, general, path: `/g/${group.id}/c/${general.id}` };
  }

  /** Makes a channel. */
  channel(group, name, more = {}) {
    return this.api("POST", `/groups/${group.id}/channels`, { name, ...more });
  }

  /** Sends a message to a channel. */
  say(channel, content, more = {}) {
    return this.api("POST", `/groups/${channel.groupId}/channels/${channel.id}/messages`, { content, hash: crypto.randomUUID(), ...more });
  }

  /** The newest messages of a channel, ascending. */
  async history(channel, limit = 200) {
    const { messages } = await this.api("GET", `/groups/${channel.groupId}/channels/${channel.id}/messages?limit=${limit}`);
    return messages;
  }
}
