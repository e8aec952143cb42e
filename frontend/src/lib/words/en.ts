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
  errors: {
    404: {
      title: "There is no page at this address",
      lead: "Nothing is lost: addresses of datasets never change, so perhaps a letter is missing.",
    },
    refused: {
      title: "This request cannot be answered",
      lead: "A part of the address is not what the page expects.",
    },
    410: { title: "This record was withdrawn", lead: "" },
    429: {
      title: "Too many requests",
      lead: "The portal limits how much one network may ask for. Wait a little, then load the page again.",
    },
    503: {
      title: "A part of the portal does not answer",
      lead: "Nothing is lost, and it is being looked after. Load the page again in a minute.",
    },
    other: {
      title: "Something went wrong on our side",
      lead: "The page could not be made. Load it again; if it stays so, please write to us.",
    },
  },
} as const;
