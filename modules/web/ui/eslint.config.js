import js from "@eslint/js";
import vue from "eslint-plugin-vue";
import accessibility from "eslint-plugin-vuejs-accessibility";
import globals from "globals";
import typescript from "typescript-eslint";

export default typescript.config(
  { ignores: ["node_modules/", "dist/", "../dist/", "src/client/dist/"] },
  js.configs.recommended,
  ...typescript.configs.strictTypeChecked,
  ...vue.configs["flat/recommended"],
  ...accessibility.configs["flat/recommended"],
  {
    languageOptions: {
      globals: globals.browser,
      parserOptions: {
        parser: typescript.parser,
        projectService: { allowDefaultProject: ["eslint.config.js"] },
        extraFileExtensions: [".vue"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // What is shown is text. The server's policy would refuse the rest in any case.
      "vue/no-v-html": "error",
      "vue/no-v-text-v-html-on-component": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Build elements instead: the page's policy refuses markup in texts." },
        { property: "outerHTML", message: "Build elements instead: the page's policy refuses markup in texts." },
        { property: "insertAdjacentHTML", message: "Build elements instead: the page's policy refuses markup in texts." },
      ],
      "no-alert": "error",
      "no-console": "error",
      eqeqeq: "error",

      // A missing prop is undefined, and its type says so.
      "vue/require-default-prop": "off",
      // How the templates are laid out: one line as long as it fits, as in the scripts.
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/html-self-closing": ["error", { html: { void: "always", normal: "never", component: "always" } }],
      "vue/block-order": ["error", { order: ["script", "template", "style"] }],
      "vue/define-macros-order": ["error", { order: ["defineOptions", "defineProps", "defineEmits", "defineModel", "defineSlots"] }],
      "vue/component-api-style": ["error", ["script-setup"]],
      // Views are named after what they show.
      "vue/multi-word-component-names": "off",

      // Numbers and booleans in texts are what is meant.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/restrict-plus-operands": ["error", { allowNumberAndString: true }],
      // Composables and stores return functions that are taken out of what they return.
      "@typescript-eslint/unbound-method": "off",
      // `void ref.value` is how something is read only to depend on it.
      "@typescript-eslint/no-meaningless-void-operator": "off",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-import-type-side-effects": "error",

      // The label of a field belongs to the control in its slot by id, which the rule cannot see.
      "vuejs-accessibility/label-has-for": "off",
      "vuejs-accessibility/no-autofocus": "off",
    },
  },
  {
    files: ["**/*.test.ts", "src/**/testing/**"],
    rules: {
      "@typescript-eslint/no-non-null-assertion": "off",
      "vue/one-component-per-file": "off",
    },
  },
  { files: ["*.config.js"], extends: [typescript.configs.disableTypeChecked] },
);
