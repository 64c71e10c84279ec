/**
 * `node bench/package-index-server.ts SET…`: a package index on loopback over the wheels of these sets, read from disk
 * as they are asked for (set H does not fit into memory). The simple API in HTML (PEP 503) with digests and metadata
 * beside the wheels (PEP 658), as the index that most people use answers; Range for resumed downloads.
 */
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { inflateRawSync } from "node:zlib";
import * as sets from "./wheel-sets.ts";
import { type LocalWheel, type WheelSet, wheelsOf } from "./wheel-sets.ts";

const CHUNK = 1 << 20;

const known = Object.values(sets).filter(
  (value): value is WheelSet => typeof value === "object" && "pins" in value,
);
const wheels = new Map<string, LocalWheel>();
for (const name of process.argv.slice(2)) {
  const set = known.find((candidate) => candidate.name === name);
  if (set === undefined) throw new Error(`no such set: ${name}`);
  for (const wheel of await wheelsOf(set)) wheels.set(wheel.filename, wheel);
}
const metadata = new Map<string, Buffer>();
for (const wheel of wheels.values()) metadata.set(wheel.filename, readMetadata(wheel));

const server = createServer(answer);
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = decodeURIComponent((request.url ?? "/").replace(/[?#].*$/, ""));
  const project = /^\/simple\/([a-z0-9-]+)\/$/.exec(path)?.[1];
  if (project !== undefined) {
    page(project, response);
    return;
  }
  const [, filename = "", suffix] = /^\/files\/([^/]+?)(\.metadata)?$/.exec(path) ?? [];
  const wheel = wheels.get(filename);
  if (wheel === undefined) {
    response.writeHead(404).end("not here");
  } else if (suffix !== undefined) {
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(metadata.get(filename));
  } else file(request, response, wheel);
}

function page(project: string, response: ServerResponse): void {
  const own = [...wheels.values()].filter(({ filename }) => projectOf(filename) === project);
  if (own.length === 0) {
    response.writeHead(404).end("not here");
    return;
  }
  const links = own.map(
    ({ filename, sha256 }) =>
      `<a href="../../files/${encodeURIComponent(filename)}#sha256=${sha256}" data-core-metadata="true" data-dist-info-metadata="true">${filename}</a><br/>`,
  );
  const html = `<!DOCTYPE html><html><body>\n${links.join("\n")}\n</body></html>\n`;
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
}

function projectOf(filename: string): string {
  return (filename.split("-")[0] ?? "").toLowerCase().replace(/[-_.]+/g, "-");
}

function file(request: IncomingMessage, response: ServerResponse, { path, sizeBytes }: LocalWheel): void {
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
  const [, first = "", last = ""] = range ?? [];
  const start = first === "" ? Math.max(0, sizeBytes - Number(last || sizeBytes)) : Number(first);
  const end = first === "" || last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  response.writeHead(range === null ? 200 : 206, {
    "accept-ranges": "bytes",
    "content-type": "application/octet-stream",
    "content-length": end - start,
    ...(range === null ? {} : { "content-range": `bytes ${start}-${end - 1}/${sizeBytes}` }),
  });
  if (request.method === "HEAD") response.end();
  else createReadStream(path, { start, end: end - 1, highWaterMark: CHUNK }).pipe(response);
}

/** METADATA of a wheel, by the zip's central directory (APPNOTE 4.3.12); these wheels come from pip and are trusted. */
function readMetadata({ filename, path, sizeBytes }: LocalWheel): Buffer {
  const fd = openSync(path, "r");
  const read = (offset: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    readSync(fd, bytes, 0, length, offset);
    return bytes;
  };
  try {
    const tailStart = Math.max(0, sizeBytes - (1 << 16));
    const tail = read(tailStart, sizeBytes - tailStart);
    const end = tail.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
    const directory = read(tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
    const wanted = `${filename.split("-").slice(0, 2).join("-")}.dist-info/METADATA`;
    for (let at = 0; at < directory.length; ) {
      const nameLength = directory.readUInt16LE(at + 28);
      const skip = directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
      const name = directory.toString("utf8", at + 46, at + 46 + nameLength);
      if (name === wanted) {
        const local = directory.readUInt32LE(at + 42);
        const header = read(local, 30);
        const dataStart = local + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
        const raw = read(dataStart, directory.readUInt32LE(at + 20));
        return directory.readUInt16LE(at + 10) === 0 ? raw : inflateRawSync(raw);
      }
      at += 46 + nameLength + skip;
    }
  } finally {
    closeSync(fd);
  }
  throw new Error(`${filename}: no METADATA`);
}
