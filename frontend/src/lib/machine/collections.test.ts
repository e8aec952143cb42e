import assert from "node:assert/strict";
import { test } from "node:test";

import { describeCollection } from "./collections.ts";

const licence = { id: "CC-BY-4.0", name: "CC BY 4.0", url: "https://l.example/by" };
const cards = [
  { title: "Left kidney", page: "/datasets/a", doi: "10.5072/a" },
  { title: "Right kidney", page: "/datasets/b" },
];
const facts = { path: "/organs/kidney", name: "Kidney", description: "Two volumes.", licence };

test("a page of datasets is a collection with its parts", () => {
  const found = describeCollection({ ...facts, kind: "Collection", cards }, "http://portal");
  assert.equal(found.jsonLd["@type"], "Collection");
  assert.equal(found.jsonLd["@id"], "http://portal/organs/kidney");
  assert.deepEqual(
    (found.jsonLd["hasPart"] as { "@id": string }[]).map((part) => part["@id"]),
    ["https://doi.org/10.5072/a", "http://portal/datasets/b"],
  );
  assert.match(found.header, /<https:\/\/schema.org\/Collection>; rel="type"/);
  assert.match(found.header, /<https:\/\/l.example\/by>; rel="license"/);
});

test("the home page is a catalogue, in no other one", () => {
  const found = describeCollection({ ...facts, kind: "DataCatalog", cards: [] }, "http://portal");
  assert.equal(found.jsonLd["@type"], "DataCatalog");
  assert.equal("includedInDataCatalog" in found.jsonLd, false);
  assert.equal("dataset" in found.jsonLd, false);
});
