/** The state of the viewer, and the messages between a page and the viewer in its iframe. Pure. */

export interface Layer {
  name: string;
  type: string;
  visible?: boolean;
  [key: string]: unknown;
}

/** A state of Neuroglancer, as the gateway makes it; only what pages change is typed. */
export interface ViewerState {
  layers?: Layer[];
  position?: number[];
  dimensions?: Record<string, [number, string]>;
  [key: string]: unknown;
}

export type ToViewer =
  | { kind: "state"; state: ViewerState }
  | { kind: "layer"; name: string; isVisible: boolean }
  | { kind: "window"; low: number; high: number }
  | { kind: "position"; position: number[] };

export type FromViewer =
  { kind: "ready" } | { kind: "state"; state: ViewerState } | { kind: "failed"; reason: string };

/** Returns the state with a layer shown or hidden. */
export function withLayer(state: ViewerState, name: string, isVisible: boolean): ViewerState {
  const layers = state.layers?.map((layer) =>
    layer.name === name ? { ...layer, visible: isVisible } : layer,
  );
  return { ...state, ...(layers ? { layers } : {}) };
}

/** Returns the state with the grey values between `low` and `high` in every image. */
export function withWindow(state: ViewerState, low: number, high: number): ViewerState {
  const layers = state.layers?.map((layer) =>
    layer.type === "image"
      ? { ...layer, shaderControls: { normalized: { range: [low, high] } } }
      : layer,
  );
  return { ...state, ...(layers ? { layers } : {}) };
}

/** Returns the position in millimetres along z, y, x, or null if the state has none. */
export function positionMm(state: ViewerState): number[] | null {
  const { position, dimensions } = state;
  if (!position || !dimensions) return null;
  const scales = Object.values(dimensions).map(([metres]) => metres * 1000);
  if (scales.length < 3 || position.length < 3) return null;
  return position.slice(0, 3).map((place, axis) => place * (scales[axis] ?? 0));
}

/** Returns the state moved to a position in millimetres along z, y, x. */
export function positionFromMm(state: ViewerState, mm: readonly number[]): number[] | null {
  if (!state.dimensions) return null;
  return Object.values(state.dimensions)
    .slice(0, 3)
    .map(([metres], axis) => (mm[axis] ?? 0) / (metres * 1000));
}

/**
 * Returns what the fragment of the viewer's address says: a state, the address of one on this
 * origin, or null.
 */
export function readFragment(fragment: string): ViewerState | string | null {
  if (!fragment.startsWith("#!")) return null;
  const text = decodeURIComponent(fragment.slice(2));
  if (!text.startsWith("{")) return text || null;
  try {
    return JSON.parse(text) as ViewerState;
  } catch {
    return null;
  }
}

/** Returns the fragment that carries a state. */
export function writeFragment(state: ViewerState): string {
  return `#!${encodeURIComponent(JSON.stringify(state))}`;
}
