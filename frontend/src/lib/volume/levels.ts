/** The sizes of a volume as a reader chooses among them, smallest first. Pure. */
import { decodePart } from "#lib/addresses.ts";
import type { components } from "#lib/api.d.ts";
import {
  formatBytes,
  formatExactBytes,
  formatShape,
  formatVoxels,
  type Lengths,
} from "#lib/formats.ts";

type Schemas = components["schemas"];

export interface LevelView {
  level: number;
  voxelUm: number | null;
  voxel: string;
  sees: string;
  shape: string;
  bytes: { short: string; exact: string };
  isOnline: boolean;
  /** Whether it is as fine as the record says the volume is. */
  isFullSize: boolean;
  /** The one to take first: small, and fine enough to recognise the place. */
  isBest: boolean;
  /** Folder of its files in the dataset, with a slash at the end. */
  folder: string;
}

const START_BYTES = 50_000_000;

/** What can be seen at a voxel size: the first entry that the size does not exceed. */
export interface Sight {
  up_to_um: number;
  text: string;
}

/** Returns what can be seen with voxels of this size; an empty text if the profile does not say. */
export function whatIsSeen(sights: readonly Sight[], voxelUm: number): string {
  return (
    [...sights].sort((a, b) => a.up_to_um - b.up_to_um).find((s) => voxelUm <= s.up_to_um)?.text ??
    ""
  );
}

/**
 * Returns the levels, smallest first. `sights` are those of the organ; `fullUm` is the voxel size
 * of the whole volume, null if it is not recorded.
 */
export function levelViews(
  volume: Schemas["Volume"],
  sights: readonly Sight[],
  fullUm: number | null,
  lengths: Lengths,
): LevelView[] {
  const levels = [...volume.levels].sort((a, b) => b.level - a.level);
  const finest = Math.min(...levels.map((level) => level.level));
  const best = [...levels].reverse().find((one) => one.online && one.bytes <= START_BYTES);
  return levels.map((one) => {
    const voxelUm = one.voxel_um ? Math.max(...one.voxel_um) : null;
    return {
      level: one.level,
      voxelUm,
      voxel: one.voxel_um ? formatVoxels(one.voxel_um, lengths) : `Level ${one.level}`,
      sees: voxelUm === null ? "" : whatIsSeen(sights, voxelUm),
      shape: one.shape ? formatShape(one.shape) : "",
      bytes: { short: formatBytes(one.bytes), exact: formatExactBytes(one.bytes) },
      isOnline: one.online,
      isFullSize: one.level === finest && isAbout(voxelUm, fullUm),
      isBest: levels.length > 1 && one === best,
      folder: folderOf(one.url, volume.pid),
    };
  });
}

/** Returns whether two voxel sizes are the same but for rounding; true if one is not known. */
function isAbout(um: number | null, other: number | null): boolean {
  return um === null || other === null || Math.abs(um - other) <= 0.05 * other;
}

/** Returns the folder below the dataset that an address of the volume names. */
function folderOf(url: string, pid: string): string {
  const path = decodePart(new URL(url, "http://localhost").pathname) ?? "";
  const start = `/data/${pid}/`;
  return path.startsWith(start) ? path.slice(start.length) : "";
}
