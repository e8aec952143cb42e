/** What a reader chose in the download dialog: a level, a part, a format and a tool. Pure. */
import type { LevelView } from "#lib/volume/levels.ts";

export const FORMATS = ["zarr", "tiff", "nrrd"] as const;
export const TOOLS = ["browser", "aria2", "shell", "python"] as const;
export type Format = (typeof FORMATS)[number];
export type Tool = (typeof TOOLS)[number];

export const BOX_AXES = ["x", "y", "z"] as const;
export type BoxAxis = (typeof BOX_AXES)[number];

/** A box in millimetres from the corner of the volume. */
export type Box = Record<BoxAxis, [number, number]>;

export interface Selection {
  /** Null: all files of the dataset. */
  level: number | null;
  box: Box | null;
  format: Format;
  tool: Tool;
}

/** The volume at one level, in the order x, y, z. */
export interface LevelGrid {
  shape: Record<BoxAxis, number>;
  voxelMm: Record<BoxAxis, number>;
  bytesPerVoxel: number;
}

function oneOf<T extends string>(value: string | null, known: readonly T[], other: T): T {
  return known.find((one) => one === value) ?? other;
}

/**
 * Reads the choice of an address; what is missing or not possible becomes the recommended choice.
 * `problems` names the fields whose values were not used, with a sentence each.
 */
export function readSelection(
  given: URLSearchParams,
  levels: readonly LevelView[],
  extentMm: Record<BoxAxis, number> | null,
): { selection: Selection; problems: Record<string, string> } {
  const problems: Record<string, string> = {};
  const best = levels.find((one) => one.isBest) ?? levels.at(-1);
  const text = given.get("level");
  let level: number | null = best?.level ?? null;
  if (text === "all") level = null;
  else if (text !== null) {
    const found = levels.find((one) => String(one.level) === text);
    if (found) level = found.level;
    else problems["level"] = `There is no size ${text.slice(0, 20)} of this volume.`;
  }
  let box: Box | null = null;
  if (given.get("part") === "box" && extentMm && level !== null) {
    box = { x: [0, extentMm.x], y: [0, extentMm.y], z: [0, extentMm.z] };
    for (const axis of BOX_AXES) {
      const ends = [
        readEnd(given, `${axis}0`, 0),
        readEnd(given, `${axis}1`, extentMm[axis]),
      ] as const;
      if (Number.isNaN(ends[0]) || Number.isNaN(ends[1])) {
        problems[axis] = `The ends along ${axis} must be numbers in millimetres.`;
      } else if (!(ends[0] >= 0 && ends[0] < ends[1] && ends[1] <= extentMm[axis] * 1.0001)) {
        problems[axis] =
          `Along ${axis} the box must lie between 0 and ${extentMm[axis]} mm, and begin before it ends.`;
      } else box[axis] = [ends[0], Math.min(ends[1], extentMm[axis])];
    }
  }
  return {
    selection: {
      level,
      box,
      format: oneOf(given.get("format"), FORMATS, "zarr"),
      tool: oneOf(given.get("tool"), TOOLS, "browser"),
    },
    problems,
  };
}

function readEnd(given: URLSearchParams, name: string, other: number): number {
  const text = (given.get(name) ?? "").trim().replace(",", ".");
  if (text === "") return other;
  return /^-?\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
}

/** Returns the voxels from:to of a level that hold a box in millimetres; all without a box. */
export function boxVoxels(grid: LevelGrid, box: Box | null): Record<BoxAxis, [number, number]> {
  const range = (axis: BoxAxis): [number, number] => {
    const size = grid.shape[axis];
    if (!box) return [0, size];
    const from = Math.min(
      size - 1,
      Math.max(0, Math.floor(box[axis][0] / grid.voxelMm[axis] + 1e-9)),
    );
    const to = Math.min(
      size,
      Math.max(from + 1, Math.ceil(box[axis][1] / grid.voxelMm[axis] - 1e-9)),
    );
    return [from, to];
  };
  return { x: range("x"), y: range("y"), z: range("z") };
}

/** Returns the number of voxels of a box. */
export function countVoxels(voxels: Record<BoxAxis, [number, number]>): number {
  return BOX_AXES.reduce((product, axis) => product * (voxels[axis][1] - voxels[axis][0]), 1);
}

/** Returns the address of a crop. */
export function cropAddress(
  base: string,
  level: number,
  voxels: Record<BoxAxis, [number, number]>,
  format: Format,
): string {
  const query = new URLSearchParams({ level: String(level) });
  for (const axis of BOX_AXES) query.set(axis, voxels[axis].join(":"));
  query.set("format", format);
  return `${base}/crop?${query.toString().replaceAll("%3A", ":")}`;
}

/** Returns how long bytes take at a speed in megabits a second, in words. */
export function transferTime(bytes: number, megabits: number): string {
  const seconds = (bytes * 8) / (megabits * 1_000_000);
  if (seconds < 1) return "under a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} hours`;
  return `${Math.round(seconds / 86_400)} days`;
}
