import type { Id } from "@/client";

const segmenter = new Intl.Segmenter();

/** The first letters of the first and of the last word of a name, as people see letters: an emoji with all its parts is one. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s\-_.]+/u).filter(Boolean);
  const chosen = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return chosen
    .map((word) => {
      const [first] = segmenter.segment(word ?? "");
      return first?.segment ?? "";
    })
    .join("")
    .toLocaleUpperCase();
}

/** A hue in degrees for an id. Neighbouring ids are far from each other: each is a golden angle further. */
export function hueOf(id: Id): number {
  return Math.round((id * 137.508 + 250) % 360);
}
