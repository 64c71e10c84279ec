import { expect, test } from "vitest";
import type { SharedObject } from "../../../layer/segment.ts";
import { isExtensionModule } from "./extension-modules.ts";
import { type InstalledWheel, unloadableWheels } from "./unloadable.ts";

const SITE = "opt/venv/lib/python3/site-packages";
const place = {
  architecture: "amd64",
  minor: 11,
  libraries: new Set(["libz.so.1", "libstdc++.so.6"]),
} as const;

const object = (path: string, needed: readonly string[], more: Partial<SharedObject> = {}): SharedObject => ({
  path: `${SITE}/${path}`,
  architecture: "amd64",
  needed,
  runpath: [],
  ...more,
});
const wheel = (
  name: string,
  sharedObjects: readonly SharedObject[],
  others: readonly string[] = [],
): InstalledWheel => ({
  filename: `${name}-1-py3-none-any.whl`,
  paths: [...sharedObjects.map(({ path }) => path), ...others.map((path) => `${SITE}/${path}`)],
  sharedObjects,
});

test.for<readonly [string, boolean]>([
  ["numpy/_core/_multiarray.cpython-311-x86_64-linux-gnu.so", true],
  ["pyarrow/lib.cpython-311-x86_64-linux-gnu.so", true],
  ["cv2/cv2.abi3.so", true],
  ["_cffi_backend.so", true],
  ["pkg/fast.so", true],
  ["numpy/_core/_multiarray.cpython-312-x86_64-linux-gnu.so", false],
  ["triton/_C/libtriton.so", false],
  ["nvidia/cufile/lib/libcufile_rdma.so.1", false],
  ["numpy.libs/gfortran.so", false],
  ["plug-ins/filter.so", false],
  ["pkg/fast.pypy311-pp73-x86_64-linux-gnu.so", false],
  ["pkg/fast.py", false],
])("%s is an extension module: %s", ([path, isModule]) => {
  expect(isExtensionModule(`${SITE}/${path}`, 11)).toBe(isModule);
  expect(isExtensionModule(`opt/venv/share/${path}`, 11)).toBe(false);
});

test("a wheel whose only module lacks libraries, through a library of its own too", () => {
  const cv2 = wheel("cv2", [
    object("cv2/cv2.abi3.so", ["libGL.so.1", "libavcodec-1a2b.so.59", "libz.so.1", "libc.so.6"]),
    object("cv2.libs/libavcodec-1a2b.so.59", ["libglib-2.0.so.0"]),
  ]);
  expect(unloadableWheels([cv2], place)).toEqual([
    {
      filename: cv2.filename,
      modules: [`${SITE}/cv2/cv2.abi3.so`],
      moduleCount: 1,
      missing: ["libGL.so.1", "libglib-2.0.so.0"],
    },
  ]);
});

test("of a wheel with an optional module, that one of so many", () => {
  const one = wheel("db", [
    object("db/core.cpython-311-x86_64-linux-gnu.so", ["libz.so.1"]),
    object("db/odbc.cpython-311-x86_64-linux-gnu.so", ["libodbc.so.2"]),
    object("db/odbc.cpython-312-x86_64-linux-gnu.so", ["libelse.so.2"]),
  ]);
  expect(unloadableWheels([one], place)).toMatchObject([
    {
      modules: [`${SITE}/db/odbc.cpython-311-x86_64-linux-gnu.so`],
      moduleCount: 2,
      missing: ["libodbc.so.2"],
    },
  ]);
});

test("libraries of other wheels, of the driver, and plug-ins that no module needs are no reason", () => {
  const wheels = [
    wheel("torch", [
      object("torch/_C.cpython-311-x86_64-linux-gnu.so", ["libtorch_python.so"]),
      object("torch/lib/libtorch_python.so", ["libtorch_cuda.so", "libstdc++.so.6"]),
      object("torch/lib/libtorch_cuda.so", ["libcudnn.so.9", "libcuda.so.1", "libnvidia-ml.so.1"]),
    ]),
    wheel("cudnn", [object("nvidia/cudnn/lib/libcudnn.so.9", ["libdl.so.2"])]),
    wheel("cufile", [object("nvidia/cufile/lib/libcufile_rdma.so.1", ["libibverbs.so.1"])]),
  ];
  expect(unloadableWheels(wheels, place)).toEqual([]);
  expect(unloadableWheels(wheels.slice(0, 1), place)).toMatchObject([{ missing: ["libcudnn.so.9"] }]);
});

test("what is not known is not judged: a wheel without a reading, a module and a library that could not be read", () => {
  const unread = "_b.cpython-311-x86_64-linux-gnu.so";
  const partly = wheel("partly", [object("_a.abi3.so", ["libgone.so.1"])], [unread]);
  expect(unloadableWheels([partly], place)).toMatchObject([{ modules: { length: 1 }, moduleCount: 2 }]);
  const user = wheel("user", [object("_c.abi3.so", ["libold.so.1", "libodd.so.1"])]);
  const odd = wheel("odd", [], ["odd.libs/libodd.so.1"]);
  const before = { filename: "old-1-py3-none-any.whl", paths: [`${SITE}/_d.abi3.so`, `${SITE}/libold.so.1`] };
  expect(unloadableWheels([user, odd, before], place)).toEqual([]);
});

test("modules for another machine are none here", () => {
  const many = wheel("many", [
    object("m_arm.so", ["libgone.so.1"], { architecture: "arm64" }),
    object("m_amd.so", ["libz.so.1"]),
  ]);
  expect(unloadableWheels([many], place)).toEqual([]);
  expect(unloadableWheels([many], { ...place, architecture: "arm64" })).toMatchObject([
    { modules: [`${SITE}/m_arm.so`], moduleCount: 1 },
  ]);
});
