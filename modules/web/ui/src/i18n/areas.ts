/** A compiled text, as the build makes it of a line of JSON: a tree, whose nodes have a number for a type; in a build, its names are short. */
type Text = string | { t?: number; type?: number };

interface Area {
  [key: string]: Text | Area;
}

/** The texts of a language by their whole keys, `app.badge.unread`. */
export type Texts = Record<string, Text>;

function isText(entry: Text | Area): entry is Text {
  return typeof entry === "string" || typeof entry.t === "number" || typeof entry.type === "number";
}

function flatten(area: Area, prefix: string, texts: Texts): void {
  for (const [key, entry] of Object.entries(area)) {
    if (isText(entry)) texts[prefix + key] = entry;
    else flatten(entry, `${prefix}${key}.`, texts);
  }
}

/**
 * Puts the files of a language together: each is an area, and what is in `app.json` is found as `app.…`. petite-vue-i18n looks for whole keys,
 * not for paths.
 */
export function assemble(files: Record<string, unknown>): Texts {
  const texts: Texts = {};
  for (const [path, area] of Object.entries(files)) flatten(area as Area, `${path.replace(/^.*\/|\.json$/g, "")}.`, texts);
  return texts;
}
