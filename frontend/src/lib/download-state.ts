/** The state of a download request, as the gateway reports it and its events repeat it. Pure. */
import { formatBytes, formatDuration, formatNumberOf } from "#lib/formats.ts";
import { taskWords } from "#lib/words/en-tasks.ts";

export interface DownloadState {
  pid: string;
  state: string;
  done: boolean;
  files: number;
  filesOnline: number;
  filesFailed: number;
  bytes: number;
  bytesOnline: number;
  place: number | null;
  secondsLeft: number | null;
  reason: string | null;
  created: string;
  expected: string | null;
}

const number = (value: unknown): number => (typeof value === "number" ? value : 0);
const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** Reads an answer of /api/downloads/{id}; unknown members are left out. */
export function readDownload(answer: Record<string, unknown>): DownloadState {
  return {
    pid: text(answer["pid"]) ?? "",
    state: text(answer["state"]) ?? "",
    done: answer["done"] === true,
    files: number(answer["files"]),
    filesOnline: number(answer["files_online"]),
    filesFailed: number(answer["files_failed"]),
    bytes: number(answer["bytes"]),
    bytesOnline: number(answer["bytes_online"]),
    place: typeof answer["place"] === "number" ? answer["place"] : null,
    secondsLeft: typeof answer["seconds_left"] === "number" ? answer["seconds_left"] : null,
    reason: text(answer["reason"]),
    created: text(answer["created"]) ?? "",
    expected: text(answer["expected"]),
  };
}

/** Returns what matters most, in a few words: "18 minutes left", "Ready". */
export function headline(state: DownloadState): string {
  const known = taskWords.download.states as Record<string, string>;
  if (state.done) return known[state.state] ?? state.state;
  if (state.secondsLeft !== null) {
    const left = formatDuration(state.secondsLeft).replace(/^about /, "");
    return `${left[0]?.toUpperCase() ?? ""}${left.slice(1)} left`;
  }
  return known[state.state] ?? state.state;
}

/** Returns how far it is: bytes, files, place in the queue. */
export function progressText(state: DownloadState): string {
  const parts = [`${formatBytes(state.bytesOnline)} of ${formatBytes(state.bytes)} copied`];
  parts.push(`${state.filesOnline} of ${formatNumberOf(state.files, "file")}`);
  if (state.place !== null && state.place > 0) parts.push(`place ${state.place} in the queue`);
  if (state.filesFailed) parts.push(`${formatNumberOf(state.filesFailed, "file")} failed`);
  return `${parts.join(", ")}.`;
}
