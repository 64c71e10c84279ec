import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FaultyServer, startFaultyServer } from "../../tests/support/faulty-server.ts";
import { digestOf } from "../layer/digest.ts";
import { openStore } from "../store/store.ts";
import { createHttpClient } from "./client.ts";
import { downloadBlob } from "./download.ts";

const body = Buffer.alloc(6_000_000, "cambium");
const digest = digestOf(body);

let root: string;
let server: FaultyServer;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "cambium-crash-"));
  server = await startFaultyServer();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

/** A program that downloads `url` into the store at `folder` and prints the outcome as JSON. */
function program(folder: string, url: string): string {
  const from = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  return `
    import { readdirSync } from "node:fs";
    import { openStore } from ${from("../store/store.ts")};
    import { createHttpClient } from ${from("./client.ts")};
    import { downloadBlob } from ${from("./download.ts")};
    const store = openStore(${JSON.stringify(folder)});
    const before = store.blobs.put(new TextEncoder().encode("before"));
    const client = createHttpClient({ env: {} }, () => undefined);
    const want = { urls: [${JSON.stringify(url)}], digest: ${JSON.stringify(digest)}, name: "big.whl" };
    const { code, message, hint, exitCode } = await downloadBlob(store, client, want).catch((error) => error);
    const left = readdirSync(${JSON.stringify(folder)} + "/tmp");
    const kept = store.blobs.has(before);
    console.log(JSON.stringify({ code, message, hint, exitCode, left, kept }));
    await client.close();`;
}

test("a download killed at any moment is made again by the next process at once, and ends right", async () => {
  const drip = { drip: { bytes: 1_000_000, pauseMs: 10 } };
  const url = server.serve("/big.whl", body, ...Array(5).fill(drip));
  for (const delayMs of [0, 10, 25, 50]) {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program(root, url)], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const requests = server.log.length;
    while (server.log.length === requests) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  const store = openStore(root);
  const client = createHttpClient({ env: {} }, () => undefined);
  expect(store.blobs.has(digest)).toBe(false);
  expect(await downloadBlob(store, client, { urls: [url], digest, name: "big.whl" })).toBe("downloaded");
  expect(readFileSync(store.blobs.path(digest)).equals(body)).toBe(true);
  await client.close();
  store.close();
});

/** A mount of our own that ends with the process; needs root or user namespaces. */
const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

test.skipIf(!canMount)("a full disk is named with the way out, and leaves nothing half-written", async () => {
  const url = server.serve("/big.whl", body);
  const folder = join(root, "small");
  const mount = `mkdir "$1" && mount -t tmpfs -o size=3m tmpfs "$1" && exec "$2" --input-type=module --eval "$3"`;
  const script = program(join(folder, "store"), url);
  const child = spawn("unshare", ["-rm", "sh", "-ec", mount, "sh", folder, process.execPath, script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  expect(await once(child, "close")).toEqual([0, null]);
  expect(JSON.parse(output)).toEqual({
    code: "DISK_FULL",
    exitCode: 3,
    message: expect.stringContaining(folder),
    hint: expect.stringMatching(/CAMBIUM_ROOT.*cambium cache prune/),
    left: [],
    kept: true,
  });
});
