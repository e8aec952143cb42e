/** What the page of the viewer lists: volumes, outlines, the range of grey values. Pure. */
import type { components } from "#lib/api.d.ts";
import { formatVoxel, inSentence, type Lengths } from "#lib/formats.ts";
import type { ViewerState } from "#lib/viewer/state.ts";

type Schemas = components["schemas"];

export interface LayerView {
  /** Of the layer in the state. */
  name: string;
  label: string;
  voxel: string | null;
  isOnline: boolean;
  isVisible: boolean;
}

/** Least and greatest grey value, and what is shown as black and white at the start. */
export interface Greys {
  least: number;
  most: number;
  low: number;
  high: number;
}

/**
 * Returns the image layers of a state under the names of their records. `readable` is the record
 * whose volume can be read, whatever its card says; the others are online if their cards say so.
 */
export function imageLayers(
  state: ViewerState,
  cards: readonly Schemas["Card"][],
  readable: string | null,
  texts: { lengths: Lengths; properNames: readonly string[] },
): LayerView[] {
  const byPid = new Map(cards.map((card) => [card.pid, card]));
  return (state.layers ?? [])
    .filter((layer) => layer.type === "image")
    .map(({ name, visible }) => {
      const card = byPid.get(name);
      return {
        name,
        label: card ? labelOf(card, texts.properNames) : name,
        voxel: card?.voxel_um ? formatVoxel(card.voxel_um, texts.lengths) : null,
        isOnline: name === readable || ONLINE.has(card?.availability?.toUpperCase() ?? ""),
        isVisible: visible !== false,
      };
    });
}

const ONLINE = new Set(["ONLINE", "PARTLY_ONLINE"]);

function labelOf(card: Schemas["Card"], properNames: readonly string[]): string {
  if (card.type === "overview" && card.organ_label) {
    return `Whole ${inSentence(card.organ_label, properNames)}`;
  }
  return card.region ? `Zoom ${card.region}` : card.title;
}

/** Returns the names of the layers that draw outlines. */
export function outlineLayers(state: ViewerState): string[] {
  return (state.layers ?? [])
    .filter((layer) => layer.type === "annotation")
    .map((layer) => layer.name);
}

const RANGES: Record<string, [number, number]> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

/** Returns the grey values of a volume; null if it does not say which are black and white. */
export function greyValues(volume: Schemas["Volume"]): Greys | null {
  const { window, levels } = volume;
  if (!window || window.start >= window.end) return null;
  const { start: low, end: high } = window;
  const range = RANGES[levels.find((level) => level.dtype)?.dtype ?? ""];
  const [least, most] = range ?? [low - (high - low), high + (high - low)];
  return { least: Math.min(least, low), most: Math.max(most, high), low, high };
}
