import { describe, expect, test } from "vitest";
import { elfOf } from "../../tests/support/elf.ts";
import { AMD64, ARM64 } from "../../tests/support/images.ts";
import { type HandMade, layerOf } from "../../tests/support/layers.ts";
import type { ConfigDocument } from "../image/documents.ts";
import { mergeListings } from "../image/merge-listings.ts";
import { readLayer } from "../image/read-layer.ts";
import type { Platform } from "../platform.ts";
import { BASE_FILES, type Base, readBase } from "./read-base.ts";

async function baseOf(
  entries: readonly HandMade[],
  env: readonly string[] = [],
  platform: Platform = AMD64,
): Promise<Base> {
  const config: ConfigDocument = {
    architecture: platform.architecture,
    os: "linux",
    config: { Env: [...env] },
    rootfs: { type: "layers", diff_ids: [] },
  };
  const listing = await readLayer(layerOf(...entries), BASE_FILES);
  return readBase(mergeListings([listing], "test"), config, platform, "example/base:1");
}

const file = (path: string, text: string | Uint8Array = ""): HandMade => ({ path, file: text, mode: 0o755 });
const link = (path: string, target: string): HandMade => ({ path, link: target });
const directory = (path: string): HandMade => ({ path, directory: true });
const merged = ["bin", "sbin", "lib", "lib64"].map((name) => link(name, `usr/${name}`));
/** A program that is no ELF, but has CPython's version in itself as a real one has. */
const python = (version: string) => `\x7f...\0libc\0${version}\0more`;
const banner = (version: string) =>
  `\x7fELF\0GNU C Library (Debian GLIBC ${version}-9) stable release version ${version}.\n\0`;
