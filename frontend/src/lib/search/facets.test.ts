import assert from "node:assert/strict";
import test from "node:test";

import { chipViews, facetViews } from "./facets.ts";

const VALUES = Array.from({ length: 10 }, (_, n) => ({
  value: `v${n}`,
  label: `V${n}`,
  count: 20 - 2 * n,
  selected: n === 9,
}));
const CHOICE = {
  field: "organ",
  parameter: "organ",
  label: "Organ",
  kind: "choice" as const,
  values: VALUES,
  more_values: 0,
  buckets: [],
  selected: [],
  missing: { value: "~missing", count: 0, selected: false },
};

test("chosen values are shown, others after the first eight are behind more", () => {
  const [facet] = facetViews([CHOICE], "both");
  assert.ok(facet?.kind === "choice");
  assert.deepEqual(
    facet.values.map((one) => one.value),
    ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v9"],
  );
  assert.deepEqual(
    facet.more.map((one) => one.value),
    ["v8"],
  );
  assert.equal(facet.chosen, "1 chosen");
  assert.equal(facet.values[0]?.share, "100.0");
  assert.equal(facet.missing, null);
});

test("a value that no dataset has stays, without a bar", () => {
  const values = [{ value: "eye", label: "Eye", count: 0, selected: false }];
  const [facet] = facetViews([{ ...CHOICE, values }], "both");
  assert.ok(facet?.kind === "choice");
  assert.deepEqual(facet.values, [{ value: "eye", label: "Eye", count: "0" }]);
});

test("a facet without a choice is left out, unless something is chosen", () => {
  const empty = { ...CHOICE, values: [] };
  assert.deepEqual(facetViews([empty], "both"), []);
  const missing = { value: "~missing", count: 0, selected: true };
  const [facet] = facetViews([{ ...empty, missing }], "both");
  assert.equal(facet?.missing?.chosen, true);
});

test("the ends of a range are written in words", () => {
  const range = { ...CHOICE, kind: "range" as const, values: [], unit: "µm", min: 1, max: 50 };
  const buckets = [{ start: 1, end: 50, count: 3 }];
  const text = (low: number | null, high: number | null): string | undefined =>
    facetViews([{ ...range, buckets, selected: [{ low, high }] }], "both")[0]?.chosen;
  assert.equal(text(2, 10), "2 to 10 µm");
  assert.equal(text(null, 10), "up to 10 µm");
  assert.equal(text(2, null), "from 2 µm");
});

test("a facet of lengths is in the reader's unit, and so are its chips", () => {
  const facet = {
    ...CHOICE,
    parameter: "voxel_um",
    kind: "range" as const,
    values: [],
    unit: "µm",
    min: 0.65,
    max: 50,
    buckets: [{ start: 0.65, end: 50, count: 3 }],
    selected: [{ low: 2.6, high: null }],
  };
  const [shown] = facetViews([facet], "mm");
  assert.ok(shown?.kind === "range");
  assert.deepEqual([shown.min, shown.max, shown.low, shown.high], [0.00065, 0.05, 0.0026, null]);
  assert.deepEqual([shown.edges, shown.counts], [[0.00065, 0.05], [3]]);
  assert.equal(shown.unit, "mm");
  assert.equal(shown.scale, 1000);
  assert.equal(shown.chosen, "from 0.0026 mm");
  const chip = { field: "voxel_size", label: "Voxel size", parameter: "voxel_um" };
  const chips = chipViews(
    [
      { ...chip, value: "2.6..", value_label: "from 2.6 µm" },
      { ...chip, value: "~missing", value_label: "not recorded" },
    ],
    [shown],
  );
  assert.deepEqual(
    chips.map((one) => one.value_label),
    ["from 0.0026 mm", "not recorded"],
  );
});
