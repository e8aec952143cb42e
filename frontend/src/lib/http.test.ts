import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import test, { after, before } from "node:test";

import { get } from "./http.ts";

let server: http.Server;
let address = "";
const sockets = new Set<Socket>();
let answer: http.RequestListener = (_, response) => response.end();

before(async () => {
  server = http.createServer((request, response) => {
    sockets.add(request.socket);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

test("status, headers and text of an answer are returned", async () => {
  answer = (_, response) => {
    response.writeHead(404, { "retry-after": "7" });
    response.end("µm");
  };
  const found = await get(address, { accept: "application/json" }, 10_000);
  assert.deepEqual([found.status, found.headers["retry-after"], found.text], [404, "7", "µm"]);
});

test("a connection is used again, and replaced if the server has closed it", async () => {
  answer = (_, response) => response.end("x");
  await get(address, {}, 10_000);
  const before = sockets.size;
  await get(address, {}, 10_000);
  assert.equal(sockets.size, before);
  answer = (request, response) => {
    if (sockets.size === before) request.socket.destroy();
    else response.end("again");
  };
  assert.equal((await get(address, {}, 10_000)).text, "again");
});

test("an answer that does not end in time is an error", async () => {
  answer = (_, response) => {
    response.write("begun");
  };
  await assert.rejects(get(address, {}, 50));
});

test("an answer that is cut off is an error", async () => {
  answer = (_, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("some");
    setImmediate(() => response.destroy());
  };
  await assert.rejects(get(address, {}, 10_000));
});
