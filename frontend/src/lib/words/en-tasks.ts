/** Words of the viewer, of downloads and of the status page, which no other page loads. */
export const taskWords = {
  viewer: {
    crumb: "3D view",
    frame: "3D viewer",
    copyLink: "Copy link to this view",
    fullWindow: "Full window",
    json: "State as JSON",
    back: "Back to the dataset",
    shown: "What is shown",
    volumes: "Volumes",
    outlines: "Outlines",
    boxes: "Zooms as boxes",
    scaleBar: "Scale bar",
    greys: "Grey values",
    darkest: "Darkest",
    brightest: "Brightest",
    reset: "Reset",
    position: "Position",
    keys: "Drag to move, Ctrl and wheel to zoom, wheel to step through slices. You can see the same without this viewer:",
    same: "slices as pictures",
    noScript: "The 3D viewer needs JavaScript. These are three slices of the same volume.",
    failed: "The 3D viewer did not start: here are three slices of the same volume.",
    onTape: "This volume is on tape",
    onTapeLead:
      "It can be viewed here once its files are online. You can request them: the next page says how long that takes.",
    ask: "Request these files",
    none: "This dataset has no volume to view",
    noneLead: "Its files are in a form that the viewer cannot read; you can download them.",
    download: "Download",
  },
  download: {
    formats: [
      {
        id: "zarr",
        name: "OME-Zarr",
        hint: "For Python, napari, Neuroglancer, Fiji. Keeps positions and voxel size.",
      },
      { id: "tiff", name: "TIFF", hint: "One file of slices, for ImageJ and everything else." },
      { id: "nrrd", name: "NRRD", hint: "One file, for 3D Slicer and ITK." },
    ],
    tools: [
      { id: "browser", name: "This browser", hint: "One file. Good up to 10 GB." },
      {
        id: "aria2",
        name: "aria2",
        hint: "Continues after a break, checks every file. Best for large data.",
      },
      {
        id: "shell",
        name: "curl or wget",
        hint: "A script that can be run again until all is there.",
      },
      { id: "python", name: "Python", hint: "Read only what you need, without downloading all." },
    ],
    tape: "Large files lie on tape. They are copied to disk, where you can download them.",
    states: {
      ARCHIVED: "Waits for tape",
      RESTORING: "The tape is being read",
      FAILED: "The files could not be read from tape",
      EXPIRED: "The files are on tape again",
      CANCELLED: "Stopped",
    },
    ends: {
      FAILED: "Request them again. If they fail again, please write to us.",
      EXPIRED: "They were ready, and made room for others. You can request them again.",
      CANCELLED: "No more files are copied. You can request them again.",
    },
    phases: { requested: "Asked for", ready: "Checked, then ready", now: "now" },
  },
  status: {
    up: "Yes.",
    degraded: "Mostly: a part is late or not available. The table says which.",
    down: "No: records cannot be found at the moment. Nothing is lost.",
    unknown:
      "The portal does not answer at the moment. Nothing is lost; load this page again in a minute.",
  },
  partStates: { up: "Working", late: "Late", down: "Not available" },
} as const;
