import assert from "node:assert/strict";
import test from "node:test";

import { planDownload } from "./downloads.ts";
import type { LevelView } from "./levels.ts";

const LEVEL = {
  level: 1,
  folder: "v.ome.zarr/1/",
  shape: "20 × 20 × 20",
  isOnline: true,
} as unknown as LevelView;
const DATASET = { pid: "p", bytes: 10, files: 1, isOnline: true };

function refusal(maxCropVoxels: number): string | null {
  const source = {
    level: 1,
    shape: [20, 20, 20],
    voxel_um: [10, 10, 10],
    dtype: "uint16",
    bytes: 9,
  };
  const volume = { levels: [source], max_crop_voxels: maxCropVoxels } as unknown as Parameters<
    typeof planDownload
  >[2];
  const selection = { level: 1, box: null, format: "tiff", tool: "browser" } as const;
  return planDownload(selection, [LEVEL], volume, DATASET).refusal;
}

test("the limit of crops is that of the volume's server", () => {
  assert.equal(refusal(8000), null);
  assert.match(refusal(7999) ?? "", /too many voxels/);
});
