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

export interface Tag {
  pid: string;
  text: string;
  x: number;
  /** Of the base line of the text. */
  y: number;
}

const LETTER = 0.62; // mean width of a letter, in heights of the text

/**
 * Returns a short name beside each box: within the picture, and where there is room not upon
 * another name. `font` is the height of the text; all lengths are millimetres.
 */
export function tags(
  boxes: readonly ZoomBox[],
  size: { width: number; height: number },
  font: number,
): Tag[] {
  const placed: Room[] = [];
  return boxes.map((box) => {
    const text = box.label.replace(/^Zoom (VOI-)?(.*?)( at .*)?$/, "$2");
    const width = text.length * LETTER * font;
    const room = (x: number, y: number): Room => {
      const left = Math.min(Math.max(x, 0), Math.max(0, size.width - width));
      const bottom = Math.min(Math.max(y, font), size.height - font / 4);
      return { left, top: bottom - font, right: left + width, bottom };
    };
    const right = box.x + box.width - width;
    const below = box.y + box.height + font;
    const rooms = [
      room(box.x, box.y - font / 4),
      room(right, box.y - font / 4),
      room(box.x, below),
      room(right, below),
      room(box.x + font / 4, box.y + font * 1.1),
      room(right - font / 4, box.y + box.height - font / 3),
    ];
    const free = rooms.find((one) => !placed.some((other) => overlaps(one, other)));
    const chosen = free ?? (rooms[0] as Room);
    placed.push(chosen);
    return { pid: box.pid, text, x: round(chosen.left), y: round(chosen.bottom) };
  });
}

interface Room {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

function overlaps(one: Room, other: Room): boolean {
  return (
    one.left < other.right &&
    other.left < one.right &&
    one.top < other.bottom &&
    other.top < one.bottom
  );
}

function round(value: number): number {
  return Number(value.toFixed(2));
}
