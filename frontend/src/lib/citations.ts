/** The citation of a record in the styles that pages offer. */
import { gatewayUrl } from "#lib/gateway.ts";

export interface Citation {
  id: string;
  label: string;
  text: string;
  isCode: boolean;
}

/** Styles of CSL, and BibTeX; each is a format of /api/records/{pid}/citation. */
const STYLES = [
  { id: "apa", label: "APA", query: "format=text&style=apa" },
  { id: "vancouver", label: "Vancouver", query: "format=text&style=vancouver" },
  { id: "mla", label: "MLA", query: "format=text&style=modern-language-association" },
  { id: "chicago", label: "Chicago", query: "format=text&style=chicago-author-date" },
  { id: "harvard", label: "Harvard", query: "format=text&style=harvard-cite-them-right" },
  { id: "ieee", label: "IEEE", query: "format=text&style=ieee" },
  { id: "bibtex", label: "BibTeX", query: "format=bibtex" },
  { id: "ris", label: "RIS", query: "format=ris" },
];
const CODE = new Set(["bibtex", "ris"]);

/** Returns the citations that the gateway gives; one that fails is left out. */
export async function loadCitations(fetcher: typeof fetch, pid: string): Promise<Citation[]> {
  const found = await Promise.all(
    STYLES.map(async ({ id, label, query }) => {
      const path = `/api/records/${encodeURIComponent(pid)}/citation?${query}`;
      try {
        const answer = await fetcher(gatewayUrl(path), { signal: AbortSignal.timeout(10_000) });
        if (!answer.ok) return null;
        return { id, label, text: (await answer.text()).trim(), isCode: CODE.has(id) };
      } catch {
        return null;
      }
    }),
  );
  return found.filter((one) => one !== null);
}
