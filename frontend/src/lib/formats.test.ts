import assert from "node:assert/strict";
import { test } from "node:test";

import {
  formatBytes,
  formatDay,
  formatDuration,
  formatExtent,
  formatNumberOf,
  formatPosition,
  formatScale,
  formatVersion,
  formatVoxel,
  formatVoxelRange,
  formatVoxels,
  inSentence,
  readLengths,
  scaleBar,
} from "./formats.ts";

test("bytes have three digits and a decimal unit", () => {
  assert.equal(formatBytes(0), "0\u00a0bytes");
  assert.equal(formatBytes(999), "999\u00a0bytes");
  assert.equal(formatBytes(196_000), "196\u00a0kB");
  assert.equal(formatBytes(11_900_000), "11.9\u00a0MB");
  assert.equal(formatBytes(385_100_262_400), "385\u00a0GB");
  assert.equal(formatBytes(999_600_000), "1.0\u00a0GB");
  assert.equal(formatBytes(1.2e12), "1.2\u00a0TB");
});

test("lengths are in the unit of the reader", () => {
  assert.equal(formatVoxel(2.6), "2.6\u00a0µm");
  assert.equal(formatVoxel(25.14), "25.14\u00a0µm");
  assert.equal(formatVoxel(2.6, "mm"), "0.0026\u00a0mm");
  assert.equal(formatVoxel(1250), "1.25\u00a0mm");
  assert.equal(formatVoxel(1250, "um"), "1250\u00a0µm");
  assert.equal(formatVoxels([351, 313, 313]), "313 × 313 × 351\u00a0µm");
  assert.equal(formatVoxels([351, 313, 313], "mm"), "0.313 × 0.313 × 0.351\u00a0mm");
  assert.equal(formatExtent([33_670, 10_030, 10_030]), "10.0 × 10.0 × 33.7\u00a0mm");
  assert.equal(formatExtent([100, 200, 300], "um"), "300 × 200 × 100\u00a0µm");
  assert.equal(formatExtent([33_670, 10_030.4, 10_030], "um"), "10,030 × 10,030 × 33,670\u00a0µm");
  assert.equal(formatPosition(12_344), "12.34\u00a0mm");
  assert.equal(formatPosition(12_344, "um"), "12,344\u00a0µm");
  assert.equal(formatScale(20_000, "um"), "20,000\u00a0µm");
  assert.equal(formatScale(500, "mm"), "0.5\u00a0mm");
});

test("a range of voxel sizes names its unit once, unless both ends differ in it", () => {
  assert.equal(formatVoxelRange(0.65, 25.3), "0.65 to 25.3\u00a0µm");
  assert.equal(formatVoxelRange(0.65, 25.3, "mm"), "0.00065 to 0.0253\u00a0mm");
  assert.equal(formatVoxelRange(2.6, 2.6), "2.6\u00a0µm");
  assert.equal(formatVoxelRange(650, 1300), "650\u00a0µm to 1.3\u00a0mm");
});

test("a choice that is not known is the usual one", () => {
  assert.equal(readLengths("mm"), "mm");
  assert.equal(readLengths("inch"), "both");
  assert.equal(readLengths(undefined), "both");
});

test("a scale bar is a round length of at most a third", () => {
  for (const um of [0.7, 3, 10, 66_900, 118_800, 150_000]) {
    const bar = scaleBar(um);
    assert.ok(bar.share <= 1 / 3 + 1e-9 && bar.share > 0.1, `${um}: ${bar.share}`);
    const digit = Number(bar.um.toExponential(3).slice(0, 5));
    assert.ok([1, 2, 5].includes(digit), `${um}: ${bar.um}`);
  }
});

test("dates and durations are words", () => {
  assert.equal(formatDay("2021-09-27"), "27 September 2021");
  assert.equal(formatDay("2021-09-27T10:00:00Z"), "27 September 2021");
  assert.equal(formatDay("not a date"), "not a date");
  assert.equal(formatDuration(20), "less than a minute");
  assert.equal(formatDuration(25 * 60), "about 25 minutes");
  assert.equal(formatDuration(3600), "about 1 hour");
});

test("a number of things agrees with its noun", () => {
  assert.equal(formatNumberOf(1, "dataset"), "1 dataset");
  assert.equal(formatNumberOf(36, "dataset"), "36 datasets");
  assert.equal(formatNumberOf(2, "copy", "copies"), "2 copies");
});

test("labels within a sentence lose their capital letter, names do not", () => {
  assert.equal(inSentence("Left Achilles tendon", ["Achilles tendon"]), "left Achilles tendon");
  assert.equal(inSentence("Achilles tendon", ["Achilles tendon"]), "Achilles tendon");
  assert.equal(inSentence("Female reproductive organs"), "female reproductive organs");
});

test("a version has its day in brackets", () => {
  assert.equal(formatVersion(2, "2026-11-30T15:23:10Z"), "2 (2026-11-30)");
  assert.equal(formatVersion(1), "1");
});
