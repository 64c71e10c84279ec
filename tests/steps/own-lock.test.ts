import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DebianWorld, startDebianWorld } from "../dockerfile/debian-world.ts";
import { pylockText } from "../support/base-store.ts";
import { needs } from "../support/needs.ts";
import { moduleWheel } from "../support/registry-bases.ts";

const WHEELS = ["one", "two"].map((name) => ({ name, ...moduleWheel(name) }));

describe.runIf(needs("docker-registry", "runc", "root"))(
  "commands above packages of a project's own lock",
  () => {
    let debian: DebianWorld;
    beforeAll(async () => {
      debian = await startDebianWorld(WHEELS);
    });
    afterAll(async () => debian?.[Symbol.asyncDispose]());

    test("another lock is other packages, and the command above runs again", async () => {
      const { world, builder, base } = debian;
      const locked = (count: number) =>
        pylockText(
          WHEELS.slice(0, count).map(({ name, filename, bytes }) => ({
            ...{ name, version: "1.0", url: `${world.index.origin}/files/${filename}` },
            sha256: createHash("sha256").update(bytes).digest("hex"),
          })),
        );
      const yaml = `from: ${base}\npython: pylock.toml\nrun: ls /opt/venv/lib/python3/site-packages > /seen\n`;
      const build = (count: number) => {
        const files = { "cambium.yaml": yaml, "pylock.toml": locked(count) };
        return builder.build(world.project("own-lock", files));
      };
      const packagesOf = ({ layers }: Awaited<ReturnType<typeof build>>) =>
        layers.filter(({ name }) => name.startsWith("python ")).map(({ name }) => name);
      const first = await build(1);
      const second = await build(2);
      expect(second.transcoded).toEqual(["two 1.0"]);
      expect(packagesOf(second)).not.toEqual([]);
      expect(second.digest).not.toBe(first.digest);
      expect(second.steps).toEqual([expect.stringMatching(/^done: image 1: RUN/)]);
      expect((await build(1)).digest).toBe(first.digest);
    });
  },
);
