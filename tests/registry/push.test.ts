import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { BuildEvent } from "../../src/events.ts";
import { imageSet } from "../../src/image/image.ts";
import { parseReference } from "../../src/image/reference.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { pushImage } from "../../src/registry/push.ts";
import { openRepository } from "../../src/registry/repository.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { AMD64, ARM64, imageOf } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";

const shared = layerOf({ path: "shared", file: "s".repeat(3_000_000) });
const one = layerOf({ path: "one", file: "1" });
const two = layerOf({ path: "two", file: "2" });
const events: BuildEvent[] = [];
const options = { env: {}, retries: 2, backoffMs: 1, emit: (event: BuildEvent) => events.push(event) };
const access = createRegistryAccess(options);
afterAll(() => access.close());

test("what skopeo reads back is what was pushed, and a second push uploads nothing", async () => {
  await using registry = await startDockerRegistry();
  const image = imageOf([shared, one]);
  const set = imageSet([image]);
  const reference = parseReference(`${registry.address}/team/app:1`, "test");
  const first = await pushImage(set, reference, access);
  expect(first.uploadedLayers).toBe(2);
  expect(first.digest).toBe(image.manifest.descriptor.digest);
  const sum = [shared, one].reduce((total, layer) => total + layer.descriptor.size, 0);
  expect(first.sentBytes).toBe(sum + image.config.descriptor.size + image.manifest.descriptor.size);
  expect(events.at(-1)).toMatchObject({ type: "output", kind: "registry", digest: first.digest });

  const inspected = execFileSync("skopeo", [
    "inspect",
    "--tls-verify=false",
    `docker://${registry.address}/team/app:1`,
  ]);
  expect(JSON.parse(inspected.toString())).toMatchObject({
    Digest: first.digest,
    Layers: [shared.descriptor.digest, one.descriptor.digest],
  });

  await registry.forget();
  const second = await pushImage(set, reference, access);
  expect(second).toEqual({ digest: first.digest, sentBytes: 0, uploadedLayers: 0 });
  expect((await registry.accesses()).map(({ method }) => method)).toEqual(["HEAD"]);
});

test("a changed image sends its new layer only; another tag of the same image sends no blob", async () => {
  await using registry = await startDockerRegistry();
  const repository = `${registry.address}/app`;
  await pushImage(imageSet([imageOf([shared, one])]), parseReference(`${repository}:1`, "test"), access);
  await registry.forget();
  const changed = imageSet([imageOf([shared, two])]);
  const result = await pushImage(changed, parseReference(`${repository}:2`, "test"), access);
  expect(result.uploadedLayers).toBe(1);
  const uploads = (await registry.accesses()).filter(
    ({ method, path }) => method === "PUT" && path.includes("/blobs/"),
  );
  expect(uploads).toHaveLength(2); // the layer and the config

  await registry.forget();
  await pushImage(changed, parseReference(`${repository}:3`, "test"), access);
  const requests = await registry.accesses();
  const writes = requests.filter(({ method }) => method !== "HEAD");
  expect(writes.map(({ method, path }) => `${method} ${path}`)).toEqual(["PUT /v2/app/manifests/3"]);
});

test("a manifest that is checked while another push writes the link of a blob is sent again", async () => {
  await using registry = await startDockerRegistry();
  const image = imageOf([shared, one]);
  await pushImage(imageSet([image]), parseReference(`${registry.address}/app:1`, "test"), access);
  const path = one.descriptor.digest.replace(":", "/");
  const link = join(registry.storage, "docker/registry/v2/repositories/app/_layers", path, "link");
  // As the other push leaves it for a moment, and what it does next.
  writeFileSync(link, "");
  const reasons: string[] = [];
  const late = createRegistryAccess({
    ...options,
    emit: (event) => {
      if (event.type === "download-retry") reasons.push(event.reason);
      writeFileSync(link, one.descriptor.digest);
    },
  });
  const app = openRepository(parseReference(`${registry.address}/app`, "test"), late, "push");
  await app.putManifest(image.manifest, "2");
  expect(reasons).toEqual(["DIGEST_INVALID"]);
  expect(await app.manifestDigest("2")).toBe(image.manifest.descriptor.digest);
  await late.close();
});

