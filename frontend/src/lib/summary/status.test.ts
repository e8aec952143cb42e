import assert from "node:assert/strict";
import test from "node:test";

import { partNotes } from "./status.ts";

const part = { name: "ingest", label: "New records", state: "up" } as const;
const at = "2026-03-04T10:00:00Z";

test("what waits and how new the search is stand in words", () => {
  assert.deepEqual(partNotes({ ...part, waiting: 0 }, at), ["No jobs waiting"]);
  assert.deepEqual(partNotes({ ...part, waiting: 1 }, at), ["1 job waiting"]);
  const index = { ...part, name: "index", waiting: 1200 };
  assert.deepEqual(partNotes({ ...index, newest: "2026-03-01T09:00:00Z" }, at), [
    "1,200 changes waiting",
    "Newest change in the search: 3 days ago",
  ]);
  assert.match(
    partNotes({ ...index, newest: "2026-03-04T09:58:00Z" }, at).join(),
    / 2 minutes ago$/,
  );
});

test("a part that is late says by how much", () => {
  assert.deepEqual(partNotes({ ...part, detail: "Slow", delay_minutes: 3 }, at), [
    "Slow",
    "About 3 minutes late",
  ]);
});
