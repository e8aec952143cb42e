import type { components } from "#lib/api.d.ts";

/** Sums over datasets, as the gateway gives them for organs, donors, people and proposals. */
export type Sums = Pick<
  components["schemas"]["OrganSummary"],
  "datasets" | "overviews" | "zooms" | "donors" | "organs" | "bytes" | "full_bytes" | "voxels"
>;

/** Sums over the datasets of a search, with its address and the organs in it. */
export type SearchedSums = Sums &
  Pick<components["schemas"]["OrganSummary"], "search" | "by_organ">;
