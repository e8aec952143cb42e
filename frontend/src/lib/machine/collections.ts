/** What machines read on pages of several datasets: JSON-LD and typed links. */
import type { components } from "#lib/api.d.ts";
import { scriptJson, type MachineView } from "#lib/machine/view.ts";

type Schemas = components["schemas"];

export interface CollectionFacts {
  kind: "Collection" | "DataCatalog";
  /** Path of the page. */
  path: string;
  name: string;
  description: string;
  licence: Schemas["Licence"] | null;
  /** The datasets that the page lists. */
  cards: readonly Pick<Schemas["Card"], "title" | "page" | "doi">[];
  keywords?: readonly string[];
}

export interface CollectionMachine {
  jsonLd: globalThis.Record<string, unknown>;
  /** The same for the head of the page. */
  view: MachineView;
  /** Value of the Link header. */
  header: string;
}

/** Describes a page as a collection of datasets; `origin` is that of its address. */
export function describeCollection(facts: CollectionFacts, origin: string): CollectionMachine {
  const address = origin + facts.path;
  const licence = facts.licence?.url ?? null;
  const links = [
    { rel: "type", href: "https://schema.org/AboutPage" },
    { rel: "type", href: `https://schema.org/${facts.kind}` },
    ...(licence ? [{ rel: "license", href: licence }] : []),
  ];
  const parts = facts.cards.map((card) => ({
    "@type": "Dataset",
    "@id": card.doi ? `https://doi.org/${card.doi}` : origin + card.page,
    name: card.title,
    url: origin + card.page,
  }));
  const member = facts.kind === "DataCatalog" ? "dataset" : "hasPart";
  const jsonLd = {
    "@context": "https://schema.org/",
    "@type": facts.kind,
    "@id": address,
    url: address,
    name: facts.name,
    description: facts.description,
    ...(licence ? { license: licence } : {}),
    ...(facts.keywords?.length ? { keywords: facts.keywords } : {}),
    isAccessibleForFree: true,
    ...(facts.kind === "Collection"
      ? { includedInDataCatalog: { "@type": "DataCatalog", "@id": `${origin}/` } }
      : {}),
    ...(parts.length ? { [member]: parts } : {}),
  };
  return {
    jsonLd,
    view: { links, jsonLd: scriptJson(jsonLd) },
    header: links.map((link) => `<${link.href}>; rel="${link.rel}"`).join(", "),
  };
}
