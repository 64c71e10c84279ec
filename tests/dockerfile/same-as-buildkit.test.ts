import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRegistryAccess, type RegistryAccess } from "../../src/registry/access.ts";
import { startBuildKit, type TestBuildKit } from "../support/buildkit.ts";
import { type FoundImage, type SeenLayers, treeOfImage } from "../support/image-tree.ts";
import { needs } from "../support/needs.ts";
import { cases, type DockerfileCase } from "./build-cases.ts";
import { type DebianWorld, startDebianWorld } from "./debian-world.ts";
import "../support/in-memory.ts";

/**
 * Paths that differ on purpose, each with its reason: BuildKit leaves mount points of its own where nothing was; we take
 * them away again.
 */
const DIFFERENT: ReadonlySet<string> = new Set([]);

describe.runIf(needs("docker-registry", "buildkitd", "runc", "root"))("a Dockerfile", () => {
  let debian: DebianWorld;
  let buildkit: TestBuildKit;
  let access: RegistryAccess;
  const seen: SeenLayers = new Map();

  beforeAll(async () => {
    debian = await startDebianWorld();
    buildkit = await startBuildKit();
    access = createRegistryAccess({ env: {}, emit: () => undefined });
  });
  afterAll(async () => {
    await access?.close();
    await buildkit?.[Symbol.asyncDispose]();
    await debian?.[Symbol.asyncDispose]();
  });

  test.for(cases)("with $name gives what BuildKit gives", async (one) => {
    const { world, builder, base } = debian;
    const number = cases.indexOf(one);
    const folder = writeContext(world.at(`case-${number}`), one, base);
    const [theirs, ours] = ["theirs", "ours"].map((who) => `${world.registry.address}/${who}:${number}`);
    const args = Object.entries(one.args ?? {});
    await buildkit.buildFolder(folder, [
      ...["--output", `type=image,name=${theirs},push=true`],
      ...args.flatMap(([name, value]) => ["--opt", `build-arg:${name}=${value}`]),
      ...(one.target === undefined ? [] : ["--opt", `target=${one.target}`]),
    ]);
    const ran = await builder.run([
      ...["build", folder, "-t", ours!, "--push", "--progress", "plain", "--platform", "linux/amd64"],
      ...args.flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
      ...(one.target === undefined ? [] : ["--target", one.target]),
    ]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    const [expected, found] = await Promise.all([
      treeOfImage(theirs!, access, seen),
      treeOfImage(ours!, access, seen),
    ]);
    expect(differences(expected.tree, found.tree)).toEqual([]);
    expect(comparable(found)).toEqual(comparable(expected));
  });
});

function writeContext(folder: string, { dockerfile, files = {} }: DockerfileCase, base: string): string {
  mkdirSync(folder);
  const text = dockerfile.replace(/^FROM debian\b/gim, (from) => `${from.slice(0, 5)}${base}`);
  writeFileSync(join(folder, "Dockerfile"), text.replace("ARG TAG=debian", `ARG TAG=${base}`));
  for (const [path, content] of Object.entries(files)) {
    const full = join(folder, path);
    mkdirSync(path.endsWith("/") ? full : dirname(full), { recursive: true });
    if (path.endsWith("/")) continue;
    if (typeof content === "string") writeFileSync(full, content);
    else if ("link" in content) symlinkSync(content.link, full);
    else {
      writeFileSync(full, content.content);
      chmodSync(full, content.mode);
    }
  }
  return folder;
}

function differences(expected: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): string[] {
  const paths = [...new Set([...expected.keys(), ...found.keys()])].filter((path) => !DIFFERENT.has(path));
  return paths
    .filter((path) => expected.get(path) !== found.get(path))
    .map(
      (path) =>
        `${path}: BuildKit ${expected.get(path) ?? "nothing"}, Cambium ${found.get(path) ?? "nothing"}`,
    );
}

/**
 * What people see of a config, times apart. Where a step changed no file BuildKit has an empty layer, and we have none:
 * both are shown as such a step.
 */
function comparable({ config: { config, history }, isEmpty }: FoundImage) {
  let layer = 0;
  const steps = (history ?? []).map(({ created_by, empty_layer }) => {
    const hasLayer = empty_layer !== true;
    return { created_by, changes: hasLayer && isEmpty[layer++] === false };
  });
  return { config, steps };
}
