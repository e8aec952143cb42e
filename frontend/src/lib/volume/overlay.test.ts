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
    [box("VOI-01", 10, 10), box("ROI-02.1", 11, 10.5)],
    { width: 80, height: 100 },
    4,
  );
  assert.equal(first?.text, "01");
  assert.equal(second?.text, "02.1");
  assert.notDeepEqual([first?.x, first?.y], [second?.x, second?.y]);
  assert.ok(
    Math.abs((first?.y ?? 0) - (second?.y ?? 0)) >= 4 || (second?.x ?? 0) - (first?.x ?? 0) > 4,
  );
});

test("a name stays within the picture", () => {
  const [tag] = tags([box("central-column", -30, -20)], { width: 80, height: 100 }, 4);
  assert.ok((tag?.x ?? -1) >= 0 && (tag?.y ?? 0) >= 4);
});

test("names of a dense series lie apart, each at its box or at the end of a line to it", () => {
  const size = { width: 80, height: 100 };
  const font = 4;
  const dense = Array.from({ length: 24 }, (_, i) =>
    box(`VOI-${String(i + 1).padStart(2, "0")}`, 30 + i / 8, 30 + i / 8),
  );
  const placed = tags(dense, size, font);
  const across = 2 * 0.62 * font;
  placed.forEach((one, i) => {
    assert.ok(one.x >= 0 && one.x + across <= size.width && one.y >= font && one.y <= size.height);
    for (const other of placed.slice(i + 1)) {
      const isApart = Math.abs(one.x - other.x) > across - 0.05 || Math.abs(one.y - other.y) > 3.95;
      assert.ok(isApart, `${one.text} and ${other.text}`);
    }
  });
  assert.equal(placed[0]?.leader, null);
  assert.match(placed[23]?.leader ?? "", /^M[\d.]+ [\d.]+L[\d.]+ [\d.]+$/);
});

test("a name does not lie upon the scale bar", () => {
  const [tag] = tags([box("VOI-01", -15, 68)], { width: 80, height: 100 }, 4);
  const [low] = tags([{ ...box("VOI-01", 2, 97), height: 3 }], { width: 80, height: 100 }, 4);
  for (const one of [tag, low]) assert.ok((one?.y ?? 100) <= 92);
});
