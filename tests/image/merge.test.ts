import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CambiumError } from "../../src/errors.ts";
import type { ImageTree } from "../../src/image/image-tree.ts";
import { mergeListings } from "../../src/image/merge-listings.ts";
import { readLayer } from "../../src/image/read-layer.ts";
import type { Layer } from "../../src/layer/layer.ts";
import { linesOfFolder, linesOfTree } from "../support/found-tree.ts";
import { type HandMade, handMadeTar, layerOf } from "../support/layers.ts";
import { randomLayer } from "../support/random-layers.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const nothing = { id: "nothing", keep: () => undefined };

async function merged(layers: readonly Layer[]): Promise<ImageTree> {
  const listings = [];
  for (const layer of layers) listings.push(await readLayer(layer, nothing));
  return mergeListings(listings, "test");
}

/**
 * Layers are applied to a real folder by GNU tar, member by member, and by what the image-spec says of whiteouts, written
 * here a second time. Links lead to places inside, since GNU tar does not know where the root is.
 */
class RealFolder {
  readonly #root: string;
  #stated = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { mode: 0o755 });
  }

  apply(members: readonly HandMade[]): void {
    this.#stated = new Set();
    for (const member of members) {
      const slash = member.path.lastIndexOf("/");
      const folder = this.#realFolder(slash === -1 ? "" : member.path.slice(0, slash));
      const name = member.path.slice(slash + 1);
      if (name === ".wh..wh..opq")
        for (const child of readdirSync(folder)) this.#removeLower(join(folder, child));
      else if (name.startsWith(".wh.")) this.#removeLower(join(folder, name.slice(".wh.".length)));
      else this.#extract(member, join(folder, name));
    }
  }

  #extract(member: HandMade, path: string): void {
    const before = lstatSync(path, { throwIfNoEntry: false });
    if (before !== undefined && before.isDirectory() !== "directory" in member)
      rmSync(path, { recursive: true });
    // GNU tar stops at a link to nothing, even where a later member takes its place: whoever refuses it too is not asked,
    // and whoever does not must have nothing of it in the end.
    if ("hardlink" in member && !this.#isFile(member.hardlink)) return;
    // By its real path, as engines do: GNU tar loses its way when the member replaces a link that its own path goes through.
    const input = handMadeTar([{ ...member, path: relative(this.#root, path) }]);
    execFileSync("tar", ["-xpP", "--no-same-owner", "-C", this.#root], { input });
    this.#stated.add(path);
  }

  #isFile(path: string): boolean {
    return lstatSync(join(this.#root, path), { throwIfNoEntry: false })?.isDirectory() === false;
  }

  /** What is missing on the way is made, and then is of this layer. */
  #realFolder(path: string): string {
    let here = this.#root;
    for (const part of path.split("/")) {
      const below = join(here, part);
      if (lstatSync(below, { throwIfNoEntry: false })?.isSymbolicLink()) {
        here = this.#realFolder(relative(this.#root, join(here, readlinkSync(below))));
        continue;
      }
      if (!existsSync(below)) {
        mkdirSync(below, { mode: 0o755 });
        this.#stated.add(below);
      }
      here = below;
    }
    return here;
  }

  #removeLower(path: string): void {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (found.isDirectory()) {
      for (const child of readdirSync(path)) this.#removeLower(join(path, child));
      if (!this.#stated.has(path) && readdirSync(path).length === 0) rmdirSync(path);
    } else if (!this.#stated.has(path)) rmSync(path);
  }
}

test("any stack of layers comes to the tree that GNU tar makes of it, or is refused", async () => {
  const counts = { merged: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(randomLayer, { minLength: 1, maxLength: 3 }), async (layers) => {
      using folder = temporaryFolder();
      let tree: ImageTree;
      try {
        tree = await merged(layers.map((members) => layerOf(...members)));
      } catch (error) {
        if (!(error instanceof CambiumError)) throw error;
        expect(error.code).toMatch(/^LAYER_(?:PARENT|LINK|DUPLICATE)$/);
        counts.refused += 1;
        return;
      }
      const real = new RealFolder(folder.at("root"));
      for (const members of layers) real.apply(members);
      counts.merged += 1;
      expect(linesOfTree(tree)).toEqual(linesOfFolder(folder.at("root")));
      expect(readdirSync(folder.path)).toEqual(["root"]);
    }),
    { numRuns: 300 },
  );
  // Refusing everything would pass as well.
  expect(counts.merged).toBeGreaterThan(60);
});

test("what looks like a way out of the root stays inside, whatever the disk has there", async () => {
  using folder = temporaryFolder();
  const outside = relative("/", folder.path);
  const tree = await merged([
    layerOf({ path: "up", link: "../../../../../../../.." }, { path: "abs", link: folder.path }),
    layerOf({ path: "up/x", file: "1" }, { path: "abs/y", file: "2" }, { path: "up/.wh.z", file: "" }),
  ]);
  expect(tree.lookup("x")).toMatchObject({ type: "file", path: "x" });
  expect(tree.lookup("abs/y")).toMatchObject({ type: "file", path: `${outside}/y` });
  expect(existsSync(folder.at("y"))).toBe(false);
  expect(readdirSync(folder.path)).toEqual([]);
});
