import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { imageSet } from "../../src/image/image.ts";
import { inspectImage } from "../../src/image/inspect.ts";
import { writeOciLayout } from "../../src/image/outputs/oci-layout.ts";
import { extractRootfs } from "../../src/image/outputs/rootfs.ts";
import { writeImageTar } from "../../src/image/outputs/tar.ts";
import { parseReference } from "../../src/image/reference.ts";
import { openImageTar } from "../../src/image/sources/tar.ts";
import { validateImage } from "../../src/image/validate.ts";
import { ARM64, imageOf } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const base = layerOf(
  { path: "usr", directory: true },
  { path: "usr/bin", directory: true },
  { path: "usr/bin/run", file: "#!/bin/sh\n", mode: 0o755 },
  { path: "bin", link: "usr/bin" },
  { path: "tmp", directory: true, mode: 0o1777 },
  { path: "old", file: "1" },
);
const top = layerOf(
  { path: ".wh.old", file: "" },
  { path: "usr", directory: true },
  { path: "usr/bin", directory: true },
  { path: "usr/bin/again", hardlink: "usr/bin/run" },
  { path: "usr/größe", file: "x" },
);
const image = imageOf([base, top], { cmd: ["/usr/bin/run"], env: [["A", "1"]] });
const set = imageSet([image]);
const tags = [parseReference("team/app:1", "test")];
const ignore = () => undefined;

/** Path, type, mode, size or target, times: GNU find's view. */
function treeOf(folder: string): string[] {
  const format = "%P %y %m %l %T@ %n\\n";
  const listed = execFileSync("find", [folder, "-mindepth", "1", "-printf", format], { encoding: "utf8" });
  return listed.trim().split("\n").sort();
}

test("umoci unpacks the layout to the tree that we extract", async () => {
  using folder = temporaryFolder();
  await writeOciLayout(set, folder.at("image"), { tags }, ignore);
  execFileSync("umoci", ["unpack", "--rootless", "--image", `${folder.at("image")}:1`, folder.at("bundle")]);
  await extractRootfs(image, folder.at("ours"), ignore);
  // umoci touches the directories in which it applied whiteouts; ours keep what the layer says.
  expect(treeOf(folder.at("ours"))).toEqual(treeOf(folder.at("bundle/rootfs")));
});

test("one tar is both: skopeo reads it as image layout and as docker archive", async () => {
  using folder = temporaryFolder();
  const tar = folder.at("image.tar");
  await writeImageTar(set, tar, { tags, format: "docker" }, ignore);
  const oci = JSON.parse(execFileSync("skopeo", ["inspect", `oci-archive:${tar}:1`]).toString()) as {
    Digest: string;
  };
  expect(oci.Digest).toBe(image.manifest.descriptor.digest);
  const docker = execFileSync("skopeo", [
    "inspect",
    "--config",
    `docker-archive:${tar}:team/app:1`,
  ]).toString();
  expect(JSON.parse(docker)).toMatchObject({
    config: { Cmd: ["/usr/bin/run"] },
    rootfs: { diff_ids: [base.diffId, top.diffId] },
  });
  const source = await openImageTar(tar, "1");
  expect((await validateImage(source)).problems).toEqual([]);
  expect(await inspectImage(source)).toMatchObject({
    digest: image.manifest.descriptor.digest,
    images: [
      {
        platform: "linux/amd64",
        layers: [{ contents: { entries: 6, files: 2 } }, { contents: { entries: 5 } }],
      },
    ],
  });
  await source.close();
});

test("the tar's bytes depend on the image and its tags only, on disk as in a pipe", async () => {
  using folder = temporaryFolder();
  await writeImageTar(set, folder.at("a.tar"), { tags, format: "oci" }, ignore);
  const { PassThrough } = await import("node:stream");
  const pipe = new PassThrough();
  const chunks: Buffer[] = [];
  pipe.on("data", (chunk: Buffer) => chunks.push(chunk));
  const { writtenBytes } = await writeImageTar(set, pipe, { tags, format: "docker" }, ignore);
  const piped = Buffer.concat(chunks);
  expect(piped.equals(readFileSync(folder.at("a.tar")))).toBe(true);
  expect(writtenBytes).toBe(piped.length);
  expect(
    execFileSync("tar", ["-tf", folder.at("a.tar")], { encoding: "utf8" })
      .split("\n")
      .slice(0, 5),
  ).toEqual(["oci-layout", "index.json", "manifest.json", "blobs/", "blobs/sha256/"]);
});

test("several platforms are refused for docker and chosen by skopeo from oci", async () => {
  using folder = temporaryFolder();
  const both = imageSet([image, imageOf([base], {}, ARM64)]);
  const tar = folder.at("image.tar");
  await expect(writeImageTar(both, tar, { tags, format: "docker" }, ignore)).rejects.toMatchObject({
    code: "OUTPUT_PLATFORMS",
    exitCode: 2,
  });
  await writeImageTar(both, tar, { tags, format: "oci" }, ignore);
  mkdirSync(folder.at("copy"));
  execFileSync("skopeo", [
    "copy",
    "--quiet",
    "--override-arch=arm64",
    `oci-archive:${tar}:1`,
    `dir:${folder.at("copy")}`,
  ]);
  const manifest = JSON.parse(readFileSync(folder.at("copy/manifest.json"), "utf8")) as { layers: unknown[] };
  expect(manifest.layers).toHaveLength(1);
});

test("a tar that cannot be written leaves nothing behind", async () => {
  using folder = temporaryFolder();
  const lying = { ...top, compressed: () => base.compressed() };
  const tar = folder.at("image.tar");
  await expect(
    writeImageTar(imageSet([imageOf([base, lying])]), tar, { tags, format: "oci" }, ignore),
  ).rejects.toMatchObject({ code: "SIZE_INVALID" });
  expect(execFileSync("ls", ["-A", folder.path], { encoding: "utf8" })).toBe("");
  await expect(
    writeImageTar(set, folder.at("no/such.tar"), { tags, format: "oci" }, ignore),
  ).rejects.toMatchObject({
    code: "OUTPUT_UNWRITABLE",
    exitCode: 3,
  });
  expect(statSync(folder.path).isDirectory()).toBe(true);
});
