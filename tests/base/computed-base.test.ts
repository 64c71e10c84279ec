import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BASE_FILES, type Base, readBase } from "../../src/ecosystems/read-base.ts";
import type { ImageTree } from "../../src/image/image-tree.ts";
import { type LoadedImage, loadImage } from "../../src/image/load.ts";
import { mergeListings } from "../../src/image/merge-listings.ts";
import { readLayer } from "../../src/image/read-layer.ts";
import { openLayoutFolder } from "../../src/image/sources/layout-folder.ts";
import type { LayerListing } from "../../src/layer/listing.ts";
import { openStore } from "../../src/store/store.ts";
import { linesOfFolder, linesOfTree } from "../support/found-tree.ts";
import { AMD64, ARM64 } from "../support/images.ts";
import { needs, toolOf } from "../support/needs.ts";
import { digestIn, pylockFiles, type Workplace, workplace } from "../support/project.ts";

/** Our own computed base, as an image that somebody else might build on: real Debian packages, real programs. */
describe.runIf(needs("skopeo", "umoci"))("an image that we built, read as a base", () => {
  let place: Workplace;
  let image: LoadedImage;
  let listings: LayerListing[];
  let tree: ImageTree;
  let base: Base;

  beforeAll(async () => {
    place = await workplace();
    const project = place.project("app", await pylockFiles([]));
    const output = ["--platform", "linux/amd64", "-t", "base:1", "-o", `type=oci,dest=${place.at("image")}`];
    digestIn(await place.build(project, output));
    ({ image, listings, tree, base } = await read(place.at("image")));
  });
  afterAll(() => place?.[Symbol.dispose]());

  async function read(layout: string) {
    const source = await openLayoutFolder(layout);
    const loaded = await loadImage(source, AMD64);
    const found: LayerListing[] = [];
    for (const layer of loaded.layers) found.push(await readLayer(layer, BASE_FILES));
    const merged = mergeListings(found, "test");
    return {
      image: loaded,
      listings: found,
      tree: merged,
      base: readBase(merged, loaded.config, AMD64, "base:1"),
    };
  }

  test("tells what it is", () => {
    expect(base).toMatchObject({
      libc: { kind: "glibc", version: [2, 41] },
      ...{ isMergedUsr: true, distribution: "debian", codename: "trixie", distributions: [] },
      venvs: [{ path: "opt/venv", sitePackages: ["opt/venv/lib/python3/site-packages"] }],
    });
    expect(base.interpreters).toMatchObject([
      {
        path: "usr/bin/python3.13",
        version: "3.13",
        prefix: "usr",
        scheme: "posix_local",
        isFreeThreaded: false,
      },
    ]);
    const debOf = (name: string) => base.debs.find((deb) => deb.name === name);
    expect(debOf("python3.13")?.version).toMatch(new RegExp(`^${base.interpreters[0]?.fullVersion}-`));
    expect(debOf("libc6")?.version).toMatch(/^2\.41-/);
    expect([...base.libraries]).toEqual(expect.arrayContaining(["libc.so.6", "libz.so.1", "libstdc++.so.6"]));
    expect(base.libraries.has("libgomp.so.1")).toBe(false);
    expect(base.accounts.find(({ name }) => name === "nobody")).toMatchObject({ uid: 65534, gid: 65534 });
    expect(base.groups.find(({ name }) => name === "shadow")).toMatchObject({ gid: 42 });
  });

  test("has for another machine no C library", () => {
    expect(readBase(tree, image.config, ARM64, "base:1").libc).toBeUndefined();
  });

  test("comes to the very tree that umoci unpacks", () => {
    const bundle = place.at("bundle");
    execFileSync(toolOf("umoci"), ["unpack", "--rootless", "--image", `${place.at("image")}:1`, bundle]);
    const ours = linesOfTree(tree);
    expect(ours.length).toBeGreaterThan(1000);
    expect(linesOfFolder(`${bundle}/rootfs`)).toEqual(ours);
  });

  test("is the same base when its layers are zstd", async () => {
    const skopeo = (...args: readonly string[]) =>
      execFileSync(toolOf("skopeo"), ["copy", "--quiet", ...args]);
    const plain = `dir:${place.at("plain")}`;
    skopeo("--dest-decompress", `oci:${place.at("image")}:1`, plain);
    skopeo("--dest-compress-format", "zstd", plain, `oci:${place.at("zstd")}:1`);
    const zstd = await read(place.at("zstd"));
    expect(new Set(zstd.image.layers.map(({ descriptor }) => descriptor.mediaType))).toEqual(
      new Set(["application/vnd.oci.image.layer.v1.tar+zstd"]),
    );
    expect(zstd.listings).toEqual(listings);
    expect(zstd.base).toEqual(base);
  });

  test("is read from the store's listings as from its layers", () => {
    const store = openStore(place.at("other-store"));
    for (const listing of listings) store.listings.put(listing);
    const again = image.layers.map((layer) => store.listings.get(layer.diffId, BASE_FILES.id));
    store.close();
    const known = again.filter((listing) => listing !== undefined);
    expect(known).toEqual(listings);
    expect(readBase(mergeListings(known, "test"), image.config, AMD64, "base:1")).toEqual(base);
  });
});
