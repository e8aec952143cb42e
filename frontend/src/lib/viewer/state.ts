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
  showScaleBar?: boolean;
  [key: string]: unknown;
}

export type ToViewer =
  | { kind: "state"; state: ViewerState }
  | { kind: "layers"; names: string[]; isVisible: boolean }
  | { kind: "scale-bar"; isVisible: boolean }
  | { kind: "window"; low: number; high: number }
  | { kind: "position"; position: number[] };

export type FromViewer =
  { kind: "ready" } | { kind: "state"; state: ViewerState } | { kind: "failed"; reason: string };

/** Returns the state with some layers shown or hidden. */
export function withLayers(
  state: ViewerState,
  names: readonly string[],
  isVisible: boolean,
): ViewerState {
  const layers = state.layers?.map((layer) =>
    names.includes(layer.name) ? { ...layer, visible: isVisible } : layer,
  );
  return { ...state, ...(layers ? { layers } : {}) };
}

/** Returns the state without these layers. */
export function withoutLayers(state: ViewerState, names: readonly string[]): ViewerState {
  const layers = state.layers?.filter((layer) => !names.includes(layer.name));
  return { ...state, ...(layers ? { layers } : {}) };
}

/**
 * Returns the state with the grey values between `low` and `high` shown from black to white in
 * every image, or in the one of this name.
 */
export function withWindow(
  state: ViewerState,
  low: number,
  high: number,
  name?: string,
): ViewerState {
  const layers = state.layers?.map((layer) =>
    layer.type === "image" && (name === undefined || layer.name === name)
      ? { ...layer, shaderControls: { normalized: { range: [low, high] } } }
      : layer,
  );
  return { ...state, ...(layers ? { layers } : {}) };
}

/** Returns the grey values that the first image with a window shows as black and white. */
export function windowOf(state: ViewerState): [number, number] | null {
  for (const { shaderControls } of state.layers ?? []) {
    const { normalized } = (shaderControls ?? {}) as { normalized?: { range?: unknown } };
    const range = normalized?.range;
    if (!Array.isArray(range)) continue;
    const [low, high] = range as unknown[];
    if (typeof low === "number" && typeof high === "number") return [low, high];
  }
  return null;
}

/** Kind of data, origin, path of an address of image data. */
const SOURCE = /^([a-z0-9]+:\/\/)(?:https?:\/\/[^/]+)?(\/data\/.*)$/;

/**
 * Returns the state with its image data on this origin. With an empty origin the addresses are
 * paths, so that a link to a view is short and holds at every address of the portal.
 */
export function atOrigin(state: ViewerState, origin: string): ViewerState {
  const move = (address: unknown): unknown => {
    const found = typeof address === "string" ? SOURCE.exec(address) : null;
    return found ? `${found[1]}${origin}${found[2]}` : address;
  };
  const layers = state.layers?.map((layer) => {
    const { source } = layer;
    if (typeof source === "string") return { ...layer, source: move(source) };
    if (!source || typeof source !== "object" || !("url" in source)) return layer;
    return { ...layer, source: { ...source, url: move(source.url) } };
  });
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

/** Returns the position in voxels of the state for millimetres along z, y, x. */
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
  try {
    const text = decodeURIComponent(fragment.slice(2));
    if (!text.startsWith("{")) return text || null;
    return JSON.parse(text) as ViewerState;
  } catch {
    return null;
  }
}

/** Returns the fragment that carries a state. */
export function writeFragment(state: ViewerState): string {
  return `#!${encodeURIComponent(JSON.stringify(state))}`;
}
