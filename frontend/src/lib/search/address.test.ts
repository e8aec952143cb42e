import assert from "node:assert/strict";
import { test } from "node:test";

import { gatewayQuery, joinRanges, searchAddress, withValue, withoutValue } from "./address.ts";

const read = (text: string) => new URLSearchParams(text);

test("fields for the ends of a range become one parameter", () => {
  assert.equal(
    joinRanges(read("q=kidney&voxel.from=2&voxel.to=2,5"))?.toString(),
    "q=kidney&voxel=2..2.5",
  );
  assert.equal(joinRanges(read("voxel.from=2&voxel.to="))?.toString(), "voxel=2..");
  assert.equal(joinRanges(read("voxel.from=&voxel.to="))?.toString(), "");
});

test("ends in another unit become those of the address", () => {
  assert.equal(
    joinRanges(read("voxel.scale=1000&voxel.from=0.0026&voxel.to=0,01"))?.toString(),
    "voxel=2.6..10",
  );
  assert.equal(joinRanges(read("voxel.scale=1000&voxel.from=&voxel.to="))?.toString(), "");
  assert.equal(joinRanges(read("voxel.scale=1000&voxel.from=fine"))?.toString(), "voxel=fine..");
});

test("empty fields of a form are left out, and a clean address stays", () => {
  assert.equal(joinRanges(read("q=&organ=kidney"))?.toString(), "organ=kidney");
  assert.equal(joinRanges(read("q=kidney&organ=kidney&organ=lung")), null);
});

test("a value is removed alone, and the first page is shown", () => {
  const given = read("organ=kidney&organ=lung&page=3");
  assert.equal(withoutValue(given, "organ", "lung").toString(), "organ=kidney");
});

test("a value is set, and the page changes only by itself", () => {
  assert.equal(withValue(read("q=a&page=3"), "sort", "date").toString(), "q=a&sort=date");
  assert.equal(withValue(read("q=a&page=3"), "page", "4").toString(), "q=a&page=4");
  assert.equal(withValue(read("q=a&sort=date"), "sort", null).toString(), "q=a");
});

test("what is the site's own is not sent to the gateway", () => {
  assert.equal(gatewayQuery(read("q=a&view=cards")), "q=a");
  assert.equal(searchAddress(""), "/search");
  assert.equal(searchAddress("q=a"), "/search?q=a");
});
