/**
 * GET over connections that stay open. Used on the server only: it costs the half of fetch, and
 * requests no compression, which is lost time between two processes of one machine or network.
 */
import http from "node:http";
import https from "node:https";

// Less than the five seconds after which servers close what is idle.
const IDLE_MS = 3000;
const options = { keepAlive: true, timeout: IDLE_MS };
const agents = { "http:": new http.Agent(options), "https:": new https.Agent(options) };

export interface HttpAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

/** Sends a GET request. Rejects if there is no whole answer within `deadlineMs`. */
export async function get(
  address: string,
  headers: Record<string, string>,
  deadlineMs: number,
): Promise<HttpAnswer> {
  const end = Date.now() + deadlineMs;
  try {
    return await send(new URL(address), headers, end);
  } catch (problem) {
    // The server may have closed a connection that was idle, just when it was used again.
    if (!(problem instanceof ReusedConnectionLost)) throw problem;
    return send(new URL(address), headers, end);
  }
}

class ReusedConnectionLost extends Error {}

function send(url: URL, headers: Record<string, string>, end: number): Promise<HttpAnswer> {
  const isSecure = url.protocol === "https:";
  return new Promise((resolve, reject) => {
    const request = (isSecure ? https : http).request(url, {
      agent: agents[isSecure ? "https:" : "http:"],
      headers,
    });
    const timer = setTimeout(
      () => request.destroy(new Error("no answer in time")),
      end - Date.now(),
    );
    const fail = (problem: Error): void => {
      clearTimeout(timer);
      const code = (problem as NodeJS.ErrnoException).code;
      reject(request.reusedSocket && code === "ECONNRESET" ? new ReusedConnectionLost() : problem);
    };
    request.on("error", fail);
    request.on("response", (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", fail);
      answer.on("end", () => {
        clearTimeout(timer);
        const text = Buffer.concat(parts).toString("utf8");
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
      });
    });
    request.end();
  });
}
