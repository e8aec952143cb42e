/** The drawing of one organ at three scales: frames with pictures, and lines between them. Pure. */

/** A picture of an organ: its place and size in millimetres of the whole organ, from the front. */
export interface Step {
  href: string;
  title: string;
  voxel: string;
  voxelUm: number;
  picture: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Ladder {
  steps: { href: string; title: string; voxel: string; picture: string; widthUm: number }[];
  /** Outlines of the next picture in the one before, and lines from them to its frame. */
  boxes: Rectangle[];
  lines: { x1: number; y1: number; x2: number; y2: number }[];
  /** Whether the words in the first picture stand at its top, because a box is at its bottom. */
  wordsOnTop: boolean;
}

/** The stage is 1000 wide and 600 high; styles/home.css places the pictures at the same frames. */
const FRAMES: Rectangle[] = [
  { x: 0, y: 0, width: 338, height: 600 },
  { x: 372, y: 0, width: 300, height: 300 },
  { x: 700, y: 300, width: 300, height: 300 },
];

const WORDS_TOP = 490; // of the words at the bottom of the first picture

/** Returns the drawing. A picture fills its frame; what is longer is cut at both ends. */
export function frames(steps: readonly Step[]): Ladder {
  const shown = steps.slice(0, FRAMES.length);
  const ladder: Ladder = { steps: [], boxes: [], lines: [], wordsOnTop: false };
  shown.forEach((step, place) => {
    const frame = FRAMES[place] as Rectangle;
    const scale = Math.max(frame.width / step.width, frame.height / step.height);
    ladder.steps.push({
      href: step.href,
      title: step.title,
      voxel: step.voxel,
      picture: step.picture,
      widthUm: (frame.width / scale) * 1000,
    });
    const next = shown[place + 1];
    const target = FRAMES[place + 1];
    if (!next || !target) return;
    const box = cut(
      {
        x: frame.x + frame.width / 2 + (next.x - step.x - step.width / 2) * scale,
        y: frame.y + frame.height / 2 + (next.y - step.y - step.height / 2) * scale,
        width: next.width * scale,
        height: next.height * scale,
      },
      frame,
    );
    if (!box) return;
    ladder.boxes.push(box);
    ladder.lines.push(...connections(box, target));
  });
  const first = ladder.boxes[0];
  ladder.wordsOnTop = first !== undefined && first.y + first.height > WORDS_TOP;
  return ladder;
}

/** Returns the part of a box that lies in a frame; null if there is none. */
function cut(box: Rectangle, frame: Rectangle): Rectangle | null {
  const [x, y] = [Math.max(box.x, frame.x), Math.max(box.y, frame.y)];
  const width = Math.min(box.x + box.width, frame.x + frame.width) - x;
  const height = Math.min(box.y + box.height, frame.y + frame.height) - y;
  if (width <= 0 || height <= 0) return null;
  const [left, top, wide, high] = [x, y, width, height].map((value) => Number(value.toFixed(1)));
  return { x: left ?? 0, y: top ?? 0, width: wide ?? 0, height: high ?? 0 };
}

/** Returns the lines from the right side of a box to the left side of the next picture. */
function connections(box: Rectangle, target: Rectangle): Ladder["lines"] {
  const x1 = box.x + box.width;
  return [
    { x1, y1: box.y, x2: target.x, y2: target.y },
    { x1, y1: box.y + box.height, x2: target.x, y2: target.y + target.height },
  ];
}
