import assert from "node:assert/strict";
import { test } from "node:test";

import { greyValues, imageLayers, outlineLayers } from "./volumes.ts";

type Volume = Parameters<typeof greyValues>[0];
type Cards = Parameters<typeof imageLayers>[1];

const state = {
  layers: [
    { name: "whole", type: "image" },
    { name: "zoom", type: "image", visible: false },
    { name: "unknown", type: "image" },
    { name: "box of zoom", type: "annotation" },
  ],
};
const cards = [
  { pid: "whole", type: "overview", organ_label: "Left kidney", voxel_um: 25.14 },
  { pid: "zoom", type: "zoom", region: "VOI-01", voxel_um: 2.6, availability: "ARCHIVED" },
] as unknown as Cards;

test("volumes have the names of their records; those on tape cannot be shown", () => {
  assert.deepEqual(imageLayers(state, cards, "whole", { lengths: "both", properNames: [] }), [
    {
      name: "whole",
      label: "Whole left kidney",
      voxel: "25.14\u00a0µm",
      isOnline: true,
      isVisible: true,
    },
    { name: "zoom", label: "Zoom VOI-01", voxel: "2.6\u00a0µm", isOnline: false, isVisible: false },
    { name: "unknown", label: "unknown", voxel: null, isOnline: false, isVisible: true },
  ]);
  assert.deepEqual(outlineLayers(state), ["box of zoom"]);
});

const volume = (dtype: string, start: number, end: number): Volume =>
  ({ window: { start, end, source: "metadata" }, levels: [{ dtype }] }) as unknown as Volume;

test("grey values lie within the type, or around the window", () => {
  assert.deepEqual(greyValues(volume("uint16", 10, 20)), {
    least: 0,
    most: 65535,
    low: 10,
    high: 20,
  });
  assert.deepEqual(greyValues(volume("float32", 1, 3)), { least: -1, most: 5, low: 1, high: 3 });
  assert.equal(greyValues(volume("uint8", 5, 5)), null);
});
