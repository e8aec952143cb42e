import type { Lengths } from "#lib/formats.ts";
import type { Profile } from "#lib/profile.ts";

declare global {
  namespace App {
    interface Locals {
      profile: Profile;
      /** Units of lengths that the reader chose. */
      lengths: Lengths;
      /** The gateway did not give its profile: pages use plain words. */
      isDegraded: boolean;
      /** Status of a page that shows why a request is refused, such as a search. */
      pageStatus?: number;
    }
    interface Error {
      /** Seconds until the same request may succeed, from Retry-After. */
      retryAfter?: number;
      /** The public part of a withdrawn record. */
      tombstone?: import("#lib/record/tombstone.ts").TombstoneView;
      /** Datasets with a name like that of a page that is not there. */
      near?: { page: string; title: string; voxel_um?: number | null }[];
    }
    interface PageData {
      title?: string;
      /** Absent where no page could be loaded. */
      lengths?: Lengths;
    }
  }
}

declare module "svelte/elements" {
  interface HTMLLinkAttributes {
    /** Of the format of the target (https://signposting.org/FAIR). */
    profile?: string;
  }
}

export {};
