import assert from "node:assert/strict";
import { test } from "node:test";

import { negotiate } from "./negotiation.ts";

const offered = ["application/ld+json", "application/x-bibtex"];

test("browsers, curl and readers without a header get the page", () => {
  for (const accept of [null, "*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "text/*"]) {
    assert.equal(negotiate(accept, offered), "text/html", String(accept));
  }
});

test("a format that is named gets what it names", () => {
  assert.equal(negotiate("application/x-bibtex", offered), "application/x-bibtex");
  assert.equal(negotiate("application/ld+json, text/html;q=0.5", offered), "application/ld+json");
});

test("the most specific range decides, and q=0 refuses", () => {
  assert.equal(negotiate("*/*, text/html;q=0", offered), "application/ld+json");
  assert.equal(
    negotiate("application/*;q=0.2, application/x-bibtex;q=0.1, text/html;q=0.1", offered),
    "application/ld+json",
  );
});

test("nothing fits: null, and broken ranges are left out", () => {
  assert.equal(negotiate("image/png", offered), null);
  assert.equal(negotiate("nonsense, text/html", offered), "text/html");
});
