import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = ({ locals, url }) => {
  const { profile } = locals;
  return {
    texts: profile.texts,
    tagline: profile.tagline,
    licence: profile.licence ?? null,
    origin: url.origin,
    publisher: profile.publisher,
    facility: profile.facility,
    contact: profile.contact ?? null,
    citation: profile.citation,
    terms: profile.fields
      .filter((field) => field.explanation && (field.facet || field.group === "sample"))
      .map((field) => ({ label: field.label, explanation: field.explanation ?? "" })),
  };
};
