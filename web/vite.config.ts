import { defineConfig } from "vite";

// `npm run dev` shows the pages as they are edited, over the API of a running agent.
const agent = process.env.HALE_URL ?? "http://127.0.0.1:7979";

export default defineConfig({
  build: {
    outDir: "dist",
    // `dist/.gitignore` is in the repository: scripts/clean.mjs empties the folder around it.
    emptyOutDir: false,
    target: "es2022",
    assetsInlineLimit: 0,
    license: { fileName: "licenses.txt" },
    modulePreload: { polyfill: false },
    sourcemap: false,
    rollupOptions: {
      // "use client" is for servers that render; there is none here.
      onwarn: (warning, warn) => warning.code === "MODULE_LEVEL_DIRECTIVE" || warn(warning),
    },
  },
  server: {
    proxy: {
      "/api": {
        target: agent,
        changeOrigin: true,
        headers: { origin: agent },
      },
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
} as Parameters<typeof defineConfig>[0]);
