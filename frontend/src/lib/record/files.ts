/** The files of a dataset: addresses of lists, words for rows and sums. Made on the server. Pure. */
import type { components } from "#lib/api.d.ts";
import { formatBytes, formatCount, formatExactBytes, formatNumberOf } from "#lib/formats.ts";

type Schemas = components["schemas"];
type FilePage = Schemas["FilePage"];

/** Parameters in their canonical order; others follow, and the gateway refuses them. */
const ORDER = ["name", "role", "folder", "page", "per_page"];

/**
 * Returns the canonical parameters of a list, or null if the given ones are: without blank ones and
 * the number of the first page, in one order.
 */
export function canonicalQuery(given: URLSearchParams): URLSearchParams | null {
  const cleaned = new Map<string, string>();
  for (const [name, value] of given) {
    const text = name === "folder" ? value.trim().replace(/^\/+|\/+$/g, "") : value.trim();
    cleaned.delete(name);
    if (text !== "" && !(name === "page" && text === "1")) cleaned.set(name, text);
  }
  const rank = (name: string): number =>
    ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length;
  const canonical = new URLSearchParams(
    [...cleaned].sort(([one], [other]) => rank(one) - rank(other)),
  );
  return canonical.toString() === given.toString() ? null : canonical;
}

/** Returns the canonical address of a list on the page `path`. */
export function listAddress(path: string, parameters: URLSearchParams): string {
  const query = (canonicalQuery(parameters) ?? parameters).toString();
  return query ? `${path}?${query}` : path;
}

export interface Bytes {
  short: string;
  exact: string;
  /** Whether the short form has another number. */
  isRounded: boolean;
}

export interface FileRow {
  location: string;
  name: string;
  folder: string;
  role: string;
  format: string;
  bytes: Bytes | null;
  sha256: string | null;
  url: string | null;
  availability: string | null;
}

const bytesView = (bytes: number): Bytes => ({
  short: formatBytes(bytes),
  exact: formatExactBytes(bytes),
  isRounded: bytes >= 1000,
});

/** Returns what is shown of a file. A file with an address whose state is not known says so. */
export function fileRow(file: Schemas["FileView"]): FileRow {
  const { location, name, folder, format, sha256, url } = file;
  return {
    location,
    name,
    folder,
    role: file.role_label,
    format,
    bytes: file.bytes === null ? null : bytesView(file.bytes),
    sha256,
    url,
    availability: url ? (file.availability ?? "UNKNOWN") : null,
  };
}

export interface TotalRow {
  /** Value of the parameter that selects these files; null: they cannot be selected alone. */
  value: string | null;
  label: string;
  files: number;
  bytes: Bytes;
}

/** Returns the sums by role. */
export function roleTotals(page: FilePage): TotalRow[] {
  return page.roles.map(({ role, label, files, bytes }) => ({
    value: role,
    label,
    files,
    bytes: bytesView(bytes),
  }));
}

/** Returns the sums of the folders in the selected one, with that of the files in none of them. */
export function folderTotals(page: FilePage): TotalRow[] {
  const rows: TotalRow[] = page.folders.map(({ folder, name, files, bytes }) => ({
    value: folder,
    label: `${name}/`,
    files,
    bytes: bytesView(bytes),
  }));
  if (!rows.length || !page.direct_files) return rows;
  return [
    ...rows,
    {
      value: null,
      label: "Outside of these",
      files: page.direct_files,
      bytes: bytesView(page.direct_bytes),
    },
  ];
}

/** Returns the choices of roles: those with files, all levels together, and the selected one. */
export function roleChoices(page: FilePage): { value: string; label: string }[] {
  const found = page.roles.map(({ role, label }) => ({ value: role, label }));
  const levels = found.filter(({ value }) => value.startsWith("level-"));
  const first = levels[0] ? found.indexOf(levels[0]) : -1;
  if (levels.length > 1) found.splice(first, 0, { value: "level", label: "All levels" });
  const { role, role_label: label } = page;
  if (role && !found.some(({ value }) => value === role)) {
    found.push({ value: role, label: label ?? role });
  }
  return found;
}

/** Returns the folders that lead to a folder, the outermost first. */
export function folderPath(folder: string): { folder: string; name: string }[] {
  const parts = folder === "" ? [] : folder.split("/");
  return parts.map((name, place) => ({ folder: parts.slice(0, place + 1).join("/"), name }));
}

export interface Condition {
  parameter: string;
  label: string;
}

/** Returns the conditions of a list in words. */
export function conditions(page: FilePage): Condition[] {
  return [
    ...(page.name ? [{ parameter: "name", label: `Name: ${page.name}` }] : []),
    ...(page.role ? [{ parameter: "role", label: `For: ${page.role_label ?? page.role}` }] : []),
    ...(page.folder ? [{ parameter: "folder", label: `Folder: ${page.folder}/` }] : []),
  ];
}

/** Returns what is listed: "38 files, 14.2 GB", or "3 of 38 files, 12 MB". */
export function listSummary(page: FilePage): string {
  const all = formatNumberOf(page.all_files, "file");
  const count = page.files === page.all_files ? all : `${formatCount(page.files)} of ${all}`;
  return `${count}, ${formatBytes(page.bytes)}`;
}

/** Why a list is empty: nothing fits the conditions, no list yet, or a record without files. */
export type Emptiness = "filtered" | "awaited" | "none";

/** Returns why nothing is listed; null if something is. `recorded` is the number in the record. */
export function emptiness(page: FilePage, recorded: number): Emptiness | null {
  if (page.files) return null;
  if (page.all_files) return "filtered";
  return recorded ? "awaited" : "none";
}
