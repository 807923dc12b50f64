import type { Plugin } from "vite";

const library = /\/petite-vue-i18n\//;
const narrow = "\0vue-for-i18n";

/** What petite-vue-i18n uses of Vue. If a version of it needs more, the build fails and names it. */
const used = [
  "computed", "effectScope", "getCurrentInstance", "getCurrentScope", "inject", "isRef", "onMounted", "onScopeDispose", "onUnmounted", "ref",
  "shallowRef", "watch",
];

/**
 * Gives petite-vue-i18n a Vue with no more in it than it uses. It looks for a name in the whole of Vue that is only there in builds for Vapor, for which a
 * bundler has to keep all of Vue: 40 kB that nobody needs.
 */
export function narrowVue(): Plugin {
  return {
    name: "parley-narrow-vue",
    apply: "build",
    enforce: "pre",
    resolveId: (id, importer) => (id === "vue" && importer && library.test(importer) ? narrow : undefined),
    load: (id) => (id === narrow ? `export { ${used.join(", ")} } from "vue"` : undefined),
  };
}
