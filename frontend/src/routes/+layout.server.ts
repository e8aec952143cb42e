import { properNames } from "#lib/profile.ts";

import type { LayoutServerLoad } from "./$types";

export const load: LayoutServerLoad = ({ locals }) => {
  const { profile } = locals;
  return {
    site: {
      name: profile.site_name,
      title: profile.title,
      footer: profile.texts["footer"] ?? profile.tagline,
      // What readers must know of all pictures, for example that a trial has no real data.
      note: process.env["PORTAL_SITE_NOTE"] ?? null,
      licence: profile.licence?.name ?? null,
      properNames: properNames(profile),
      contact: profile.contact ?? null,
    },
    lengths: locals.lengths,
    paper: profile.citation,
  };
};
