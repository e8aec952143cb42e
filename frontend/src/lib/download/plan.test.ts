import assert from "node:assert/strict";
import test from "node:test";

import { planDownload, waitingTime } from "./plan.ts";
import type { LevelView } from "#lib/volume/levels.ts";

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

const ESTIMATE = {
  pid: "p",
  folder: "",
  files: 14,
  bytes: 5e9,
  files_on_tape: 12,
  bytes_on_tape: 4.2e9,
  files_ahead: 0,
  bytes_ahead: 0,
  place: 1,
  seconds: 1500,
  basis: "usual" as const,
};

test("the time that tape takes is in words, with what it is based on", () => {
  assert.deepEqual(waitingTime(ESTIMATE), {
    time: "about 25 minutes",
    reason: "As tape usually takes.",
    isPart: true,
    onTape: "4.2\u00a0GB in 12 files",
  });
  const behind = waitingTime({ ...ESTIMATE, basis: "recent", place: 3, seconds: 7200 });
  assert.equal(behind?.time, "about 2 hours");
  assert.equal(behind?.reason, "At the pace of the last files, behind 2 other requests.");
});

test("what is online has no waiting time", () => {
  assert.equal(waitingTime({ ...ESTIMATE, files_on_tape: 0, place: null, seconds: 0 }), null);
});
