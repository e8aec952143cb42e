import type { LayoutServerLoad } from "./$types";

export const load: LayoutServerLoad = ({ locals }) => {
  const { profile } = locals;
  return {
    site: {
      name: profile.site_name,
      title: profile.title,
      footer: profile.texts["footer"] ?? profile.tagline,
      note: profile.texts["pictures"] ?? null,
      licence: profile.licence?.name ?? null,
      contact: profile.contact ?? null,
    },
    paper: profile.citation,
  };
};
