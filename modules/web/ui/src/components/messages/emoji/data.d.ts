/** Made by vite.emoji.ts. */
declare module "virtual:emoji/*" {
  import type { EmojiTuple } from "@/components/messages/emoji/emoji";

  const emoji: EmojiTuple[];
  export default emoji;
}
