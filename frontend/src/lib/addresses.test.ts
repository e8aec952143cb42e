import assert from "node:assert/strict";
import { test } from "node:test";

import { decodePart, readablePath } from "./addresses.ts";

test("escapes that are no UTF-8 stay, or are refused", () => {
  assert.equal(decodePart("a%2Fb"), "a/b");
  assert.equal(decodePart("%FF"), null);
  assert.equal(decodePart("%E0%A4%A"), null);
  assert.equal(readablePath("/datasets/%E8%82%BE"), "/datasets/肾");
  assert.equal(readablePath("/datasets/%FF"), "/datasets/%FF");
});
