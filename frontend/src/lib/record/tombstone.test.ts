import assert from "node:assert/strict";
import { test } from "node:test";

import { readTombstone } from "./tombstone.ts";

test("a tombstone has date, reason, the newer edition and how to cite", () => {
  const found = readTombstone({
    record_title: "Left kidney of D-1",
    reason: "Wrong donor.",
    withdrawn_at: "2026-03-14T10:00:00Z",
    superseded_by: "D-2 kidney",
    doi: "10.5072/one",
    citation: "A, B. Left kidney of D-1. https://doi.org/10.5072/one",
  });
  assert.deepEqual(found, {
    title: "Left kidney of D-1",
    when: "2026-03-14",
    day: "14 March 2026",
    reason: "Wrong donor.",
    doi: "10.5072/one",
    citation:
      "A, B. Left kidney of D-1. https://doi.org/10.5072/one [Data set, withdrawn 2026-03-14]",
    instead: { href: "/datasets/D-2%20kidney", label: "D-2 kidney" },
  });
});

test("a tombstone needs nothing but a reason", () => {
  const found = readTombstone({ detail: "It was withdrawn." });
  assert.equal(found.reason, "It was withdrawn.");
  assert.equal(found.when, null);
  assert.equal(found.citation, "This record. [Data set, withdrawn]");
});
