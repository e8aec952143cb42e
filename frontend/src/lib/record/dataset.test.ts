import assert from "node:assert/strict";
import { test } from "node:test";

import { firstOfEachOrgan, usageView, viewHeaders } from "./dataset.ts";

const address = (query = ""): URL => new URL(`http://portal/datasets/x${query}`);
const request = (method: string, agent?: string): Request =>
  new Request(address(), { method, headers: agent ? { "user-agent": agent } : {} });

test("a page that is served is a view of its reader's program", () => {
  assert.deepEqual(viewHeaders(request("GET", "Mozilla/5.0"), address()), {
    "portal-view": "page",
    "portal-reader": "",
    "user-agent": "Mozilla/5.0",
  });
  const named = new Request(address(), { headers: { "x-forwarded-for": "192.0.2.1" } });
  assert.equal(viewHeaders(named, address())["portal-reader"], "192.0.2.1");
  assert.equal(viewHeaders(request("GET"), address())["user-agent"], "");
});

test("a request for headers alone, and a position of the slices, are none", () => {
  assert.deepEqual(viewHeaders(request("HEAD", "Mozilla/5.0"), address()), {});
  assert.deepEqual(viewHeaders(request("GET", "Mozilla/5.0"), address("?z=3")), {});
});

test("uses say since when they are counted, and what is counted", () => {
  const usage = {
    pid: "x",
    since: "2026-11-30",
    views: 1200,
    downloads: 1,
    views_counted: "Its page was served.",
    downloads_counted: "A request ended.",
    months: [],
  };
  const found = usageView(usage);
  assert.equal(found.text, "Seen 1,200 times and downloaded 1 time since 2026-11-30.");
  assert.deepEqual(found.notes, ["Seen: Its page was served.", "Downloaded: A request ended."]);
  assert.equal(
    usageView({ ...usage, since: null }).text,
    "Seen 1,200 times and downloaded 1 time.",
  );
});

test("other organs of a donor are named once each", () => {
  const cards = ["Brain", "Brain", "Left lung", "Right lung", "Brain"].map(
    (organ_label, place) => ({
      organ_label,
      place,
    }),
  );
  assert.deepEqual(
    firstOfEachOrgan(cards).map((card) => card.place),
    [0, 2, 3],
  );
});
