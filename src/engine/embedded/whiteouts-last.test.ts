import fc from "fast-check";
import { expect, test } from "vitest";
import type { TarEntry } from "../../layer/read-tar.ts";
import { whiteoutsLast } from "./whiteouts-last.ts";

async function orderOf(paths: readonly string[]): Promise<string[]> {
  const source = async function* () {
    for (const path of paths) yield { path } as TarEntry;
  };
  const out: string[] = [];
  for await (const { path } of whiteoutsLast(source())) out.push(path);
  return out;
}

test("whiteouts stand after all of their directory, the opaque marker where it was", async () => {
  const members = [".wh.b", "a", "c", "c/.wh..wh..opq", "c/.wh.z", "c/.wh.a", "c/k", "c/k/x", "cd", ".wh.A"];
  expect(await orderOf(members)).toEqual([
    ...["a", "c", "c/.wh..wh..opq", "c/k", "c/k/x", "c/.wh.a", "c/.wh.z", "cd", ".wh.A", ".wh.b"],
  ]);
});

test("the order does not depend on whether a folder has them as files or as devices", async () => {
  const name = fc.stringMatching(/^[-.a-c~]{1,3}$/).filter((text) => text !== "." && text !== "..");
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(path, { maxLength: 25 }), async (paths) => {
      // A leaf may be a deletion; parents are directories.
      const all = [
        ...new Set(
          paths.flatMap((it) => it.split("/").map((_, n, parts) => parts.slice(0, n + 1).join("/"))),
        ),
      ];
      const isDeletion = (it: string) =>
        it.length % 2 === 0 && !all.some((other) => other.startsWith(`${it}/`));
      const asFile = (it: string) => (isDeletion(it) ? it.replace(/[^/]+$/, ".wh.$&") : it);
      const asFiles = await orderOf(sortedTree(all.map(asFile)));
      expect(await orderOf(sortedTree(all).map(asFile))).toEqual(asFiles);
      expect([...asFiles].sort()).toEqual(all.map(asFile).sort());
    }),
  );
});

/** As GNU tar's `--sort=name`: directory by directory. */
function sortedTree(paths: readonly string[]): string[] {
  return [...paths].sort((a, b) => {
    const [left, right] = [a.split("/"), b.split("/")];
    for (let n = 0; n < Math.min(left.length, right.length); n++) {
      if (left[n] !== right[n]) return left[n]! < right[n]! ? -1 : 1;
    }
    return left.length - right.length;
  });
}
