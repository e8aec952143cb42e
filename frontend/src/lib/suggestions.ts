/** Suggestions of the search box, from the gateway's /api/suggest. */

export interface Suggestion {
  label: string;
  note: string | null;
  href: string;
}

export interface SuggestionGroup {
  label: string;
  items: Suggestion[];
}

interface GatewayItem {
  label: string;
  count?: number | null;
  href: string;
}

/** Returns the groups that have items; an answer of another shape gives none. */
export function readSuggestions(answer: unknown): SuggestionGroup[] {
  const { groups } = answer as { groups?: { label: string; items: GatewayItem[] }[] };
  return (groups ?? [])
    .filter((group) => group.items.length > 0)
    .map((group) => ({
      label: group.label,
      items: group.items.map((item) => ({
        label: item.label,
        note: item.count == null ? null : String(item.count),
        href: item.href,
      })),
    }));
}
