import { randomBytes } from "node:crypto";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writePipProject } from "../../bench/pip-project.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, builtBy, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";
import "../support/in-memory.ts";

const WHEEL_BYTES = 1_200_000;

describe.runIf(needs("docker-registry", "runc", "root"))("pip's cache as a mount that travels", () => {
  let world: BaseWorld;
  const heavy = moduleWheel("heavy", { content: randomBytes(WHEEL_BYTES) });
  beforeAll(async () => {
    const others = ["one", "two"].map((name) => moduleWheel(name, { content: randomBytes(3 * WHEEL_BYTES) }));
    world = await startBaseWorld([...others, heavy], { isCacheable: true });
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  /** Sizes of the blobs that were sent to a repository: those of the registry that no other repository has. */
  const sentTo = (repository: string): Map<string, number> => {
    const root = join(world.registry.storage, "docker/registry/v2");
    const linked = (name: string) => readdirSync(join(root, "repositories", name, "_layers/sha256"));
    const others = readdirSync(join(root, "repositories")).filter((name) => name !== repository);
    const elsewhere = new Set(others.flatMap(linked));
    const own = linked(repository).filter((hex) => !elsewhere.has(hex));
    return new Map(
      own.map((hex) => [hex, statSync(join(root, "blobs/sha256", hex.slice(0, 2), hex, "data")).size]),
    );
  };

  test("after one more wheel the export sends less than twice that wheel", { timeout: 600_000 }, async () => {
    const base = `${world.registry.address}/base:1`;
    const debian = world.project("base", { "cambium.yaml": "debian: bookworm\ncmd: [python3]\n" });
    await world.machine("base-machine").build(debian, "-t", base, "--push");
    const project = await writePipProject(world.at("project"), { base, indexUrl: world.index.url });
    const require = (...names: readonly string[]) =>
      writeFileSync(join(project, "requirements.txt"), `${names.join("\n")}\n`);
    const [app, cache] = ["app:1", "cache:1"].map((name) => `${world.registry.address}/${name}`);
    const flags = ["--progress", "json", "-t", app!, "--push", "--cache-from", cache!, "--cache-to", cache!];
    const build = async (machine: string) =>
      builtBy(await world.machine(machine).run(["build", project, ...flags]));

    require("one", "two");
    await build("first");
    const before = sentTo("cache");

    require("one", "two", "heavy");
    world.index.log.length = 0;
    const second = await build("second");
    expect(second.warnings).toEqual([]);
    // What the mount has is not asked for again.
    expect(world.wheelRequests().map((path) => path.split("/").at(-1))).toEqual([heavy.filename]);
    const added = [...sentTo("cache")].filter(([hex]) => !before.has(hex));
    const sentBytes = added.reduce((sum, [, size]) => sum + size, 0);
    expect(sentBytes).toBeGreaterThan(WHEEL_BYTES);
    expect(sentBytes).toBeLessThanOrEqual(2 * heavy.bytes.byteLength);
  });
});
