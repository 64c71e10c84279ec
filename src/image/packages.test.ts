import { expect, test } from "vitest";
import { layerOf } from "../../tests/support/layers.ts";
import { layerEntries } from "./layer-entries.ts";
import { readContents } from "./packages.ts";

const site = "opt/venv/lib/python3/site-packages";

test("packages are found by what they leave behind, with the size of their files", async () => {
  const layer = layerOf(
    { path: `${site}/six.py`, file: "s".repeat(100) },
    {
      path: `${site}/six-1.16.0.dist-info/METADATA`,
      file: "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n\nName: body\n",
    },
    {
      path: `${site}/six-1.16.0.dist-info/RECORD`,
      file: 'six.py,sha256=x,100\r\n../../../bin/six,sha256=x,5\r\n"a,b.txt",,\r\nsix-1.16.0.dist-info/METADATA,,\r\nsix-1.16.0.dist-info/RECORD,,\r\n',
    },
    { path: "opt/venv/bin/six", file: "12345" },
    { path: `${site}/a,b.txt`, file: "1" },
    { path: `${site}/setuptools/_vendor/wheel-1.0.dist-info/METADATA`, file: "Name: wheel\nVersion: 1.0\n" },
    { path: "var/lib/dpkg/status.d/libc6", file: "Package: libc6\nStatus: x\nVersion: 2.36-9\n" },
    { path: "var/lib/dpkg/status.d/libc6.md5sums", file: `${"0".repeat(32)}  usr/lib/libc.so.6\n` },
    { path: "usr/lib/libc.so.6", file: "L".repeat(1000) },
    { path: "app/other", file: "x" },
    { path: "app/link", link: "other" },
  );
  const contents = await readContents(layerEntries(layer));
  expect(contents.packages.map(({ ecosystem, name, version }) => `${ecosystem} ${name} ${version}`)).toEqual([
    "debian libc6 2.36-9",
    "python six 1.16.0",
  ]);
  expect(contents).toMatchObject({ entries: 11, files: 10, otherFiles: 2 });
  expect(contents.packages[0]!.sizeBytes).toBe(1000 + 41 + 52);
  expect(contents.packages[1]!.sizeBytes).toBeGreaterThan(106);
});
