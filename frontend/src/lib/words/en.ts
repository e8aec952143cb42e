/** The site's own words in English. Labels of fields and values come from the gateway's profile. */
export const words = {
  skip: "Skip to the content",
  skipFilters: "Skip the filters",
  nav: {
    search: "Search",
    organs: "Organs",
    donors: "Donors",
    about: "About",
    status: "Status",
  },
  find: {
    label: "Search all datasets",
    placeholder: "Search",
    button: "Search",
    suggestions: "Suggestions",
  },
  facets: {
    find: (label: string) => `Find a value of: ${label}`,
    placeholder: "Find in this list",
  },
  rows: {
    picture: "Picture",
    dataset: "Dataset",
    voxel: "Voxel size",
    extent: "Extent",
    data: "Data",
    availability: "Availability",
  },
  availability: {
    ONLINE: { short: "Online", long: "Everything is online" },
    PARTLY_ONLINE: {
      short: "Preview online,",
      rest: "full size on tape",
      long: "Preview online, full size on tape",
    },
    RESTORING: { short: "Coming from tape", long: "Coming from tape" },
    ON_TAPE: { short: "On tape", long: "On tape" },
    UNAVAILABLE: { short: "Not available", long: "Not available at the moment" },
    UNKNOWN: { short: "Not known", long: "Where the files are is not known" },
  },
  slices: {
    z: { name: "Across", kind: "Slice across" },
    y: { name: "From the front", kind: "Slice from the front" },
    x: { name: "From the side", kind: "Slice from the side" },
  },
  lengths: {
    label: "Lengths in",
    choices: { both: "µm and mm", um: "µm", mm: "mm" },
  },
  copy: { rest: "Copy", done: "Copied", failed: "Press Ctrl+C to copy" },
  sort: { label: "Sorted by", apply: "Sort" },
} as const;
