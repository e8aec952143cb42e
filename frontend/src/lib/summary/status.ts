/** The state of the portal in words. */
import type { components } from "#lib/api.d.ts";
import { formatDuration, formatNumberOf } from "#lib/formats.ts";

type Part = components["schemas"]["PartStatus"];

/** Returns what there is to say of a part at a time: what is late, what waits, how new it is. */
export function partNotes(part: Part, at: string): string[] {
  const notes: string[] = [];
  if (part.detail) notes.push(part.detail);
  if (part.delay_minutes) notes.push(`About ${part.delay_minutes} minutes late`);
  if (typeof part.waiting === "number") {
    const one = part.name === "index" ? "change" : "job";
    notes.push(
      part.waiting ? `${formatNumberOf(part.waiting, one)} waiting` : `No ${one}s waiting`,
    );
  }
  if (part.newest) notes.push(`Newest change in the search: ${age(part.newest, at)} ago`);
  return notes;
}

function age(moment: string, now: string): string {
  const seconds = (Date.parse(now) - Date.parse(moment)) / 1000;
  return formatDuration(seconds).replace("about ", "");
}
