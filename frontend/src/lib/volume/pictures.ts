/** A picture of each organ: that of its newest whole organ. */
import type { components } from "#lib/api.d.ts";
import { read } from "#lib/gateway.ts";

export interface OrganPicture {
  /** A square with the slice across. */
  thumbnail: string;
  /** The slice from the front, in its own proportions. */
  front: string;
}

/** Returns pictures by organ. Throws GatewayError. */
export async function loadPictures(): Promise<Map<string, OrganPicture>> {
  const path = "/api/search?type=overview&sort=-date&per_page=100";
  const found = await read<components["schemas"]["SearchPage"]>(path);
  const pictures = new Map<string, OrganPicture>();
  for (const row of found.rows) {
    if (!row.organ || pictures.has(row.organ)) continue;
    const front = `/data/${encodeURIComponent(row.pid)}/slices/y/mid?size=320`;
    pictures.set(row.organ, { thumbnail: row.thumbnail, front });
  }
  return pictures;
}
