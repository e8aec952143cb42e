import assert from "node:assert/strict";
import { test } from "node:test";

import type { components } from "#lib/api.d.ts";
import {
  canonicalQuery,
  conditions,
  emptiness,
  fileRow,
  folderPath,
  folderTotals,
  listAddress,
  listSummary,
  roleChoices,
  roleTotals,
} from "./files.ts";

type FilePage = components["schemas"]["FilePage"];

const read = (text: string) => new URLSearchParams(text);

const PAGE: FilePage = {
  pid: "a/b",
  all_files: 1200,
  all_bytes: 5_000_000,
  files: 1200,
  bytes: 5_000_000,
  page: 1,
  pages: 24,
  per_page: 50,
  name: "",
  role: null,
  folder: "",
  role_label: null,
  rows: [],
  roles: [
    { role: "data", label: "Data", files: 1, bytes: 10 },
    { role: "level-0", label: "Level 0", files: 1000, bytes: 4_000_000 },
    { role: "level-1", label: "Level 1", files: 199, bytes: 999_990 },
  ],
  folders: [{ folder: "volume.zarr", name: "volume.zarr", files: 1199, bytes: 4_999_990 }],
  folders_in_all: 1,
  direct_files: 1,
  direct_bytes: 10,
};

test("an address of a list has one form", () => {
  assert.equal(canonicalQuery(read("")), null);
  assert.equal(canonicalQuery(read("name=zarr&role=level-0&folder=a%2Fb&page=3")), null);
  assert.equal(canonicalQuery(read("name=&role=+&folder="))?.toString(), "");
  assert.equal(
    canonicalQuery(read("page=1&folder=%2Fa%2Fb%2F&role=data&name=+x+"))?.toString(),
    "name=x&role=data&folder=a%2Fb",
  );
  assert.equal(canonicalQuery(read("role=data&role=level"))?.toString(), "role=level");
});

test("what no list knows stays, so that it is refused by name", () => {
  assert.equal(canonicalQuery(read("colour=red")), null);
  assert.equal(canonicalQuery(read("colour=red&name=x"))?.toString(), "name=x&colour=red");
  assert.equal(canonicalQuery(read("per_page=5&page=2"))?.toString(), "page=2&per_page=5");
});

test("a list without conditions is the page itself", () => {
  assert.equal(listAddress("/datasets/x/files", read("")), "/datasets/x/files");
  assert.equal(
    listAddress("/datasets/x/files", read("page=2&name=a")),
    "/datasets/x/files?name=a&page=2",
  );
});

const FILE: components["schemas"]["FileView"] = {
  location: "volume.zarr/0/c/0",
  name: "0",
  folder: "volume.zarr/0/c",
  role: "level",
  level: 0,
  role_label: "Level 0",
  bytes: 11_900_000,
  media_type: "application/octet-stream",
  format: "Zarr chunk",
  sha256: "0".repeat(64),
  url: "/data/x/volume.zarr/0/c/0",
  availability: "ARCHIVED",
};

test("a file has its bytes short and exact", () => {
  assert.deepEqual(fileRow(FILE).bytes, {
    short: "11.9\u00a0MB",
    exact: "11,900,000 bytes",
    isRounded: true,
  });
  assert.equal(fileRow({ ...FILE, bytes: 999 }).bytes?.isRounded, false);
  assert.equal(fileRow({ ...FILE, bytes: null }).bytes, null);
});

test("a file whose state is not known says so, one without an address has none", () => {
  assert.equal(fileRow(FILE).availability, "ARCHIVED");
  assert.equal(fileRow({ ...FILE, availability: null }).availability, "UNKNOWN");
  assert.equal(fileRow({ ...FILE, availability: null, url: null }).availability, null);
});

test("sums have the values that select their files", () => {
  assert.deepEqual(
    roleTotals(PAGE).map(({ value, files }) => [value, files]),
    [
      ["data", 1],
      ["level-0", 1000],
      ["level-1", 199],
    ],
  );
  assert.deepEqual(
    folderTotals(PAGE).map(({ value, label, files }) => [value, label, files]),
    [
      ["volume.zarr", "volume.zarr/", 1199],
      [null, "Outside of these", 1],
    ],
  );
  assert.deepEqual(folderTotals({ ...PAGE, folders: [] }), []);
});

test("all levels can be chosen together, and what is chosen stays a choice", () => {
  const values = (page: FilePage) => roleChoices(page).map(({ value }) => value);
  assert.deepEqual(values(PAGE), ["data", "level", "level-0", "level-1"]);
  assert.deepEqual(values({ ...PAGE, roles: PAGE.roles.slice(0, 2) }), ["data", "level-0"]);
  const chosen = { ...PAGE, roles: [], role: "preview", role_label: "Preview" };
  assert.deepEqual(roleChoices(chosen), [{ value: "preview", label: "Preview" }]);
});

test("a folder has those around it", () => {
  assert.deepEqual(folderPath(""), []);
  assert.deepEqual(folderPath("a/b"), [
    { folder: "a", name: "a" },
    { folder: "a/b", name: "b" },
  ]);
});

test("conditions are written in words", () => {
  assert.deepEqual(conditions(PAGE), []);
  const page = { ...PAGE, name: "json", role: "level-0", role_label: "Level 0", folder: "a/b" };
  assert.deepEqual(
    conditions(page).map(({ label }) => label),
    ["Name: json", "For: Level 0", "Folder: a/b/"],
  );
});

test("the number of files names those that are left out", () => {
  assert.equal(listSummary(PAGE), "1,200 files, 5.0\u00a0MB");
  const few = { ...PAGE, files: 3, bytes: 12 };
  assert.equal(listSummary(few), "3 of 1,200 files, 12\u00a0bytes");
  const one = { ...PAGE, all_files: 1, files: 1, bytes: 12 };
  assert.equal(listSummary(one), "1 file, 12\u00a0bytes");
});

test("an empty list has a reason", () => {
  assert.equal(emptiness(PAGE, 1200), null);
  assert.equal(emptiness({ ...PAGE, files: 0 }, 1200), "filtered");
  assert.equal(emptiness({ ...PAGE, files: 0, all_files: 0 }, 3), "awaited");
  assert.equal(emptiness({ ...PAGE, files: 0, all_files: 0 }, 0), "none");
});
