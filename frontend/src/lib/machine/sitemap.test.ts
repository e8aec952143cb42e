import assert from "node:assert/strict";
import { test } from "node:test";

import { sitemapFile, sitemapIndex } from "./sitemap.ts";

test("a file has its pages with their days, and the first one those of the site", () => {
  const entries = [{ page: "/datasets/a&b", changed: "2026-11-30T01:02:03Z" }, { page: "/x" }];
  const first = sitemapFile("https://portal", entries, { isFirst: true });
  assert.match(
    first,
    /<url><loc>https:\/\/portal\/datasets\/a&#38;b<\/loc><lastmod>2026-11-30<\/lastmod><\/url>/,
  );
  assert.match(first, /<loc>https:\/\/portal\/about<\/loc>/);
  const other = sitemapFile("https://portal", entries, { isFirst: false });
  assert.equal(other.match(/<url>/g)?.length, 2);
});

test("an index has an address for each part", () => {
  const index = sitemapIndex("https://portal", ["", "document:a%2Fb", "dataset:c"]);
  assert.equal(index.match(/<sitemap>/g)?.length, 3);
  assert.match(index, /<loc>https:\/\/portal\/sitemap\.xml\?after=<\/loc>/);
  assert.match(index, /after=document%3Aa%252Fb<\/loc>/);
});