test("two platforms become an index; the tag comes after everything it needs", async () => {
  await using registry = await startDockerRegistry();
  const set = imageSet([imageOf([shared, two], {}, ARM64), imageOf([shared, one], {}, AMD64)]);
  const reference = parseReference(`${registry.address}/app:multi`, "test");
  const { digest } = await pushImage(set, reference, access);
  const puts = (await registry.accesses()).filter(({ method }) => method === "PUT").map(({ path }) => path);
  expect(puts.at(-1)).toBe("/v2/app/manifests/multi");
  const lastBlob = puts.findLastIndex((path) => path.includes("/blobs/"));
  expect(puts.findIndex((path) => path.includes("/manifests/"))).toBeGreaterThan(lastBlob);
  for (const [architecture, layer] of [
    ["arm64", two],
    ["amd64", one],
  ] as const) {
    const args = ["inspect", "--tls-verify=false", `--override-arch=${architecture}`];
    const inspected = JSON.parse(
      execFileSync("skopeo", [...args, `docker://${registry.address}/app:multi`]).toString(),
    ) as { Architecture: string; Layers: string[] };
    expect(inspected.Architecture).toBe(architecture);
    expect(inspected.Layers).toEqual([shared.descriptor.digest, layer.descriptor.digest]);
  }
  expect(digest).toBe(set.index?.descriptor.digest);
});

/** An HTTP server on loopback that answers as told. */
async function serve(listener: RequestListener): Promise<AsyncDisposable & { readonly address: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    address: `127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const set = imageSet([imageOf([one])]);
const pushTo = (address: string) => pushImage(set, parseReference(`${address}/app:1`, "test"), access);

test("a registry that wants credentials is told apart from one that refuses", async () => {
  for (const [status, code] of [
    [401, "UNAUTHORIZED"],
    [403, "DENIED"],
  ] as const) {
    await using server = await serve((_, response) => response.writeHead(status).end());
    await expect(pushTo(server.address)).rejects.toMatchObject({ code, hint: expect.any(String) });
  }
});

test("a failing registry is tried three times, then named with its own words", async () => {
  let calls = 0;
  await using server = await serve((_, response) => {
    calls += 1;
    response.writeHead(503).end();
  });
  await expect(pushTo(server.address)).rejects.toMatchObject({
    code: "REGISTRY_ANSWER",
    message: expect.stringContaining("503"),
  });
  expect(calls).toBe(3);
});

test("uploads that break are begun anew until they succeed", async () => {
  const stored = new Map<string, Buffer>();
  let broken = 0;
  await using server = await serve((request, response) => {
    const url = new URL(request.url ?? "", "http://registry.invalid");
    if (request.method === "HEAD") response.writeHead(404).end();
    else if (request.method === "POST") response.writeHead(202, { location: "/upload?state=x" }).end();
    else if (url.pathname === "/upload" && broken < 2) {
      broken += 1;
      if (broken === 1) request.socket.destroy();
      else response.writeHead(500).end();
    } else {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        stored.set(url.searchParams.get("digest") ?? url.pathname, Buffer.concat(chunks));
        response.writeHead(201).end();
      });
    }
  });
  await pushTo(server.address);
  expect(broken).toBe(2);
  expect(stored.get(one.descriptor.digest)?.length).toBe(one.descriptor.size);
  expect(stored.has("/v2/app/manifests/1")).toBe(true);
});

test("the registry's refusal comes with its code and reason", async () => {
  await using server = await serve((request, response) => {
    if (request.method === "HEAD") response.writeHead(404).end();
    else response.writeHead(400).end('{"errors":[{"code":"NAME_INVALID","message":"no such\\nproject"}]}');
  });
  await expect(pushTo(server.address)).rejects.toMatchObject({
    code: "NAME_INVALID",
    message: expect.stringContaining("answered 400: no such project"),
  });
});

test("nobody listening is an environment error with the address", async () => {
  const server = await serve((_, response) => response.end());
  const { address } = server;
  await server[Symbol.asyncDispose]();
  await expect(pushTo(address)).rejects.toMatchObject({
    code: "REGISTRY_UNREACHABLE",
    exitCode: 3,
    message: expect.stringContaining(address),
  });
});

test("a layer whose bytes are not what it says is never tagged", async () => {
  await using registry = await startDockerRegistry();
  const lying = { ...one, compressed: () => two.compressed() };
  const image = imageOf([lying]);
  const reference = parseReference(`${registry.address}/app:1`, "test");
  await expect(pushImage(imageSet([image]), reference, access)).rejects.toMatchObject({
    code: expect.stringMatching(/^(DIGEST|SIZE)_INVALID$/),
  });
  expect(
    (await registry.accesses()).filter(({ path, method }) => method === "PUT" && path.includes("manifests")),
  ).toEqual([]);
});
