/** Numbers, sizes and dates as a person reads them. All functions are pure. */

const LOCALE = "en-GB";

const days = new Intl.DateTimeFormat(LOCALE, { dateStyle: "long", timeZone: "UTC" });
/** Between a number and its unit: lines do not break there. */
const GAP = "\u00a0";
const BYTE_UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB"];

/** Returns a whole number with separators: 385,100. */
export function formatCount(value: number): string {
  const digits = value.toFixed(0); // Intl costs ten times as much, and pages have hundreds
  return value < 1000 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Returns "1 dataset" or "36 datasets". */
export function formatNumberOf(value: number, one: string, many = `${one}s`): string {
  return `${formatCount(value)} ${value === 1 ? one : many}`;
}

/**
 * Returns a label as it is written within a sentence: "left kidney". Labels that begin with one of
 * `names` stay: "Achilles tendon".
 */
export function inSentence(label: string, names: readonly string[] = []): string {
  if (names.some((name) => label.startsWith(name))) return label;
  return label.slice(0, 1).toLowerCase() + label.slice(1);
}

/** Returns bytes with three digits and a decimal unit: 11.9 MB, 385 GB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)}${GAP}${BYTE_UNITS[unit]}`;
}

/** Returns the exact number of bytes, for titles: 385,100,262,400 bytes. */
export function formatExactBytes(bytes: number): string {
  return `${formatCount(bytes)} bytes`;
}

/** Returns a number without digits that say nothing: 2.6, 25.14, 0.65, 1234. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  return String(Number(value.toPrecision(Math.abs(value) >= 1000 ? 6 : digits)));
}

/** Lengths as a reader wants them: small ones in µm and large ones in mm, or all in one unit. */
export const LENGTHS = ["both", "um", "mm"] as const;
export type Lengths = (typeof LENGTHS)[number];

const NAMES = { um: "µm", mm: "mm" } as const;

/** Name of the cookie that keeps the choice. */
export const LENGTHS_COOKIE = "lengths";

/** Returns the choice that a text names; "both" for anything else. */
export function readLengths(text: string | null | undefined): Lengths {
  return LENGTHS.find((one) => one === text) ?? "both";
}

/** Returns the unit of a length; with "both" it is mm from `firstMm` micrometres on. */
function unitOf(um: number, lengths: Lengths, firstMm: number): "um" | "mm" {
  if (lengths !== "both") return lengths;
  return um >= firstMm ? "mm" : "um";
}

/** Returns a voxel size: 2.6 µm, or 0.0026 mm. */
export function formatVoxel(um: number, lengths: Lengths = "both"): string {
  const unit = unitOf(um, lengths, 1000);
  return `${formatNumber(unit === "mm" ? um / 1000 : um)}${GAP}${NAMES[unit]}`;
}

/** Returns a voxel size along z, y, x: 2.6 µm if all are equal, else 313 × 313 × 351 µm, x first. */
export function formatVoxels(um: readonly number[], lengths: Lengths = "both"): string {
  const [largest, smallest] = [Math.max(...um), Math.min(...um)];
  if (largest - smallest <= 0.002 * largest) return formatVoxel(um[0] ?? 0, lengths);
  const unit = unitOf(largest, lengths, 1000);
  const scale = unit === "mm" ? 1000 : 1;
  const sides = [...um].reverse().map((side) => formatNumber(side / scale, 3));
  return `${sides.join(" × ")}${GAP}${NAMES[unit]}`;
}

/** Returns a range of voxel sizes: 0.65 to 25.3 µm; one size if both are the same. */
export function formatVoxelRange(low: number, high: number, lengths: Lengths = "both"): string {
  const [from, to] = [formatVoxel(low, lengths), formatVoxel(high, lengths)];
  if (from === to) return from;
  const [start, unit] = from.split(GAP);
  return to.endsWith(GAP + unit) ? `${start} to ${to}` : `${from} to ${to}`;
}

/** Returns an extent, x first: 10.0 × 10.0 × 33.7 mm. `um` is [z, y, x] in micrometres. */
export function formatExtent(um: readonly number[], lengths: Lengths = "both"): string {
  const unit = unitOf(0, lengths, 0);
  const side = (size: number): string =>
    unit === "mm" ? (size / 1000).toFixed(1) : formatCount(Math.round(size));
  return `${[...um].reverse().map(side).join(" × ")}${GAP}${NAMES[unit]}`;
}

/** Returns a place along an axis: 12.34 mm, or 12,340 µm. */
export function formatPosition(um: number, lengths: Lengths = "both"): string {
  return unitOf(0, lengths, 0) === "mm"
    ? `${(um / 1000).toFixed(2)}${GAP}mm`
    : `${formatCount(Math.round(um))}${GAP}µm`;
}

/** Returns a shape, x first: 3856 × 3856 × 12950. `shape` is [z, y, x]. */
export function formatShape(shape: readonly number[]): string {
  return [...shape].reverse().join(" × ");
}

/** Returns the date of an ISO 8601 text: 2021-09-27. */
export function isoDate(text: string): string {
  return text.slice(0, 10);
}

/** Returns the number of a version and its day: 2 (2026-11-30). */
export function formatVersion(version: number, updated?: string | null): string {
  return updated ? `${version} (${isoDate(updated)})` : String(version);
}

/** Returns a date in words: 27 September 2021. Returns the text itself if it is no date. */
export function formatDay(text: string): string {
  const time = Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text);
  return Number.isNaN(time) ? text : days.format(time);
}

/** Returns a duration in words: "about 25 minutes", "less than a minute". */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return "less than a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${formatNumberOf(minutes, "minute")}`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `about ${formatNumberOf(hours, "hour")}`;
  return `about ${formatNumberOf(Math.round(hours / 24), "day")}`;
}

/** Returns the largest round length (1, 2 or 5 times a power of ten) of at most a third of `um`. */
export function scaleBar(um: number): { um: number; share: number } {
  const limit = um / 3;
  const power = 10 ** Math.floor(Math.log10(limit));
  const step = [5, 2, 1].find((factor) => factor * power <= limit) ?? 1;
  const length = step * power;
  return { um: length, share: length / um };
}

/** Returns the label of a scale bar: 20 mm, 500 µm. */
export function formatScale(um: number, lengths: Lengths = "both"): string {
  const unit = unitOf(um, lengths, 1000);
  if (unit === "mm") return `${formatNumber(um / 1000)}${GAP}mm`;
  return `${um >= 10_000 ? formatCount(um) : formatNumber(um)}${GAP}µm`;
}
