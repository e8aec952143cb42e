/** What remains of a withdrawn record, from the gateway's problem. Made on the server. Pure. */
import { formatDay, isoDate } from "#lib/formats.ts";

export interface TombstoneView {
  title: string;
  /** Day of the withdrawal, also in words. */
  when: string | null;
  day: string | null;
  reason: string | null;
  doi: string | null;
  citation: string;
  /** The edition that takes its place. */
  instead: { href: string; label: string } | null;
}

/** Reads the members of a problem with status 410. */
export function readTombstone(problem: Record<string, unknown>): TombstoneView {
  const text = (name: string): string | null => {
    const value = problem[name];
    return typeof value === "string" && value ? value : null;
  };
  const title = text("record_title");
  const moment = text("withdrawn_at");
  const when = moment && isoDate(moment);
  const doi = text("doi");
  const next = text("superseded_by");
  const note = when ? `[Data set, withdrawn ${when}]` : "[Data set, withdrawn]";
  const cited =
    text("citation") ?? `${title ?? "This record"}.${doi ? ` https://doi.org/${doi}` : ""}`;
  return {
    title: title ?? "A withdrawn record",
    when,
    day: moment && formatDay(moment),
    reason: text("reason") ?? text("detail"),
    doi,
    citation: /withdrawn/i.test(cited) ? cited : `${cited} ${note}`,
    instead: next ? { href: `/datasets/${encodeURIComponent(next)}`, label: next } : null,
  };
}
