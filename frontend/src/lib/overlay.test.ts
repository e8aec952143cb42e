import assert from "node:assert/strict";
import { test } from "node:test";

import { tags, type ZoomBox } from "./overlay.ts";

const box = (pid: string, x: number, y: number): ZoomBox => ({
  pid,
  href: "/d",
  label: `Zoom ${pid} at 2.6 µm`,
  x,
  y,
  width: 20,
  height: 30,
  isOwn: false,
});

test("names of zooms are short and do not lie upon one another", () => {
  const [first, second] = tags(
    [box("VOI-01", 10, 10), box("VOI-02", 11, 10.5)],
    { width: 80, height: 100 },
    4,
  );
  assert.equal(first?.text, "01");
  assert.notDeepEqual([first?.x, first?.y], [second?.x, second?.y]);
  assert.ok(
    Math.abs((first?.y ?? 0) - (second?.y ?? 0)) >= 4 || (second?.x ?? 0) - (first?.x ?? 0) > 4,
  );
});

test("a name stays within the picture", () => {
  const [tag] = tags([box("central-column", -30, -20)], { width: 80, height: 100 }, 4);
  assert.ok((tag?.x ?? -1) >= 0 && (tag?.y ?? 0) >= 4);
});
