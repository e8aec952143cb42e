import assert from "node:assert/strict";
import { test } from "node:test";

import type { LevelView } from "#lib/volume/levels.ts";
import { boxVoxels, countVoxels, cropAddress, readSelection, transferTime } from "./selection.ts";

const level = (number: number, isBest = false): LevelView => ({
  level: number,
  voxelUm: 2.6 * 2 ** number,
  voxel: "",
  sees: "",
  shape: "",
  bytes: { short: "", exact: "" },
  isOnline: true,
  isFullSize: number === 0,
  isBest,
  folder: "",
});
const levels = [level(2), level(1, true), level(0)];
const extent = { x: 10, y: 10, z: 30 };
const read = (text: string) => readSelection(new URLSearchParams(text), levels, extent);

test("without a choice the recommended size is chosen, whole, as OME-Zarr in the browser", () => {
  assert.deepEqual(read("").selection, { level: 1, box: null, format: "zarr", tool: "browser" });
});

test("a size that does not exist is named, and the recommended one taken", () => {
  const { selection, problems } = read("level=9");
  assert.equal(selection.level, 1);
  assert.match(problems["level"] ?? "", /no size 9/);
});

test("all files can be chosen", () => {
  assert.equal(read("level=all").selection.level, null);
});

test("ends of a box may be left out, and a comma is a decimal point", () => {
  const { selection, problems } = read("part=box&x0=2,5&z1=4");
  assert.deepEqual(selection.box, { x: [2.5, 10], y: [0, 10], z: [0, 4] });
  assert.deepEqual(problems, {});
});

test("a box outside of the volume, or the wrong way round, is refused by axis", () => {
  assert.match(read("part=box&x0=5&x1=4").problems["x"] ?? "", /begin before it ends/);
  assert.match(read("part=box&y1=11").problems["y"] ?? "", /between 0 and 10 mm/);
  assert.match(read("part=box&z0=high").problems["z"] ?? "", /numbers in millimetres/);
});

test("a box in millimetres holds every voxel that it touches", () => {
  const grid = {
    shape: { x: 100, y: 100, z: 300 },
    voxelMm: { x: 0.1, y: 0.1, z: 0.1 },
    bytesPerVoxel: 2,
  };
  const voxels = boxVoxels(grid, { x: [0, 1], y: [0.05, 0.15], z: [29.95, 30] });
  assert.deepEqual(voxels, { x: [0, 10], y: [0, 2], z: [299, 300] });
  assert.equal(countVoxels(voxels), 20);
  assert.equal(countVoxels(boxVoxels(grid, null)), 3_000_000);
  assert.equal(
    cropAddress("/data/a", 1, voxels, "tiff"),
    "/data/a/crop?level=1&x=0:10&y=0:2&z=299:300&format=tiff",
  );
});

test("times are in the unit that a person would say", () => {
  assert.equal(transferTime(100_000, 100), "under a second");
  assert.equal(transferTime(11_900_000, 10), "10 s");
  assert.equal(transferTime(385e9, 100), "9 hours");
  assert.equal(transferTime(385e9, 10), "4 days");
});
