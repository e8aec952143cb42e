import adapter from "@sveltejs/adapter-node";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig, mergeConfig } from "vite";

import { viewerConfig, viewerPlugins } from "./viewer.vite.ts";

const gateway = process.env["PORTAL_GATEWAY_URL"] ?? "http://localhost:8000";
const GATEWAY_PATHS = ["/api", "/data", "/doi", "/health"];

/** Few chunks: what most pages share compresses better together (4 kB of gzip for a page). */
const CHUNKS = [
  {
    name: "runtime",
    test: /node_modules\/(svelte|@sveltejs|devalue|esm-env|clsx)\//,
    priority: 2,
    minShareCount: 4,
  },
  {
    name: "frame",
    test: /src\/lib\/(words\/en(-errors)?\.|formats|search|components\/(Avail|Crumbs|ErrorPage|Find|Footer|Frame|Header|Identity|PageHead|Tombstone)\.)/,
    priority: 1,
  },
  {
    name: "record",
    test: /src\/lib\/(volume|overlay|components\/(Citations|Code|Copy|Formats|Levels|MachineHead|Metadata|People|Slices|Scale|Timeline|Where)\.)/,
    minShareCount: 2,
  },
];

const site = defineConfig({
  plugins: [
    ...viewerPlugins(),
    sveltekit({
      adapter: adapter({ precompress: true }),
      // No inline script or style without a nonce; pictures and data come from this origin alone.
      csp: {
        mode: "nonce",
        directives: {
          "default-src": ["self"],
          "script-src": ["self"],
          "style-src": ["self"],
          // The one style attribute of SvelteKit's own element that says the title of a new page.
          "style-src-attr": [
            "unsafe-hashes",
            "sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo=",
          ],
          "img-src": ["self", "data:"],
          "connect-src": ["self"],
          // Neuroglancer decodes chunks in workers and by WebAssembly.
          "worker-src": ["self", "blob:"],
          "object-src": ["none"],
          "base-uri": ["none"],
          "form-action": ["self"],
          "frame-ancestors": ["self"],
        },
      },
    }),
  ],
  // Only with hot reload: elsewhere the gateway or an ingress routes by path.
  server: { proxy: Object.fromEntries(GATEWAY_PATHS.map((path) => [path, gateway])) },
  // The built server holds all that it needs: the image has no packages.
  ssr: { noExternal: [/./] },
  build: { cssMinify: true, target: "es2023" },
  environments: {
    client: { build: { rolldownOptions: { output: { codeSplitting: { groups: CHUNKS } } } } },
  },
});

export default mergeConfig(site, viewerConfig);
