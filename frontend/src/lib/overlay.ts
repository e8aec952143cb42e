/** Zooms drawn in their overview, seen from the front: rows are z, columns are x. Pure. */
import type { components } from "#lib/api.d.ts";

type Overlay = components["schemas"]["Overlay"];
type Registration = components["schemas"]["OverlayRegistration"];

export interface ZoomBox {
  pid: string;
  href: string;
  label: string;
  /** In millimetres of the overview's picture. */
  x: number;
  y: number;
  width: number;
  height: number;
  isOwn: boolean;
}

/** The size of an overview in micrometres; corners count from the centre of its first voxel. */
export interface OverviewSize {
  widthUm: number;
  heightUm: number;
  voxelUm: number;
}

/** Returns the boxes of registered zooms, largest first, so that small ones lie above. */
export function zoomBoxes(
  overlay: Overlay,
  size: OverviewSize,
  own: string | null,
  label: (pid: string) => { href: string; label: string },
): ZoomBox[] {
  return overlay.registrations
    .filter((one) => one.status === "registered" && one.corners_um)
    .map((one) => box(one, size, own, label))
    .sort((a, b) => b.width * b.height - a.width * a.height);
}

function box(
  registration: Registration,
  size: OverviewSize,
  own: string | null,
  label: (pid: string) => { href: string; label: string },
): ZoomBox {
  const corners = registration.corners_um ?? [];
  const across = corners.map((corner) => (corner[2] ?? 0) + size.voxelUm / 2);
  const down = corners.map((corner) => (corner[0] ?? 0) + size.voxelUm / 2);
  const mm = (um: number): number => Number((um / 1000).toFixed(3));
  return {
    pid: registration.source,
    ...label(registration.source),
    x: mm(Math.min(...across)),
    y: mm(Math.min(...down)),
    width: mm(Math.max(...across) - Math.min(...across)),
    height: mm(Math.max(...down) - Math.min(...down)),
    isOwn: registration.source === own,
  };
}
