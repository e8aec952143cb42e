/** The citations of a record in the styles that pages offer. */
import type { components } from "#lib/api.d.ts";
import { orNothing, read } from "#lib/gateway.ts";

type Schemas = components["schemas"];
export type Citation = Schemas["Citation"];

/** Returns the citations that the gateway gives; none if it does not answer. */
export async function loadCitations(pid: string): Promise<Citation[]> {
  const path = `/api/records/${encodeURIComponent(pid)}/citations`;
  const found = await orNothing(() => read<Schemas["CitationList"]>(path));
  return found?.citations ?? [];
}
