import assert from "node:assert/strict";
import { test } from "node:test";

import { frames, type Step } from "./stage.ts";

const step = (over: Partial<Step>): Step => ({
  href: "/d",
  title: "t",
  voxel: "25 µm",
  voxelUm: 25,
  picture: "/p",
  x: 0,
  y: 0,
  width: 33.8,
  height: 60,
  ...over,
});

test("a zoom is drawn where it lies in the whole organ, at the scale of the picture", () => {
  const drawn = frames([step({}), step({ x: 10, y: 20, width: 10, height: 20 })]);
  assert.deepEqual(drawn.boxes, [{ x: 100, y: 200, width: 100, height: 200 }]);
  assert.equal(drawn.lines.length, 2);
  assert.equal(Math.round(drawn.steps[0]?.widthUm ?? 0), 33_800);
});

test("a long picture is cut at both ends, and a box with it", () => {
  const zoom = step({ x: 10, y: 0, width: 10, height: 20 });
  const drawn = frames([step({}), zoom, step({ x: 12, y: 0, width: 2, height: 10 })]);
  assert.equal(drawn.steps[1]?.widthUm, 10_000);
  assert.deepEqual(drawn.boxes[1], { x: 432, y: 0, width: 60, height: 150 });
});

test("a box outside the picture is not drawn", () => {
  assert.deepEqual(frames([step({}), step({ x: 90 })]).boxes, []);
});

test("words give way to a box at the bottom of the whole organ", () => {
  assert.equal(frames([step({}), step({ y: 30, width: 10, height: 20 })]).wordsOnTop, true);
  assert.equal(frames([step({}), step({ y: 10, width: 10, height: 20 })]).wordsOnTop, false);
});
