import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startBuildKit, type TestBuildKit } from "../support/buildkit.ts";
import { startDockerRegistry, type TestRegistry } from "../support/docker-registry.ts";
import { project, type SetImages, suites } from "./set-images.ts";
import { done, tool } from "./workplace.ts";

type Manifest = {
  readonly layers: readonly { readonly digest: string; readonly mediaType: string }[];
  readonly manifests?: readonly {
    readonly digest: string;
    readonly platform: { readonly architecture: string };
  }[];
};

/** What a registry and a real BuildKit make of the images: their push, and builds that start from them. */
export function registryTests(suite: string, python: string, images: () => SetImages): void {
  describe("in a registry", () => {
    let registry: TestRegistry;
    let buildKit: TestBuildKit;
    let repository: string;
    beforeAll(async () => {
      registry = await startDockerRegistry();
      buildKit = await startBuildKit();
      repository = `${registry.address}/team/${suite}`;
      expect(await push("1")).toBe(images().digest);
    });
    afterAll(async () => {
      await buildKit?.[Symbol.asyncDispose]();
      await registry?.[Symbol.asyncDispose]();
    });

    async function push(tag: string): Promise<string> {
      const platform = ["--platform", "linux/amd64,linux/arm64"];
      const name = ["-t", `${repository}:${tag}`, "--push"];
      return (await done(["build", project, "--python", python, ...platform, ...name])).trim();
    }

    async function manifest(reference: string): Promise<Manifest> {
      const raw = await tool("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${reference}`);
      return JSON.parse(raw) as Manifest;
    }

    test("the same push again uploads nothing, and another tag sends the index alone", async () => {
      await registry.forget();
      await push("1");
      expect(await registry.accesses()).toEqual([expect.objectContaining({ method: "HEAD", status: 200 })]);
      await registry.forget();
      expect(await push("2")).toBe(images().digest);
      const writes = (await registry.accesses()).filter(({ method }) => !/GET|HEAD/.test(method));
      expect(writes.map(({ method, path }) => `${method} ${path}`)).toEqual([
        `PUT /v2/team/${suite}/manifests/2`,
      ]);
    });

    test("BuildKit builds on it, runs its Python, and keeps its layers as they are", async () => {
      const dockerfile = [
        `FROM ${repository}:1`,
        "COPY added.txt /srv/added.txt",
        "USER root",
        "RUN python -c \"import numpy, yaml, cryptography, PIL; print('imported', numpy.__version__)\" && python /app/app.py",
        'RUN test "$(readlink -f /lib)" = /usr/lib && test -L /bin && test "$(stat -c %a /tmp)" = 1777',
      ];
      const output = `type=image,name=${repository}:derived,push=true,registry.insecure=true`;
      const log = await buildKit.build(dockerfile.join("\n"), output, { "added.txt": "added\n" });
      expect(log).toMatch(/imported \d/);
      expect(log).toContain('"cryptography": "secret"');
      const index = await manifest(`${repository}:1`);
      const amd64 = index.manifests?.find(({ platform }) => platform.architecture === "amd64");
      const base = await manifest(`${repository}@${amd64?.digest}`);
      const derived = await manifest(`${repository}:derived`);
      expect(base.layers.length).toBeGreaterThan(20);
      expect(derived.layers.slice(0, base.layers.length)).toEqual(base.layers);
      expect(derived.layers.length).toBeGreaterThan(base.layers.length);
    });

    // Layers have the same forms on each suite.
    if (suite !== suites[0].suite) return;

    test("what BuildKit copies out of it is what we unpack", async () => {
      const file = "opt/venv/lib/python3/site-packages/six.py";
      const [six, arm] = [images().at("six"), images().at("arm")];
      const dockerfile = (architecture: string) =>
        `FROM --platform=linux/${architecture} ${repository}:1 AS base\nFROM scratch\nCOPY --from=base /${file} /opt/venv/pyvenv.cfg /\n`;
      await buildKit.build(dockerfile("amd64"), `type=local,dest=${six}`);
      await buildKit.build(dockerfile("arm64"), `type=local,dest=${arm}`);
      await tool("cmp", `${six}/six.py`, `${images().rootfs.amd64}/${file}`);
      await tool("cmp", `${arm}/pyvenv.cfg`, `${images().rootfs.arm64}/opt/venv/pyvenv.cfg`);
    });
  });
}
