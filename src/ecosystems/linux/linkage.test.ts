import fc from "fast-check";
import { expect, test } from "vitest";
import type { SharedObject } from "../../layer/segment.ts";
import { isGivenLibrary } from "./given-libraries.ts";
import { linkage } from "./linkage.ts";

const object = (path: string, needed: readonly string[] = [], soname?: string): SharedObject => ({
  path,
  needed,
  runpath: [],
  ...(soname !== undefined && { soname }),
});
const nowhere = () => false;

test("what is needed is followed to the end, and named where it is missing", () => {
  const module = object("a/mod.so", ["libb.so.1"]);
  const b = object("b.libs/libb.so.1", ["libc.so.6", "libgone.so.2", "libalso.so.1"]);
  const other = object("a/other.so", ["libc.so.6"]);
  const { canLoad, missing } = linkage([module, b, other], (name) => name === "libc.so.6");
  expect([module, b, other].map(canLoad)).toEqual([false, false, true]);
  expect(missing([module, other])).toEqual(["libalso.so.1", "libgone.so.2"]);
});

test("a library is found by its soname too, and by the last part of a path", () => {
  const modules = [object("a.so", ["libx.so.1"]), object("b.so", ["/build/libx-1.so"])];
  const { canLoad } = linkage([...modules, object("x.libs/libx-1.so", [], "libx.so.1")], nowhere);
  expect(modules.every(canLoad)).toBe(true);
});

test("of two libraries of one name the one that loads counts", () => {
  const module = object("a.so", ["libx.so"]);
  const bad = object("p/libx.so", ["libgone.so"]);
  expect(linkage([module, bad, object("q/libx.so")], nowhere).canLoad(module)).toBe(true);
  expect(linkage([module, bad], nowhere).canLoad(module)).toBe(false);
  expect(linkage([module, bad], (name) => name === "libx.so").canLoad(module)).toBe(true);
});

test("libraries in a circle load together, or not at all", () => {
  const circle = [object("libx.so", ["liby.so"]), object("liby.so", ["libx.so"])];
  expect(circle.every(linkage(circle, nowhere).canLoad)).toBe(true);
  const broken = [...circle.slice(0, 1), object("liby.so", ["libx.so", "libgone.so"])];
  const { canLoad, missing } = linkage(broken, nowhere);
  expect(broken.some(canLoad)).toBe(false);
  expect(missing(broken)).toEqual(["libgone.so"]);
});

test("any graph: an object loads if and only if some choice of whole libraries serves it", () => {
  const name = fc.constantFrom<string[]>("a", "b", "c", "d", "e", "f");
  const objects = fc.array(fc.tuple(name, fc.uniqueArray(name, { maxLength: 3 })), { maxLength: 8 });
  fc.assert(
    fc.property(objects, fc.uniqueArray(name, { maxLength: 2 }), (files, system) => {
      const all = files.map(([path, needed]) => object(path, needed));
      const { canLoad, missing } = linkage(all, (wanted) => system.includes(wanted));
      // The slow way: take away what lacks something until nothing changes.
      let left = all;
      for (let before = -1; before !== left.length; ) {
        before = left.length;
        const here = left;
        left = here.filter(({ needed }) =>
          needed.every((it) => system.includes(it) || here.some(({ path }) => path === it)),
        );
      }
      expect(all.filter(canLoad)).toEqual(left);
      for (const one of all) {
        const names = missing([one]);
        expect(names.length > 0).toBe(!canLoad(one));
        expect(names.some((it) => system.includes(it) || all.some(({ path }) => path === it))).toBe(false);
      }
    }),
    { numRuns: 500 },
  );
});

test("libraries that the C library or the driver brings", () => {
  const given = [
    ...["libc.so.6", "libm.so.6", "libpthread.so.0", "libnsl.so.1", "libnss_files.so.2", "libmvec.so.1"],
    ...["ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libc.musl-x86_64.so.1", "ld-musl-aarch64.so.1"],
    ...[
      "libcuda.so.1",
      "libcuda.so",
      "libnvidia-ml.so.1",
      "libnvidia-ptxjitcompiler.so.1",
      "libnvcuvid.so.1",
    ],
  ];
  expect(given.filter((name) => !isGivenLibrary(name))).toEqual([]);
  const others = [
    ...[
      "libcudart.so.12",
      "libcudnn.so.9",
      "libnvrtc.so.12",
      "libGL.so.1",
      "libcrypt.so.1",
      "libstdc++.so.6",
    ],
    ...["libgcc_s.so.1", "libmagic.so.1", "libcares.so.2", "libdlib.so.19", "libnvidia.so"],
  ];
  expect(others.filter(isGivenLibrary)).toEqual([]);
});
