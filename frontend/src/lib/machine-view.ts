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

/** Returns the tags of a record: `citation_*` (Highwire Press, for Google Scholar) and `DC.*`. */
export function citationTags(record: RecordView): [string, string][] {
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
