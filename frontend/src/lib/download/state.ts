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

/** Returns the words of a state; the state itself if it has none. */
const wordsOf = (words: Record<string, string>, state: string): string | null =>
  words[state] ?? null;

/** Returns what matters most, in a few words: "18 minutes left", "400 MB are ready". */
export function headline(state: DownloadState): string {
  const words = wordsOf(taskWords.download.states, state.state) ?? state.state;
  if (state.state === "ONLINE") return `${formatBytes(state.bytes)}, ready`;
  if (state.state === "FAILED" && state.filesOnline) {
    const failed = state.filesFailed || state.files - state.filesOnline;
    return `${failed} of ${formatNumberOf(state.files, "file")} could not be read`;
  }
  if (state.done || state.secondsLeft === null) return words;
  const left = formatDuration(state.secondsLeft).replace(/^about /, "");
  return `${left[0]?.toUpperCase() ?? ""}${left.slice(1)} left`;
}

/** Returns how far it is: bytes, files, place in the queue. */
export function progressText(state: DownloadState): string {
  const files = formatNumberOf(state.files, "file");
  if (state.state === "ONLINE") return `${files} on disk.`;
  if (state.state === "EXPIRED") return `${files}, ${formatBytes(state.bytes)}.`;
  const bytes = `${formatBytes(state.bytesOnline)} of ${formatBytes(state.bytes)}`;
  const parts = [`${bytes} copied`, `${state.filesOnline} of ${files}`];
  if (state.place !== null && state.place > 0) parts.push(`place ${state.place} in the queue`);
  if (state.filesFailed && !state.done) parts.push(`${state.filesFailed} failed`);
  return `${parts.join(", ")}.`;
}

/** Returns what a reader can do after the end; null while it lasts, and if all is ready. */
export function whatNext(state: DownloadState): string | null {
  return state.done ? wordsOf(taskWords.download.ends, state.state) : null;
}

export interface Phase {
  label: string;
  /** A time of day, or "now". */
  note: string;
  isCurrent: boolean;
}

/** Returns the way of a request: requested, waits, is read, ready. */
export function phases(state: DownloadState): Phase[] {
  const { states, phases: words } = taskWords.download;
  const isRead = state.state === "RESTORING";
  const time = (moment: string | null): string => (moment ? moment.slice(11, 16) : "");
  const at = (isCurrent: boolean): string => (isCurrent ? words.now : "");
  const ready = time(state.expected);
  return [
    { label: words.requested, note: time(state.created), isCurrent: false },
    { label: states.ARCHIVED, note: at(!isRead), isCurrent: !isRead },
    { label: states.RESTORING, note: at(isRead), isCurrent: isRead },
    { label: words.ready, note: ready && `about ${ready}`, isCurrent: false },
  ];
}
