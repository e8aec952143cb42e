/** What Neuroglancer needs of a build. */
import type { Plugin, UserConfig } from "vite";

/** Icons of ikonate under the names that lucide-static has for them. */
const ICONS: Record<string, string> = {
  bin: "trash-2",
  close: "x",
  help: "circle-question-mark",
  maximise: "maximize",
  "code-alt": "code",
  "controls-alt": "sliders-horizontal",
  cursor: "mouse-pointer",
  "eye-crossed": "eye-off",
  rotate: "rotate-cw",
  tool: "wrench",
};

/**
 * Removes the comments before `new URL(…)` of workers: with them Vite takes the workers for data and
 * writes them into the page, where they do not run.
 */
function plainWorkerUrls(): Plugin {
  return {
    name: "plain-worker-urls",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("/neuroglancer/lib/") || !code.includes("webpackChunkName")) return null;
      return { code: code.replace(/\/\*\s*webpackChunkName[^*]*\*\//g, ""), map: null };
    },
  };
}

export const viewerPlugins = (): Plugin[] => [plainWorkerUrls()];

export const viewerConfig: UserConfig = {
  resolve: {
    alias: Object.entries(ICONS).map(([name, replacement]) => ({
      find: new RegExp(`^ikonate/icons/${name}\\.svg`),
      replacement: `ikonate/icons/${replacement}.svg`,
    })),
    // Only what the portal serves: OME-Zarr and n5 over HTTP.
    conditions: [
      "neuroglancer/datasource:none_by_default",
      "neuroglancer/datasource/zarr:enabled",
      "neuroglancer/datasource/n5:enabled",
      "neuroglancer/kvstore:none_by_default",
      "neuroglancer/kvstore/http:enabled",
      "module",
      "browser",
      "development|production",
    ],
  },
  worker: { format: "es", plugins: viewerPlugins },
};
