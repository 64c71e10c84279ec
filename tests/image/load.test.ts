import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { EngineKind } from "../../src/engine/load/engine.ts";
import { loadIntoEngine } from "../../src/engine/load/load-image.ts";
import type { BuildEvent } from "../../src/events.ts";
import { imageSet } from "../../src/image/image.ts";
import { parseReference } from "../../src/image/reference.ts";
import { type RealEngine, startContainerd, startDocker, startPodman } from "../support/engines.ts";
import { AMD64, imageOf } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const image = imageOf(
  [
    layerOf({ path: "app", directory: true }, { path: "app/old", file: "1" }),
    layerOf({ path: "app/.wh.old", file: "" }, { path: "app/data", file: Buffer.alloc(2 << 20, "abc") }),
  ],
  { cmd: ["/app/run"] },
);
const tags = ["team/app:1", "registry.example/app:2"].map((text) => parseReference(text, "test"));

async function load(engine: RealEngine, wanted: EngineKind, names = tags) {
  const events: BuildEvent[] = [];
  const signal = new AbortController().signal;
  const request = { wanted, tags: names, host: AMD64, env: engine.env, signal };
  const loaded = await loadIntoEngine(imageSet([image]), request, (event) => events.push(event));
  return { loaded, outcome: events.find((event) => event.type === "step-done")?.outcome };
}

/** Before its program a service of the machine would be asked, whose storage is not the test's. */
const hasService = existsSync("/run/podman/podman.sock");
if (hasService) console.warn("skipped: podman's program, since a service of this machine listens");

describe
  .runIf(needs("podman", "root"))
  .each([
    { way: "its service", service: true },
    ...(hasService ? [] : [{ way: "its program", service: false }]),
  ])("podman, through $way", ({ service }) => {
  const id = image.config.descriptor.digest.slice("sha256:".length);

  test("has the image under every tag, and unpacks it", async () => {
    await using engine = await startPodman({ service });
    expect(await load(engine, "podman")).toMatchObject({
      loaded: { where: "podman team/app:1 registry.example/app:2" },
      outcome: "done",
    });
    const rows = engine.client("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}");
    expect(rows.trim().split("\n").sort()).toEqual([
      `docker.io/team/app:1 sha256:${id}`,
      `registry.example/app:2 sha256:${id}`,
    ]);
    const [config] = JSON.parse(engine.client("inspect", "--type", "image", id)) as [
      { RootFS: { Layers: string[] } },
    ];
    expect(config.RootFS.Layers).toEqual(image.layers.map(({ diffId }) => diffId));
    const container = engine.client("create", "registry.example/app:2").trim();
    using folder = temporaryFolder();
    engine.client("export", "--output", folder.at("root.tar"), container);
    const paths = execFileSync("tar", ["-tf", folder.at("root.tar")], { encoding: "utf8" }).split("\n");
    expect(paths.filter((path) => path.startsWith("app/")).sort()).toEqual(["app/", "app/data"]);
    // Its service can be asked; its program is given the image again.
    expect((await load(engine, "podman")).outcome).toBe(service ? "hit" : "done");
  });

  test("takes an image with one tag, and one with none", async () => {
    await using engine = await startPodman({ service });
    await load(engine, "podman", tags.slice(0, 1));
    expect(engine.client("images", "--format", "{{.Repository}}:{{.Tag}}")).toBe("docker.io/team/app:1\n");
    await load(engine, "podman", []);
    expect(engine.client("images", "--no-trunc", "--format", "{{.ID}}")).toContain(id);
  });
});

test.runIf(needs("containerd", "ctr", "root"))(
  "containerd has the image under every tag, by our digest",
  async () => {
    await using engine = await startContainerd();
    expect((await load(engine, "containerd")).loaded.where).toBe(
      "containerd team/app:1 registry.example/app:2",
    );
    const rows = engine
      .client("images", "ls")
      .split("\n")
      .slice(1)
      .flatMap((line) => (line === "" ? [] : [line.split(/\s+/).slice(0, 3)]));
    const { digest, mediaType } = image.manifest.descriptor;
    expect(rows).toEqual([
      ["docker.io/team/app:1", mediaType, digest],
      ["registry.example/app:2", mediaType, digest],
    ]);
    // Every blob is there by its digest, and the layers are unpacked.
    const blobs = engine.client("content", "ls", "--quiet").trim().split("\n");
    const descriptors = [image.manifest, image.config, ...image.layers].map((part) => part.descriptor.digest);
    expect(blobs).toEqual(expect.arrayContaining(descriptors));
    expect(engine.client("images", "check")).toMatch(/registry\.example\/app:2 .*complete \(3\/3\).*true/);
  },
);

test.runIf(needs("dockerd", "curl", "root"))(
  "docker has the image under every tag, by its config's digest",
  async () => {
    await using engine = await startDocker();
    expect(await load(engine, "docker")).toMatchObject({
      loaded: { where: "docker team/app:1 registry.example/app:2" },
      outcome: "done",
    });
    const images = JSON.parse(engine.client("/images/json")) as { Id: string; RepoTags: string[] }[];
    expect(images.map(({ Id, RepoTags }) => [Id, ...RepoTags.sort()])).toEqual([
      [image.config.descriptor.digest, "registry.example/app:2", "team/app:1"],
    ]);
    const { RootFS } = JSON.parse(engine.client("/images/team/app:1/json")) as {
      RootFS: { Layers: string[] };
    };
    expect(RootFS.Layers).toEqual(image.layers.map(({ diffId }) => diffId));
    expect((await load(engine, "docker")).outcome).toBe("hit");
  },
);
