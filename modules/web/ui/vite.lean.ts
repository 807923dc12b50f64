import type { Plugin } from "vite";

/** Libraries without what nothing here uses, where a bundler cannot see that by itself. If a new version of one is made differently, the build fails. */
export function leanLibraries(): Plugin[] {
  return [narrowVue(), markedLexer()];
}

/** What petite-vue-i18n uses of Vue. */
const used = [
  "computed", "effectScope", "getCurrentInstance", "getCurrentScope", "inject", "isRef", "onMounted", "onScopeDispose", "onUnmounted", "ref",
  "shallowRef", "watch",
];

/**
 * Gives petite-vue-i18n a Vue with no more in it than it uses. It looks for a name in the whole of Vue that is only there in builds for Vapor, for which a
 * bundler has to keep all of Vue: 40 kB that nobody needs.
 */
function narrowVue(): Plugin {
  const narrow = "\0vue-for-i18n";
  return {
    name: "parley-narrow-vue",
    apply: "build",
    enforce: "pre",
    resolveId: (id, importer) => (id === "vue" && importer?.includes("/petite-vue-i18n/") ? narrow : undefined),
    load: (id) => (id === narrow ? `export { ${used.join(", ")} } from "vue"` : undefined),
  };
}

/**
 * Leaves of marked its lexer and tokenizer. At its end, marked makes an instance of all that it has and hangs everything on a function, so that its
 * parser and renderer, which make HTML, would stay: 12 kB.
 */
function markedLexer(): Plugin {
  return {
    name: "parley-marked-lexer",
    apply: "build",
    enforce: "pre",
    transform(code, id) {
      if (!id.endsWith("/marked/lib/marked.esm.js")) return undefined;
      const end = /var ([\w$]+)=new [\w$]+;function [\w$]+\([\w$,]*\)\{return \1\.parse\(.*export\{([^}]*)\};/s.exec(code);
      const kept = end?.[2]?.split(",").filter((name) => / as (?:Lexer|Tokenizer)$/.test(name));
      if (!end || kept?.length !== 2) this.error("marked is made differently now: look at its end, and adapt vite.lean.ts");
      return { code: `${code.slice(0, end.index)}export{${kept.join(",")}};`, map: null };
    },
  };
}
