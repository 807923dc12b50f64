/** One emoji: a flag, a keycap, or a picture with its modifiers and what is joined to it. */
const emoji = String.raw`(?:\p{RI}\p{RI}|[0-9#*]\uFE0F?\u20E3|\p{Extended_Pictographic}(?:\uFE0F|\p{EMod})?(?:[\u{E0020}-\u{E007F}]+)?(?:\u200D\p{Extended_Pictographic}(?:\uFE0F|\p{EMod})?)*)`;

/** More of them than these are a text again. */
const limit = 12;
const only = new RegExp(String.raw`^\s*(?:${emoji}\s*){1,${limit}}$`, "u");

/** Whether a text is a few emoji and nothing else, and is shown in large. */
export function isEmojiOnly(text: string): boolean {
  return text.length <= 8 * limit && only.test(text);
}
