/** What a choice in the download dialog means: bytes, where they are, addresses, commands. Pure. */
import type { components } from "#lib/api.d.ts";
import { formatBytes, formatDuration, formatNumberOf } from "#lib/formats.ts";
import type { LevelView } from "#lib/volume/levels.ts";
import {
  boxVoxels,
  countVoxels,
  cropAddress,
  type LevelGrid,
  type Selection,
  type Tool,
} from "#lib/download/selection.ts";

type Volume = components["schemas"]["Volume"];

export interface DownloadPlan {
  bytes: number;
  voxels: string | null;
  isOnline: boolean;
  /** Whether the voxels are cut out of the volume for this reader. */
  isCrop: boolean;
  /** Why it cannot be done, and what to do instead; null if it can. */
  refusal: string | null;
  /** Address that starts the download in a browser. */
  address: string;
  /** Folder of the files, where lists and scripts are made; ends with a slash. */
  folder: string;
  /** Folder within the dataset to request from tape; empty: everything. */
  location: string;
  tool: Tool;
}

const DTYPE_BITS = /(\d+)$/;

export function planDownload(
  selection: Selection,
  levels: readonly LevelView[],
  volume: Volume | null,
  dataset: { pid: string; bytes: number; files: number; isOnline: boolean },
): DownloadPlan {
  const base = `/data/${encodeURIComponent(dataset.pid)}`;
  const level = levels.find((one) => one.level === selection.level);
  const source = volume?.levels.find((one) => one.level === selection.level);
  const shared = { tool: selection.tool, refusal: null, isCrop: false };
  if (!level || !volume || !source) {
    return {
      ...shared,
      bytes: dataset.bytes,
      voxels: null,
      isOnline: dataset.isOnline,
      address: `${base}/?format=zip`,
      folder: `${base}/`,
      location: "",
    };
  }
  const folder = `${base}/${level.folder.split("/").map(encodeURIComponent).join("/")}`;
  const grid = gridOf(source);
  if ((selection.box || selection.format !== "zarr") && grid) {
    const voxels = boxVoxels(grid, selection.box);
    const count = countVoxels(voxels);
    const address = cropAddress(base, level.level, voxels, selection.format);
    return {
      ...shared,
      bytes: count * grid.bytesPerVoxel,
      voxels: (["x", "y", "z"] as const)
        .map((axis) => voxels[axis][1] - voxels[axis][0])
        .join(" × "),
      isOnline: level.isOnline,
      isCrop: true,
      refusal:
        count > volume.max_crop_voxels
          ? "This part has too many voxels to be cut out at once: choose a smaller box, a coarser size, or OME-Zarr as a whole."
          : null,
      address,
      folder,
      location: level.folder,
    };
  }
  return {
    ...shared,
    bytes: source.bytes,
    voxels: level.shape || null,
    isOnline: level.isOnline,
    address: `${folder}?format=zip`,
    folder,
    location: level.folder,
  };
}

function gridOf(level: Volume["levels"][number]): LevelGrid | null {
  const { shape, voxel_um: voxel, dtype } = level;
  if (!shape || !voxel) return null;
  const [z = 1, y = 1, x = 1] = shape;
  const [vz = 1, vy = 1, vx = 1] = voxel;
  const bits = Number(DTYPE_BITS.exec(dtype ?? "")?.[1] ?? 16);
  return {
    shape: { x, y, z },
    voxelMm: { x: vx / 1000, y: vy / 1000, z: vz / 1000 },
    bytesPerVoxel: Math.max(1, bits / 8),
  };
}

/** Returns the commands of the chosen tool, complete with addresses. */
export function commands(plan: DownloadPlan, origin: string): { tool: string; text: string }[] {
  const quoted = (address: string): string => `'${(origin + address).replaceAll("'", "'\\''")}'`;
  if (plan.tool === "python") {
    const group = origin + plan.folder;
    return [
      {
        tool: "Python",
        text: `import zarr\n\narray = zarr.open("${group}", mode="r")\nprint(array.shape)  # z, y, x`,
      },
    ];
  }
  if (plan.isCrop) {
    if (plan.tool === "aria2")
      return [{ tool: "aria2", text: `aria2c --allow-overwrite=true ${quoted(plan.address)}` }];
    if (plan.tool === "shell") {
      return [
        {
          tool: "curl",
          text: `curl --fail --remote-header-name --remote-name ${quoted(plan.address)}`,
        },
      ];
    }
    return [];
  }
  if (plan.tool === "aria2") {
    return [
      {
        tool: "aria2",
        text: `aria2c --continue=true --check-integrity=true --follow-metalink=mem ${quoted(`${plan.folder}?format=metalink`)}`,
      },
    ];
  }
  if (plan.tool === "shell") {
    return [
      { tool: "wget", text: `wget -qO - ${quoted(`${plan.folder}?format=wget`)} | sh` },
      { tool: "curl", text: `curl -fsS ${quoted(`${plan.folder}?format=curl`)} | sh` },
    ];
  }
  return [];
}

type Estimate = components["schemas"]["Estimate"];

/** How long files on tape would take, before they are requested. */
export interface WaitingTime {
  /** "about 25 minutes" */
  time: string;
  /** What that is based on, and what comes first. */
  reason: string;
  /** How much has to come; the rest is online. */
  onTape: string;
  isPart: boolean;
}

/** Returns the words for an estimate; null if nothing has to come from tape. */
export function waitingTime(estimate: Estimate): WaitingTime | null {
  if (!estimate.files_on_tape) return null;
  const before = (estimate.place ?? 1) - 1;
  const queue = before ? `, behind ${formatNumberOf(before, "other request")}` : "";
  const pace =
    estimate.basis === "recent" ? "At the pace of the last files" : "As tape usually takes";
  return {
    time: formatDuration(estimate.seconds),
    reason: `${pace}${queue}.`,
    isPart: estimate.files_on_tape < estimate.files,
    onTape: `${formatBytes(estimate.bytes_on_tape)} in ${formatNumberOf(estimate.files_on_tape, "file")}`,
  };
}
