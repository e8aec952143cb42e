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
  /** From the name to its box, where the name does not lie at it; as the path of an SVG. */
  leader: string | null;
}

/** The names of all boxes of a picture. */
export interface BoxNames {
  /** Height of the text in millimetres. */
  font: number;
  tags: Tag[];
}

const LETTER = 0.62; // mean width of a letter, in heights of the text
const STEP = 0.5; // between the places that are tried, in heights of the text
const SCALE = { width: 0.42, height: 2 }; // of the picture's width, in heights of the text

interface Size {
  width: number;
  height: number;
}

interface Room {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Returns the names of boxes, in letters that can be read beside a picture of this size. */
export function boxNames(
  boxes: readonly ZoomBox[],
  { widthUm, heightUm }: { widthUm: number; heightUm: number },
): BoxNames {
  const font = round(Math.max(widthUm, heightUm / 2) / 19_000);
  return { font, tags: tags(boxes, { width: widthUm / 1000, height: heightUm / 1000 }, font) };
}

/**
 * Returns a short name for each box: within the picture, not upon another name or the scale bar. A
 * name lies at a corner of its box if there is room, else at the nearest free place, with a line to
 * the box. `font` is the height of the text; all lengths are millimetres.
 */
export function tags(boxes: readonly ZoomBox[], size: Size, font: number): Tag[] {
  const scale: Room = {
    left: 0,
    top: size.height - SCALE.height * font,
    right: SCALE.width * size.width,
    bottom: size.height,
  };
  const taken = [scale];
  return boxes.map((box) => {
    const region = box.label.replace(/^Zoom (.*?)( at .*)?$/, "$1");
    const text = region.replace(/^[A-Za-z]+-(?=\d)/, ""); // VOI-01 is 01
    const width = text.length * LETTER * font;
    const near = corners(box, size, width, font);
    const isFree = (one: Room): boolean => !taken.some((other) => overlaps(one, other));
    const corner = near.find(isFree);
    const room = corner ?? nearest(places(size, width, font).filter(isFree), box) ?? near[0];
    taken.push(room);
    return {
      pid: box.pid,
      text,
      x: round(room.left),
      y: round(room.bottom),
      leader: corner ? null : leader(room, box),
    };
  });
}

/** The rooms of a text at the corners of a box, moved into the picture; the best first. */
function corners(box: ZoomBox, size: Size, width: number, font: number): [Room, ...Room[]] {
  const room = (x: number, y: number): Room => {
    const left = Math.min(Math.max(x, 0), Math.max(0, size.width - width));
    const bottom = Math.min(Math.max(y, font), size.height - font / 4);
    return { left, top: bottom - font, right: left + width, bottom };
  };
  const right = box.x + box.width - width;
  const below = box.y + box.height + font;
  return [
    room(box.x, box.y - font / 4),
    room(right, box.y - font / 4),
    room(box.x, below),
    room(right, below),
    room(box.x + font / 4, box.y + font * 1.1),
    room(right - font / 4, box.y + box.height - font / 3),
  ];
}

/** The rooms of a text all over the picture. */
function places(size: Size, width: number, font: number): Room[] {
  const step = STEP * font;
  const across = Math.max(0, Math.floor((size.width - width) / step));
  const down = Math.max(0, Math.floor((size.height - font * 1.25) / step));
  return Array.from({ length: (across + 1) * (down + 1) }, (_, index) => {
    const left = (index % (across + 1)) * step;
    const top = Math.floor(index / (across + 1)) * step;
    return { left, top, right: left + width, bottom: top + font };
  });
}

function nearest(rooms: readonly Room[], box: ZoomBox): Room | null {
  const far = (room: Room): number => {
    const line = between(room, box);
    return Math.hypot(line.toX - line.fromX, line.toY - line.fromY);
  };
  return rooms.reduce<Room | null>(
    (best, room) => (best === null || far(room) < far(best) ? room : best),
    null,
  );
}

function leader(room: Room, box: ZoomBox): string {
  const line = between(room, box);
  return `M${round(line.fromX)} ${round(line.fromY)}L${round(line.toX)} ${round(line.toY)}`;
}

/** The shortest line from the middle of a room to the edge of a box. */
function between(room: Room, box: ZoomBox): Record<"fromX" | "fromY" | "toX" | "toY", number> {
  const fromX = (room.left + room.right) / 2;
  const fromY = (room.top + room.bottom) / 2;
  const toX = Math.min(Math.max(fromX, box.x), box.x + box.width);
  const toY = Math.min(Math.max(fromY, box.y), box.y + box.height);
  if (toX !== fromX || toY !== fromY) return { fromX, fromY, toX, toY };
  const edges = [
    { toX: box.x, toY },
    { toX: box.x + box.width, toY },
    { toX, toY: box.y },
    { toX, toY: box.y + box.height },
  ].map((to) => ({ fromX, fromY, ...to }));
  const long = (line: (typeof edges)[number]): number =>
    Math.abs(line.toX - fromX) + Math.abs(line.toY - fromY);
  return edges.reduce((best, line) => (long(line) < long(best) ? line : best));
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
