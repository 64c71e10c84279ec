import { execFileSync } from "node:child_process";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { needs, toolOf } from "../support/needs.ts";
import { AUTH_MODES, layersOf, markedImages, startTrip } from "./trip.ts";

const umoci = (...args: readonly string[]) => execFileSync(toolOf("umoci"), args, { stdio: "pipe" });

/** umoci works on layouts and asks no registry: skopeo carries what it made. */
describe.runIf(needs("docker-registry", "skopeo", "umoci", "openssl", "root"))("with umoci", () => {
  test.for(AUTH_MODES)("what it repacked is read and built on: $name", async ({ name }) => {
    await using trip = await startTrip(name);
    const digest = await trip.push(markedImages(name).amd64, "team/app:1");
    const layout = trip.at("layout");
    await trip.copy("docker://team/app:1", `oci:${layout}:1`);
    const root = trip.at("bundle", "rootfs");
    umoci("unpack", "--image", `${layout}:1`, trip.at("bundle"));
    writeFileSync(`${root}/added`, "added\n");
    chmodSync(`${root}/theirs`, 0o640);
    rmSync(`${root}/one`);
    umoci("repack", "--image", `${layout}:2`, trip.at("bundle"));
    const ours = await trip.read("team/app:1");
    expect(ours.digest).toBe(digest);

    await trip.copy(`oci:${layout}:2`, "docker://theirs/app:oci");
    await trip.copy(`oci:${layout}:2`, "docker://theirs/app:v2s2", "--format=v2s2");
    await trip.copyAsZstd(`oci:${layout}:2`, "theirs/app:zstd");

    const theirs = await trip.read("theirs/app:oci");
    expect(layersOf(theirs).slice(0, -1)).toEqual(layersOf(ours));
    // /added, /theirs and the whiteout of /one.
    expect(theirs.images[0]?.layers.at(-1)?.contents).toMatchObject({ files: 3 });
    for (const tag of ["oci", "v2s2", "zstd"]) {
      const base = layersOf(await trip.read(`theirs/app:${tag}`));
      const derived = layersOf(await trip.buildOn(`theirs/app:${tag}`, `team/derived:${tag}`));
      expect(derived.slice(0, -1).map((layer) => layer.digest)).toEqual(base.map((layer) => layer.digest));
      const compression = tag === "zstd" ? "zstd" : "gzip";
      const types = new Set(derived.slice(0, -1).map(({ mediaType }) => mediaType));
      expect(types).toEqual(new Set([`application/vnd.oci.image.layer.v1.tar+${compression}`]));
    }
  });
});
