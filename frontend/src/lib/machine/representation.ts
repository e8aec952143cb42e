/** What machines get at the addresses of record pages: their metadata in the format they accept. */
import type { components } from "#lib/api.d.ts";
import { decodePart } from "#lib/addresses.ts";
import { GatewayError, gatewayUrl, read } from "#lib/gateway.ts";
import { negotiate, prefersPage } from "#lib/machine/negotiation.ts";

type Schemas = components["schemas"];

const RECORD_PAGE = /^\/(?:datasets|documents)\/([^/]+)\/?$/;
const JSON_TYPE = "application/json";
const PASSED_HEADERS = ["content-type", "etag", "last-modified", "link", "cache-control"];

/**
 * Returns the answer to a request for a record's page that accepts another format than HTML; null
 * if the page itself is to be shown.
 */
export async function answerMachine(request: Request, url: URL): Promise<Response | null> {
  const found = RECORD_PAGE.exec(url.pathname);
  const accept = request.headers.get("accept");
  const name = decodePart(found?.[1] ?? "");
  if (!name || !accept || (request.method !== "GET" && request.method !== "HEAD")) return null;
  if (prefersPage(accept)) return null;
  const path = `/api/records/${encodeURIComponent(name)}`;
  let record: Schemas["RecordView"];
  try {
    record = await read<Schemas["RecordView"]>(path);
  } catch (problem) {
    if (problem instanceof GatewayError) return null; // the page says what is wrong
    throw problem;
  }
  const formats = new Map(
    record.formats.map(({ media_type: media, profile, href }) => [
      profile ? `${media};profile="${profile}"` : media,
      href,
    ]),
  );
  const chosen = negotiate(accept, [...formats.keys(), JSON_TYPE]);
  if (chosen === "text/html") return null;
  if (chosen === null) {
    const known = ["text/html", ...formats.keys(), JSON_TYPE].join(", ");
    return new Response(`None of the accepted media types is available. There are: ${known}\n`, {
      status: 406,
      headers: { "content-type": "text/plain; charset=utf-8", vary: "Accept" },
    });
  }
  const address =
    chosen === JSON_TYPE ? `/api/records/${encodeURIComponent(record.pid)}` : formats.get(chosen);
  const answer = await fetch(gatewayUrl(address ?? path), { method: request.method });
  const headers = new Headers({ vary: "Accept" });
  for (const name of PASSED_HEADERS) {
    const value = answer.headers.get(name);
    if (value) headers.set(name, value);
  }
  return new Response(answer.body, { status: answer.status, headers });
}
