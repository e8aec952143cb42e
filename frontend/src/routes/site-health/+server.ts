/** Answers as long as the site's process turns; the gateway has a health of its own. */
export function GET(): Response {
  return new Response("ok\n", {
    headers: { "content-type": "text/plain", "cache-control": "no-store" },
  });
}
