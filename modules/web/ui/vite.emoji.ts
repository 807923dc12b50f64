import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import type { Plugin } from "vite";

/** An emoji as emojibase has it, as far as it is needed. */
interface Source {
  unicode: string;
  label: string;
  tags?: string[];
  group?: number;
  order?: number;
  skins?: { unicode: string }[];
}

/** Parts of other emoji, which are none by themselves. */
const components = 2;

const prefix = "virtual:emoji/";

/**
 * Provides `virtual:emoji/en` and the like: the emoji that can be picked, of emojibase-data, without what can be computed. That leaves a fifth of it.
 * See EmojiTuple for what there is of each.
 */
export function emojiData(): Plugin {
  return {
    name: "parley-emoji",
    resolveId: (id) => (id.startsWith(prefix) ? `\0${id}` : undefined),
    async load(id) {
      if (!id.startsWith(`\0${prefix}`)) return undefined;
      const file = fileURLToPath(import.meta.resolve(`emojibase-data/${id.slice(prefix.length + 1)}/compact.json`));
      const all = JSON.parse(await readFile(file, "utf8")) as Source[];
      const data = all
        .filter((emoji) => emoji.group !== undefined && emoji.group !== components)
        .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
        .map(({ unicode, group, label, tags = [], skins = [] }) => {
          const fields = [unicode, group, label, tags.join(" ")];
          return skins.some((skin) => skin.unicode === withTone(unicode, "\u{1F3FB}")) ? [...fields, 1] : fields;
        });
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(data))})`;
    },
  };
}

/** Must be what the picker does to an emoji that can have another skin tone; that it is, a test of the picker sees. */
function withTone(emoji: string, tone: string): string {
  return emoji.replace(/(\p{Emoji_Modifier_Base})\uFE0F?/gu, `$1${tone}`);
}
