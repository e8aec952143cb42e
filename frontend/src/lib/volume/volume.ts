/** A volume as the page of a dataset shows it: three linked slices, and its levels as sizes. Pure. */
import type { components } from "#lib/api.d.ts";

type Schemas = components["schemas"];
type Volume = Schemas["Volume"];

export const AXES = ["z", "y", "x"] as const;
export type Axis = (typeof AXES)[number];

/** One axis of the finest level. */
export interface AxisView {
  planes: number;
  /** Micrometres from the first to the last edge. */
  um: number;
}

export interface VolumeView {
  /** Address of the dataset's pictures, with no slash at the end. */
  base: string;
  /** Parameters that every picture has: its version, and the volume where there are several. */
  query: string;
  axes: Record<Axis, AxisView>;
}

/** Rows and columns of the slice across each axis. */
export const SIDES: Record<Axis, { rows: Axis; columns: Axis }> = {
  z: { rows: "y", columns: "x" },
  y: { rows: "z", columns: "x" },
  x: { rows: "z", columns: "y" },
};

/** Returns the view of a volume, or null if its finest readable level has no size. */
export function volumeView(volume: Volume): VolumeView | null {
  const level = volume.levels.find((one) => one.shape && one.voxel_um);
  if (!level?.shape || !level.voxel_um) return null;
  const axis = (place: number): AxisView => ({
    planes: level.shape?.[place] ?? 1,
    um: (level.shape?.[place] ?? 1) * (level.voxel_um?.[place] ?? 1),
  });
  const query = new URLSearchParams({ v: volume.version });
  if (volume.volumes.length > 1) query.set("volume", volume.volume);
  return {
    base: `/data/${encodeURIComponent(volume.pid)}`,
    query: query.toString(),
    axes: { z: axis(0), y: axis(1), x: axis(2) },
  };
}

export type Positions = Record<Axis, number>;

/** Returns the planes that an address asks for; the middle where it does not, or asks wrongly. */
export function readPositions(view: VolumeView, given: URLSearchParams): Positions {
  const one = (axis: Axis): number => {
    const { planes } = view.axes[axis];
    const text = given.get(axis) ?? "";
    const middle = Math.floor(planes / 2);
    return /^\d{1,9}$/.test(text) ? Math.min(Number(text), planes - 1) : middle;
  };
  return { z: one("z"), y: one("y"), x: one("x") };
}

/** Returns the address of a slice, at most `size` pixels long. */
export function sliceAddress(view: VolumeView, axis: Axis, index: number, size = 640): string {
  return `${view.base}/slices/${axis}/${index}?${view.query}&size=${size}`;
}

/** Returns where a plane lies, in millimetres from the first edge. */
export function planeMm(view: VolumeView, axis: Axis, index: number): number {
  const { planes, um } = view.axes[axis];
  return ((index + 0.5) * um) / planes / 1000;
}

/** Returns the size of a picture in pixels, the longest side being `size`, for width and height. */
export function pictureSize(
  view: VolumeView,
  axis: Axis,
  size = 640,
): { width: number; height: number } {
  const { rows, columns } = SIDES[axis];
  const [height, width] = [view.axes[rows].um, view.axes[columns].um];
  const scale = size / Math.max(height, width);
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

const MAX_RATIO = 200;
const RATIO_STEPS = 50;
/** Together the pictures are at least this wide, in heights, so that none is higher than a screen. */
const LEAST_WIDTH = 2.3;

/** Returns the class that gives a picture its share of the width (styles/ratios.css). */
export function ratioClass(width: number, height: number): string {
  const steps = Math.round((RATIO_STEPS * width) / height);
  return `ratio-${Math.min(MAX_RATIO, Math.max(5, steps))}`;
}

/** Returns the class of an empty column that keeps narrow pictures from growing; null: not needed. */
export function fillerClass(ratios: readonly number[]): string | null {
  const missing = LEAST_WIDTH - ratios.reduce((sum, ratio) => sum + ratio, 0);
  return missing > 0.1 ? ratioClass(missing, 1) : null;
}
