import { words } from "#lib/words/en.ts";

export interface AvailabilityView {
  short: string;
  rest?: string;
  long: string;
  /** How much of the circle is filled; "none" strikes it out. */
  fill: "full" | "half" | "empty" | "none";
  isMoving: boolean;
}

type Known = keyof typeof words.availability;

const FILLS: Record<Known, AvailabilityView["fill"]> = {
  ONLINE: "full",
  PARTLY_ONLINE: "half",
  RESTORING: "empty",
  ON_TAPE: "empty",
  UNAVAILABLE: "none",
  UNKNOWN: "none",
};
/** The states of the gateway that have the same words as another. */
const ALIASES: Record<string, Known> = { ARCHIVED: "ON_TAPE", LOST: "UNAVAILABLE" };

/** Returns words and picture of an availability; a state that is not known is said to be so. */
export function availabilityView(state: string): AvailabilityView {
  const upper = state.toUpperCase();
  const known = upper in words.availability ? (upper as Known) : (ALIASES[upper] ?? "UNKNOWN");
  return { ...words.availability[known], fill: FILLS[known], isMoving: known === "RESTORING" };
}
