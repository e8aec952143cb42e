/** Numbers, sizes and dates as a person reads them. All functions are pure. */

const LOCALE = "en-GB";

const counts = new Intl.NumberFormat(LOCALE);
const days = new Intl.DateTimeFormat(LOCALE, { dateStyle: "long", timeZone: "UTC" });
const BYTE_UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB"];

/** Returns a whole number with separators: 385,100. */
export function formatCount(value: number): string {
  return counts.format(value);
}

/** Returns "1 dataset" or "36 datasets". */
export function formatNumberOf(value: number, one: string, many = `${one}s`): string {
  return `${formatCount(value)} ${value === 1 ? one : many}`;
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
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
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

/** The unit of lengths that a reader chose. */
export type LengthUnit = "um" | "mm";

/** Returns a voxel size: 2.6 µm, or 0.0026 mm. */
export function formatVoxel(um: number, unit: LengthUnit = "um"): string {
  return unit === "mm" || um >= 1000 ? `${formatNumber(um / 1000)} mm` : `${formatNumber(um)} µm`;
}

/** Returns a voxel size along z, y, x: 2.6 µm if all are equal, else 313 × 313 × 351 µm, x first. */
export function formatVoxels(um: readonly number[], unit: LengthUnit = "um"): string {
  const [largest, smallest] = [Math.max(...um), Math.min(...um)];
  if (largest - smallest <= 0.002 * largest) return formatVoxel(um[0] ?? 0, unit);
  const isMm = unit === "mm" || largest >= 1000;
  const sides = [...um].reverse().map((side) => formatNumber(isMm ? side / 1000 : side, 3));
  return `${sides.join(" × ")} ${isMm ? "mm" : "µm"}`;
}

/** Returns an extent, x first: 10.0 × 10.0 × 33.7 mm. `um` is [z, y, x] in micrometres. */
export function formatExtent(um: readonly number[], unit: LengthUnit = "mm"): string {
  const scale = unit === "mm" ? 1000 : 1;
  const digits = unit === "mm" ? 1 : 0;
  const sizes = [...um].reverse().map((size) => (size / scale).toFixed(digits));
  return `${sizes.join(" × ")} ${unit === "mm" ? "mm" : "µm"}`;
}

/** Returns a shape, x first: 3856 × 3856 × 12950. `shape` is [z, y, x]. */
export function formatShape(shape: readonly number[]): string {
  return [...shape].reverse().join(" × ");
}

/** Returns the date of an ISO 8601 text: 2021-09-27. */
export function isoDate(text: string): string {
  return text.slice(0, 10);
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
export function formatScale(um: number): string {
  return um >= 1000 ? `${formatNumber(um / 1000)} mm` : `${formatNumber(um)} µm`;
}
