import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env["PENSTOCK_URL"] ?? "http://127.0.0.1:7788";

export default defineConfig({
  base: "/ui/",
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../src/penstock/server/ui",
    emptyOutDir: true,
    target: "es2023",
    // Inline data would need a looser policy, and every browser that runs this preloads by itself.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: "manifest.json",
  },
  server: { proxy: { "/v1": server } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
