import assert from "node:assert/strict";
import { test } from "node:test";

import { negotiate, prefersPage } from "./negotiation.ts";

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

test("formats of one media type differ by their profile", () => {
  const crate = 'application/ld+json;profile="https://w3id.org/ro/crate"';
  const croissant = 'application/ld+json;profile="http://mlcommons.org/croissant/1.0"';
  const all = [...offered, crate, croissant];
  assert.equal(negotiate("application/ld+json", all), "application/ld+json");
  assert.equal(
    negotiate('application/ld+json; profile="https://w3id.org/ro/crate/1.2"', all),
    crate,
  );
  assert.equal(negotiate(`${croissant}, text/html;q=0.9`, all), croissant);
  const unknown = 'application/ld+json;profile="http://www.w3.org/ns/json-ld#compacted"';
  assert.equal(negotiate(unknown, all), "application/ld+json");
});

test("the page is preferred unless something else is accepted better", () => {
  const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";
  for (const accept of [null, "*/*", browser]) assert.ok(prefersPage(accept), String(accept));
  for (const accept of ["application/yaml, text/html;q=0.5", "text/turtle", "image/png"]) {
    assert.ok(!prefersPage(accept), accept);
  }
});
