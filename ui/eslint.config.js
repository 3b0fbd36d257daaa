import js from "@eslint/js";
import globals from "globals";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

// The layers, lowest first: bindings <- platform <- (shared) <- features <- app. A layer imports only what is below it.
const FEATURES = [
  "clusters", "topics", "groups", "schemas", "connect", "events", "profiles", "traits", "audiences", "destinations", "sql", "activity",
];

const tauri = {
  group: ["@tauri-apps/*"],
  message: "Only src/platform speaks to Tauri: use call() and subscribe() from @/platform.",
};
const testing = {
  group: ["@/testing", "@/testing/*", "**/testing/*"],
  message: "Fixtures never reach the window: only tests and the development entry import them.",
};
const forbid = (...patterns) => ({ "no-restricted-imports": ["error", { patterns }] });
const never = (group, message) => ({ group, message });

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/bindings"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      globals: globals.browser,
      parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js"] }, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "react-hooks": hooks },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "no-console": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // A prop type names its optional fields; `void promise` marks a promise whose error is handled elsewhere.
      "@typescript-eslint/no-floating-promises": ["error", { ignoreVoid: true }],
      // `{ window: _, ...rest }` takes a field out.
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_+$", argsIgnorePattern: "^_+$" }],
      "max-lines": ["error", { max: 600 }],
      ...forbid(tauri, testing),
    },
  },
  { files: ["src/platform/**"], rules: forbid(testing, never(["@/app*", "@/features/*", "@/shared/*"], "platform imports bindings only.")) },
  {
    files: ["src/shared/**"],
    rules: forbid(tauri, testing, never(["@/app", "@/app/*", "@/features/*", "**/features/*", "@/platform", "@/platform/*"],
      "shared holds what every screen is built from: it imports no feature, no app and no platform.")),
  },
  ...FEATURES.map((name) => ({
    files: [`src/features/${name}/**`],
    rules: forbid(tauri, testing,
      never(["@/app", "@/app/*"], "A feature does not know the shell."),
      never(FEATURES.filter((other) => other !== name).flatMap((other) => [`@/features/${other}`, `@/features/${other}/*`, `../${other}`, `../${other}/*`, `**/features/${other}/*`]),
        "A feature imports no other feature: move what both need to shared.")),
  })),
  // Tests may use fixtures; the entry loads them in development only, behind import.meta.env.DEV.
  { files: ["src/**/*.test.{ts,tsx}", "src/testing/**", "src/main.tsx"], rules: { ...forbid(tauri), "@typescript-eslint/no-non-null-assertion": "off" } },
  { files: ["eslint.config.js"], ...tseslint.configs.disableTypeChecked },
);
