/** All that touches Neuroglancer: mounts it without its own controls, and obeys the page. */
import "neuroglancer/unstable/datasource/enabled_frontend_modules.js";
import "neuroglancer/unstable/kvstore/enabled_frontend_modules.js";
import "neuroglancer/unstable/layer/enabled_frontend_modules.js";
import "neuroglancer/unstable/ui/default_viewer.css";

import { makeDefaultViewer } from "neuroglancer/unstable/ui/default_viewer.js";

import type { FromViewer, ToViewer, ViewerState } from "#lib/viewer/state.ts";
import { atOrigin, withLayers, withWindow } from "#lib/viewer/state.ts";

const REPORT_AFTER_MS = 200;

/**
 * Shows `state` in `target`. `report` gets what the page needs to know. Returns the function that
 * takes the page's messages.
 */
export function mountViewer(
  target: HTMLElement,
  state: ViewerState,
  report: (message: FromViewer) => void,
): (message: ToViewer) => void {
  const viewer = makeDefaultViewer({ target });
  // Its own controls are not accessible; the page supplies them.
  viewer.uiConfiguration.showUIControls.value = false;
  viewer.uiConfiguration.showTopBar.value = false;
  viewer.state.restoreState(atOrigin(state, location.origin));

  let timer: ReturnType<typeof setTimeout> | undefined;
  viewer.state.changed.add(() => {
    clearTimeout(timer);
    timer = setTimeout(
      () => report({ kind: "state", state: atOrigin(viewer.state.toJSON() as ViewerState, "") }),
      REPORT_AFTER_MS,
    );
  });
  for (const canvas of target.querySelectorAll("canvas")) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute(
      "aria-label",
      "3D view of the volume. The page lists the same as pictures.",
    );
  }
  report({ kind: "ready" });

  return (message) => {
    const now = viewer.state.toJSON() as ViewerState;
    if (message.kind === "state") {
      viewer.state.restoreState(atOrigin(message.state, location.origin));
    } else if (message.kind === "layers") {
      viewer.state.restoreState(withLayers(now, message.names, message.isVisible));
    } else if (message.kind === "window") {
      viewer.state.restoreState(withWindow(now, message.low, message.high));
    } else if (message.kind === "scale-bar") {
      viewer.state.restoreState({ ...now, showScaleBar: message.isVisible });
    } else {
      viewer.state.restoreState({ ...now, position: message.position });
    }
  };
}
