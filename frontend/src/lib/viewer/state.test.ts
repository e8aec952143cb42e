import assert from "node:assert/strict";
import { test } from "node:test";

import {
  atOrigin,
  positionFromMm,
  positionMm,
  readFragment,
  windowOf,
  withLayers,
  withoutLayers,
  withWindow,
  writeFragment,
  type ViewerState,
} from "./state.ts";

const state: ViewerState = {
  layers: [
    { name: "whole", type: "image", source: { url: "zarr://http://a.org:80/data/whole/v.zarr/" } },
    { name: "zoom", type: "image", source: "n5://http://a.org/data/zoom/", visible: false },
    { name: "box", type: "annotation", source: { url: "local://annotations" } },
  ],
  dimensions: { z: [2e-5, "m"], y: [2e-5, "m"], x: [2e-5, "m"] },
  position: [100, 50, 10],
};

const sources = (moved: ViewerState) => moved.layers?.map(({ source }) => source);

test("image data are moved to another origin and made paths", () => {
  assert.deepEqual(sources(atOrigin(state, "")), [
    { url: "zarr:///data/whole/v.zarr/" },
    "n5:///data/zoom/",
    { url: "local://annotations" },
  ]);
  assert.deepEqual(sources(atOrigin(atOrigin(state, ""), "https://b.org"))?.[0], {
    url: "zarr://https://b.org/data/whole/v.zarr/",
  });
});

test("layers are shown, hidden and removed by name", () => {
  const shown = withLayers(state, ["zoom", "box"], true);
  assert.deepEqual(
    shown.layers?.map((layer) => layer.visible),
    [undefined, true, true],
  );
  assert.deepEqual(
    withoutLayers(state, ["whole"]).layers?.map((layer) => layer.name),
    ["zoom", "box"],
  );
});

test("grey values are set in images, all or one, and read again", () => {
  assert.equal(windowOf(state), null);
  assert.deepEqual(windowOf(withWindow(state, 10, 20)), [10, 20]);
  const one = withWindow(state, 1, 2, "zoom");
  assert.deepEqual(
    one.layers?.map((layer) => "shaderControls" in layer),
    [false, true, false],
  );
});

test("a position is the same in voxels and millimetres", () => {
  const mm = positionMm(state);
  assert.deepEqual(
    mm?.map((value) => Number(value.toFixed(9))),
    [2, 1, 0.2],
  );
  assert.deepEqual(positionFromMm(state, mm ?? [])?.map(Math.round), [100, 50, 10]);
  assert.equal(positionMm({}), null);
});

test("a fragment carries a state; a damaged one is none", () => {
  assert.deepEqual(readFragment(writeFragment(state)), state);
  assert.equal(readFragment("#!/api/state.json"), "/api/state.json");
  for (const damaged of ["", "#look", "#!", "#!%7B", "#!%E0%A4%A"]) {
    assert.equal(readFragment(damaged), null);
  }
});
