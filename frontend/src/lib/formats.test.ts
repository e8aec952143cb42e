import assert from "node:assert/strict";
import { test } from "node:test";

import {
  formatBytes,
  formatDay,
  formatDuration,
  formatExtent,
  formatNumberOf,
  formatVoxel,
  scaleBar,
} from "./formats.ts";

test("bytes have three digits and a decimal unit", () => {
  assert.equal(formatBytes(0), "0 bytes");
  assert.equal(formatBytes(999), "999 bytes");
  assert.equal(formatBytes(196_000), "196 kB");
  assert.equal(formatBytes(11_900_000), "11.9 MB");
  assert.equal(formatBytes(385_100_262_400), "385 GB");
  assert.equal(formatBytes(999_600_000), "1.0 GB");
  assert.equal(formatBytes(1.2e12), "1.2 TB");
});

test("lengths are in the unit of the reader", () => {
  assert.equal(formatVoxel(2.6), "2.6 µm");
  assert.equal(formatVoxel(25.14), "25.14 µm");
  assert.equal(formatVoxel(2.6, "mm"), "0.0026 mm");
  assert.equal(formatExtent([33_670, 10_030, 10_030]), "10.0 × 10.0 × 33.7 mm");
  assert.equal(formatExtent([100, 200, 300], "um"), "300 × 200 × 100 µm");
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
