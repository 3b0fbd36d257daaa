/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // Paths inside the bundle are relative to the page, so that it works under the window's own scheme.
  base: "./",
  clearScreen: false,
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { port: 5183, strictPort: true, host: "127.0.0.1" },
  preview: { port: 5184, strictPort: true, host: "127.0.0.1" },
  build: {
    // WebKitGTK 2.40 and later.
    target: "safari16",
    outDir: "dist",
    emptyOutDir: true,
    chunkSizeWarningLimit: 900,
    // Fonts stay files: a data: font would need a wider content security policy.
    assetsInlineLimit: 0,
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/testing/setup.ts"],
    restoreMocks: true,
    // A busy machine is no failure: what is waited for has a deadline of its own (testing/setup.ts).
    testTimeout: 30_000,
  },
});
