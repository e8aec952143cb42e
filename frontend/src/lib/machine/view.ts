/** What a page has for machines: typed links, tags of citations, and one JSON-LD block. */
import type { components } from "#lib/api.d.ts";

type RecordView = components["schemas"]["RecordView"];

export interface MachineLink {
  rel: string;
  href: string;
  type?: string | null;
  profile?: string | null;
}

export interface MachineView {
  links: readonly MachineLink[];
  /** Names and contents of meta elements. */
  tags?: readonly [string, string][];
  /** JSON as the content of a script element. */
  jsonLd: string | null;
}

/** Returns what the page of a record has for machines; `jsonLd` is null if it cannot be loaded. */
export function recordMachine(record: RecordView, jsonLd: unknown): MachineView {
  return {
    links: record.links,
    tags: citationTags(record),
    jsonLd: jsonLd ? scriptJson(jsonLd) : null,
  };
}

/** Returns JSON as the content of a script element: no text in it can end the element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (sign) => {
    return `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Returns the tags of a record: `citation_*` (Highwire Press, for Google Scholar) and `DC.*`. */
function citationTags(record: RecordView): [string, string][] {
  const { people } = record;
  const tags: [string, string | null | undefined][] = [
    ["citation_title", record.citation_title],
    ...people.map(({ name, family_name: family, given_name: given }): [string, string] => [
      "citation_author",
      family && given ? `${family}, ${given}` : name,
    ]),
    ["citation_publication_date", record.published],
    ["citation_doi", record.doi],
    ["citation_publisher", record.publisher],
    ["DC.title", record.citation_title],
    ...people.map(({ name }): [string, string] => ["DC.creator", name]),
    ["DC.publisher", record.publisher],
    ["DC.date", record.published],
    ["DC.identifier", record.doi_url],
    ["DC.rights", record.licence?.url ?? record.licence?.name],
    ["DC.type", record.level === "dataset" ? "Dataset" : "Collection"],
  ];
  return tags.filter((tag): tag is [string, string] => Boolean(tag[1]));
}