const glibc = (version: string): HandMade[] => [
  file("usr/lib/x86_64-linux-gnu/libc.so.6", banner(version)),
  file("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
  link("usr/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
];
const stanza = (name: string, version: string, more = "") =>
  `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n${more}`;

const debian = [
  ...merged,
  ...glibc("2.36"),
  link("usr/bin/python3", "python3.11"),
  file("usr/bin/python3.11", python("3.11.2")),
  directory("usr/local/lib/python3.11/dist-packages"),
  directory("usr/lib/python3/dist-packages/PyYAML-6.0.egg-info"),
  file("usr/lib/python3/dist-packages/six-1.16.0.egg-info"),
  directory("usr/local/lib/python3.11/dist-packages/six-1.17.0.dist-info"),
  file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nbroken\napp:x:1000:1000::/home/app:/bin/sh\n"),
  file("etc/group", "root:x:0:\nadm:x:4:app\n"),
  link("etc/os-release", "../usr/lib/os-release"),
  file("usr/lib/os-release", 'ID=debian\nVERSION_CODENAME="bookworm"\n'),
];

describe("a Debian base", () => {
  test("tells interpreter, scheme, libc, merged /usr, accounts and distributions", async () => {
    const base = await baseOf(debian);
    expect(base).toMatchObject({
      where: "base example/base:1 for linux/amd64",
      libc: { kind: "glibc", version: [2, 36] },
      isMergedUsr: true,
      distribution: "debian",
      codename: "bookworm",
      accounts: [
        { name: "root", uid: 0 },
        { name: "app", uid: 1000, home: "/home/app" },
      ],
      groups: [{ name: "root" }, { name: "adm", gid: 4, members: ["app"] }],
      venvs: [],
    });
    expect(base.interpreters).toEqual([
      {
        ...{ path: "usr/bin/python3.11", version: "3.11", fullVersion: "3.11.2", isFreeThreaded: false },
        ...{ prefix: "usr", scheme: "posix_local" },
        sitePackages: ["usr/local/lib/python3.11/dist-packages", "usr/lib/python3/dist-packages"],
      },
    ]);
    expect(base.distributions.map(({ name, version, location }) => [name, version, location])).toEqual([
      ["pyyaml", "6.0", "usr/lib/python3/dist-packages"],
      ["six", "1.17.0", "usr/local/lib/python3.11/dist-packages"],
    ]);
  });

  test("tells packages of status and status.d, and versions from them where the files do not", async () => {
    const status = [
      stanza("libc6", "2.36-9+deb12u10"),
      stanza("python3.11-minimal", "3.11.2-6+deb12u5"),
      "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n",
      "Package: zlib1g\nStatus: install ok installed\nArchitecture: i386\nVersion: 1\n",
    ];
    const bare = debian.filter(({ path }) => !/libc\.so\.6$|bin\/python3\.11$/.test(path));
    const base = await baseOf([
      ...bare,
      file("usr/lib/x86_64-linux-gnu/libc.so.6", "no banner"),
      file("usr/bin/python3.11", "no version"),
      file("var/lib/dpkg/status", status.join("\n")),
      file("var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a\nArchitecture: all\n"),
      file("var/lib/dpkg/status.d/tzdata.md5sums", "not a stanza"),
    ]);
    expect(base.debs.map(({ name, version }) => `${name} ${version}`)).toEqual([
      ...["libc6 2.36-9+deb12u10", "python3.11-minimal 3.11.2-6+deb12u5", "tzdata 2024a"],
    ]);
    expect(base.libc).toEqual({ kind: "glibc", version: [2, 36] });
    expect(base.interpreters[0]?.fullVersion).toBe("3.11.2");
  });

  test("with dpkg has what dpkg says, once each, whatever its packages' layers still tell scanners", async () => {
    const ofLayer = (name: string) =>
      file(`var/lib/dpkg/status.d/${name}`, `Package: ${name}\nVersion: 1\nArchitecture: all\n`);
    const removed = "Package: less\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";
    const base = await baseOf([
      ...debian,
      file("var/lib/dpkg/status", [stanza("dpkg", "1.21.22"), stanza("bash", "2"), removed].join("\n")),
      ...["bash", "dpkg", "less", "purged"].map(ofLayer),
    ]);
    expect(base.debs.map(({ name, version }) => `${name} ${version}`)).toEqual(["bash 2", "dpkg 1.21.22"]);
  });

  test("with a damaged status database is named with file and line", async () => {
    await expect(baseOf([file("var/lib/dpkg/status", "Package: a\nno field\n")])).rejects.toMatchObject({
      code: "DEBIAN_CONTROL_SYNTAX",
      message: expect.stringContaining("base example/base:1 for linux/amd64: var/lib/dpkg/status:2"),
    });
  });
});

test("an official image's Python comes first, by PATH, with the version of its libpython", async () => {
  const env = ["PATH=/usr/local/bin:/usr/bin", "PYTHON_VERSION=3.12.9"];
  const official = [
    ...debian,
    link("usr/local/bin/python3", "python3.12"),
    file("usr/local/bin/python3.12", elfOf({})),
    directory("usr/local/lib/python3.12/site-packages/pip-24.0.dist-info"),
  ];
  const stated = await baseOf(official, env);
  expect(stated.interpreters.map(({ path, fullVersion }) => [path, fullVersion])).toEqual([
    ["usr/local/bin/python3.12", "3.12.9"],
    ["usr/bin/python3.11", "3.11.2"],
  ]);
  expect(stated.interpreters[0]).toMatchObject({
    ...{ prefix: "usr/local", scheme: "posix_prefix" },
    sitePackages: ["usr/local/lib/python3.12/site-packages"],
  });
  expect(stated.distributions.map(({ name }) => name)).toEqual(["pip"]);
  const read = await baseOf([...official, file("usr/local/lib/libpython3.12.so.1.0", python("3.12.7"))], env);
  expect(read.interpreters[0]?.fullVersion).toBe("3.12.7");
});

test("an environment on PATH is found with its distributions and the Python behind it", async () => {
  const venv = [
    ...debian,
    link("opt/venv/bin/python", "/usr/bin/python3.11"),
    link("opt/venv/bin/python3", "python"),
    file("opt/venv/pyvenv.cfg", "home = /usr/bin\n"),
    directory("opt/venv/lib/python3/site-packages/numpy-2.1.0.dist-info"),
    link("opt/venv/lib/python3.11", "python3"),
  ];
  const base = await baseOf(venv, ["PATH=/opt/venv/bin:/usr/bin"]);
  expect(base.interpreters.map(({ path }) => path)).toEqual(["usr/bin/python3.11"]);
  expect(base.venvs).toEqual([{ path: "opt/venv", sitePackages: ["opt/venv/lib/python3/site-packages"] }]);
  expect(base.distributions.map(({ name }) => name)).toEqual(["numpy", "pyyaml", "six"]);
});

describe("the C library", () => {
  test("is named by its files up to glibc 2.33", async () => {
    const base = await baseOf([
      file("lib/x86_64-linux-gnu/libc-2.31.so", "no banner"),
      link("lib/x86_64-linux-gnu/libc.so.6", "libc-2.31.so"),
      file("lib/x86_64-linux-gnu/ld-2.31.so"),
      link("lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-2.31.so"),
    ]);
    expect(base.libc).toEqual({ kind: "glibc", version: [2, 31] });
    expect(base.isMergedUsr).toBe(false);
  });

  test("is musl by its loader, also where glibc's loader is pretended", async () => {
    const base = await baseOf([
      file("lib/ld-musl-x86_64.so.1", "\0musl libc (x86_64)\nVersion %s\n\x001.2.5\0"),
      link("lib64/ld-linux-x86-64.so.2", "../lib/ld-musl-x86_64.so.1"),
      file("etc/os-release", "ID=alpine\n"),
    ]);
    expect(base).toMatchObject({ libc: { kind: "musl", version: [1, 2] }, distribution: "alpine" });
  });

  test("of another machine is none", async () => {
    expect((await baseOf(debian, [], ARM64)).libc).toBeUndefined();
    expect((await baseOf([file("app")])).libc).toBeUndefined();
  });
});

test("libraries are found where the loader looks, under the names that are asked for", async () => {
  const base = await baseOf(
    [
      ...merged,
      file("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n/opt/first/lib # comment\n"),
      file("etc/ld.so.conf.d/a.conf", "/opt/a\ninclude /etc/ld.so.conf\n"),
      file("etc/ld.so.conf.d/other", "/opt/not"),
      file("opt/a/liba.so.1"),
      file("opt/not/libnot.so.1"),
      file("opt/first/lib/libfirst.so.1.2.3"),
      link("opt/first/lib/libfirst.so.1", "libfirst.so.1.2.3"),
      file("opt/env/libenv.so.2"),
      file("usr/lib/x86_64-linux-gnu/libz.so.1"),
      file("usr/lib64/libred.so.1"),
      link("usr/lib/libdangling.so.1", "nowhere"),
      file("usr/lib/text.txt"),
    ],
    ["LD_LIBRARY_PATH=/opt/env:relative"],
  );
  expect([...base.libraries].sort()).toEqual(
    ["liba.so.1", "libfirst.so.1", "libfirst.so.1.2.3", "libenv.so.2", "libz.so.1", "libred.so.1"].sort(),
  );
});

test("an empty image has nothing, and nothing that a package below /usr would hide", async () => {
  expect(await baseOf([])).toMatchObject({
    ...{ libc: undefined, isMergedUsr: true, interpreters: [], venvs: [], distributions: [], debs: [] },
  });
});
