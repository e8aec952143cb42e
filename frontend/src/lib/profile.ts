/** The community's profile, read from the gateway and cached for a minute. */
import { read, type Profile } from "#lib/gateway.ts";

export type { Profile };

const FRESH_MS = 60_000;

let cached: { profile: Profile; until: number } | undefined;
let pending: Promise<Profile> | undefined;

/**
 * Returns the profile. One request runs at a time; an older profile is used while the gateway does
 * not answer. Throws GatewayError if there is none yet.
 */
export async function loadProfile(): Promise<Profile> {
  if (cached && cached.until > Date.now()) return cached.profile;
  pending ??= read<Profile>("/api/profile").finally(() => (pending = undefined));
  try {
    const profile = await pending;
    cached = { profile, until: Date.now() + FRESH_MS };
    return profile;
  } catch (problem) {
    if (!cached) throw problem;
    cached.until = Date.now() + FRESH_MS / 10;
    return cached.profile;
  }
}

/** Returns the style sheet that the profile sets: the accent and the width of each organ. */
export function profileStyles(profile: Profile): string {
  const hue = Number(profile.accent.hue);
  const chroma = Number(profile.accent.chroma);
  const organs = profile.organs
    .filter((organ) => organ.width_mm)
    .map(
      (organ) =>
        `  [data-organ="${escapeString(organ.value)}"] { --mm: ${Number(organ.width_mm)}; }`,
    );
  return [
    `@layer tokens { :root { --accent-hue: ${hue}; --accent-chroma: ${chroma}; } }`,
    `@layer components {\n${organs.join("\n")}\n}`,
    "",
  ].join("\n");
}

/** Escapes a text for a quoted attribute value of a selector (CSS Syntax 3, section 4.3.5). */
function escapeString(text: string): string {
  return text.replace(/[^a-zA-Z0-9_-]/g, (sign) => `\\${(sign.codePointAt(0) ?? 0).toString(16)} `);
}

/** What pages use while the gateway gives no profile: plain words, no labels. */
export const plainProfile: Profile = {
  name: "plain",
  title: "Open data",
  site_name: "Open data",
  tagline: "",
  texts: {},
  language: "en",
  facility: "",
  publisher: { name: "" },
  licence: null,
  contact: null,
  accent: { hue: 42, chroma: 0.16 },
  citation: {},
  fields: [],
  groups: [],
  facets: [],
  sorts: [],
  organs: [],
  organ_field: null,
  sights: [],
  search: { between: "..", missing: "~missing", note: "" },
  page_sizes: { default: 20, maximum: 100 },
};

/** Returns the words that keep their capital letter within a sentence. */
export function properNames(profile: Profile): string[] {
  return profile.organs
    .map((organ) => organ.in_text)
    .filter((text) => text[0] !== text[0]?.toLowerCase());
}

/** Returns what can be seen at each voxel size in an organ, or in general. */
export function organSights(profile: Profile, organ: string | null): Profile["sights"] {
  const own = profile.organs.find((one) => one.value === organ)?.sights ?? [];
  return own.length ? own : profile.sights;
}
