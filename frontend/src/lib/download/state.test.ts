import assert from "node:assert/strict";
import test from "node:test";

import { headline, phases, progressText, readDownload, whatNext } from "./state.ts";

const state = (members: Record<string, unknown>): ReturnType<typeof readDownload> =>
  readDownload({
    state: "RESTORING",
    done: false,
    files: 12,
    files_online: 3,
    bytes: 4e8,
    bytes_online: 1e8,
    created: "2026-03-14T14:02:00Z",
    ...members,
  });

test("a request that runs says how long it lasts and how far it is", () => {
  const running = state({ seconds_left: 1080, expected: "2026-03-14T14:27:00Z", place: 2 });
  assert.equal(headline(running), "18 minutes left");
  assert.match(progressText(running), /^100\sMB of 400\sMB copied, 3 of 12 files, place 2/);
  assert.deepEqual(
    phases(running).map((phase) => [phase.note, phase.isCurrent]),
    [
      ["14:02", false],
      ["", false],
      ["now", true],
      ["about 14:27", false],
    ],
  );
  assert.equal(whatNext(running), null);
});

test("a request that waits is at its second step", () => {
  const current = phases(state({ state: "ARCHIVED" })).findIndex((phase) => phase.isCurrent);
  assert.equal(current, 1);
});

test("each end says what happened and what to do", () => {
  const ready = state({ state: "ONLINE", done: true, files_online: 12 });
  assert.match(headline(ready), /^400\sMB, ready$/);
  assert.equal(whatNext(ready), null);
  const failed = state({ state: "FAILED", done: true, files_online: 9, files_failed: 3 });
  assert.equal(headline(failed), "3 of 12 files could not be read");
  for (const end of ["FAILED", "EXPIRED", "CANCELLED"]) {
    assert.match(whatNext(state({ state: end, done: true })) ?? "", /Request them|request them/);
  }
});
