/** Made by vite.emoji.ts. */
declare module "virtual:emoji/*" {
  const emoji: import("./emoji").EmojiTuple[];
  export default emoji;
}
