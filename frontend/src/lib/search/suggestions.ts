/** Suggestions of the search box, from the gateway's /api/suggest. Pure. */
import type { components } from "#lib/api.d.ts";
import { formatCount } from "#lib/formats.ts";

export interface Suggestion {
  label: string;
  note: string | null;
  href: string;
}

export interface SuggestionGroup {
  label: string;
  items: Suggestion[];
}

/** Returns the groups that have items: values by their field, then records and people. */
export function readSuggestions(answer: components["schemas"]["Suggestions"]): SuggestionGroup[] {
  const groups = new Map<string, Suggestion[]>();
  const add = (label: string, item: Suggestion): void => {
    groups.set(label, [...(groups.get(label) ?? []), item]);
  };
  for (const one of answer.values) {
    add(one.field_label, {
      label: one.label,
      note: formatCount(one.count),
      href: `/search?${one.search}`,
    });
  }
  for (const one of answer.datasets)
    add("Datasets", { label: one.title, note: null, href: one.page });
  for (const one of answer.documents) {
    add("Collections", { label: one.title, note: null, href: one.page });
  }
  for (const one of answer.people) {
    add("People", { label: one.name, note: formatCount(one.count), href: one.page });
  }
  return [...groups].map(([label, items]) => ({ label, items }));
}
