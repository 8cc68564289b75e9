// Run from the root of the repository: see package.json.

import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/node_modules/**"] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2023, sourceType: "module" },
    rules: {
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-shadow": "error",
      "object-shorthand": "error",
      "prefer-template": "error",
      "no-restricted-properties": ["error", { property: "innerHTML", message: "Text only ever becomes a text node." }, { property: "outerHTML", message: "Text only ever becomes a text node." }],
      "no-restricted-syntax": ["error", { selector: "CallExpression[callee.property.name='insertAdjacentHTML']", message: "Text only ever becomes a text node." }],
      complexity: ["error", 25],
      "max-lines": ["error", 600],
    },
  },
  { files: ["emulator/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/**/*.js"], languageOptions: { globals: globals.node } },
];
