import { describe, expect, test } from "vitest";
import { recordsOf, type StageLayers } from "../../src/solve/steps/stage-layers.ts";
import { wholeLinesOfTree } from "../support/found-tree.ts";
import type { HandMade } from "../support/layers.ts";
import { merge, type StageBench, stageBench } from "../support/stage-bench.ts";

const directory = (path: string, mode = 0o755, owner = 0): HandMade => ({
  path,
  directory: true,
  mode,
  owner,
});
const file = (path: string, text: string, mode = 0o644, owner = 0): HandMade => ({
  ...{ path, file: text, mode, owner },
});

const digestsOf = (layers: StageLayers) => recordsOf(layers).map(({ descriptor }) => descriptor.digest);

/** Images of one layer each, the others merged over the first. */
async function merged(place: StageBench, first: readonly HandMade[], ...others: (readonly HandMade[])[]) {
  const images = [];
  for (const entries of [first, ...others]) images.push(await place.image(entries));
  const named = images.map((base, number) => [`s${number}`, { base }] as const);
  const rest = others.map((_, number) => number + 1);
  const base = { kind: "stage", stage: 0 } as const;
  return place.solve({ ...Object.fromEntries(named), all: { base, steps: [merge(...rest)] } });
}

async function textOf(place: StageBench, layers: StageLayers, path: string): Promise<string | undefined> {
  const listings = await place.listings(layers, { id: "all", keep: () => ({ maxBytes: 1 << 20 }) });
  const content = listings.findLast(({ contents }) => contents.has(path))?.contents.get(path);
  return content && Buffer.from(content).toString("utf8");
}

test("trees that do not touch are laid by their own layers, byte for byte, and are known the next time", async () => {
  await using place = stageBench();
  const a = await place.image([directory("a"), file("a/one", "1")]);
  const b = await place.image([directory("b"), file("b/two", "2")], [directory("b"), file("b/three", "3")]);
  const stages = { a: { base: a }, b: { base: b }, both: { steps: [merge(0, 1)] } };
  const first = await place.solve(stages);
  const alone = [await place.solve({ a: { base: a } }), await place.solve({ b: { base: b } })];
  expect(digestsOf(first.layers)).toEqual(alone.flatMap(({ layers }) => digestsOf(layers)));
  expect(first).toMatchObject({ warnings: [], made: ["both 1: merge"] });
  expect(await place.solve(stages)).toMatchObject({ layers: { steps: first.layers.steps }, made: [] });
});

test("the directories and links of what is below stay, and the layer says so to every engine", async () => {
  await using place = stageBench();
  const { layers, warnings } = await merged(
    place,
    [
      ...[directory("root", 0o700), directory("tmp", 0o1777), directory("srv", 0o2770, 9)],
      ...[directory("usr"), directory("usr/lib"), { path: "lib", link: "usr/lib" }],
    ],
    [
      ...[directory("root"), directory("lib"), directory("tmp"), file("tmp/t", "t")],
      ...[file("root/r", "r"), file("lib/l", "l"), file("srv/s", "s")],
    ],
  );
  expect(warnings).toEqual([]);
  const [, laid] = await place.listings(layers);
  expect(laid?.entries.map(({ path, mode, uid }) => `${path} ${mode.toString(8)} ${uid}`)).toEqual([
    ...["root 700 0", "root/r 644 0", "srv 2770 9", "srv/s 644 0", "tmp 1777 0", "tmp/t 644 0"],
    ...["usr 755 0", "usr/lib 755 0", "usr/lib/l 644 0"],
  ]);
});

test("these bytes do not move", async () => {
  await using place = stageBench();
  const { layers } = await merged(
    place,
    [directory("tmp", 0o1777), file("gone", "g"), file("x", "1")],
    [directory("tmp"), file("tmp/é", "t"), { path: "tmp/twin", hardlink: "tmp/é" }, file(".wh.gone", "")],
  );
  expect(
    layers.steps.map((one) => one.record && [one.content, one.record.descriptor.digest]),
  ).toMatchInlineSnapshot(`
    [
      [
        "4f0c47b74860a5e9adcc8af20949be67150f8ab4bd2bdccc8527928e2906a1b0",
        "sha256:150c657ff945cf0409120a39e66b18b69de7ad87f6490fb6ef9a70061143cc7a",
      ],
    ]
  `);
});

describe("what differs", () => {
  test("is told with both owners, a bounded number of times, and again when the merge is known", async () => {
    await using place = stageBench();
    const files = (text: string) =>
      Array.from({ length: 13 }, (_, n) => file(`f${String(n).padStart(2, "0")}`, text));
    const { warnings, layers } = await merged(place, files("1"), [file("f00", "2")], files("3"));
    expect(warnings).toHaveLength(12);
    expect(warnings[0]).toBe(
      "MERGE_CONFLICT: /f00 differs between stage all and stage s1: that of stage s1 is taken",
    );
    expect(warnings[1]).toBe(
      "MERGE_CONFLICT: /f00 differs between stage s1 and stage s2: that of stage s2 is taken",
    );
    expect(warnings[2]).toBe(
      "MERGE_CONFLICT: /f01 differs between stage all and stage s2: that of stage s2 is taken",
    );
    expect(warnings[11]).toBe("MERGE_CONFLICT: and 3 more of these");
    expect(await textOf(place, layers, "f00")).toBe("3");
    const again = await merged(place, files("1"), [file("f00", "2")], files("3"));
    expect(again).toMatchObject({ warnings, made: [] });
  });

  test("in kind is told with what is lost", async () => {
    await using place = stageBench();
    const { warnings } = await merged(
      place,
      [directory("d"), directory("d/e"), file("d/e/f", "f"), file("x", "x"), { path: "l", link: "nowhere" }],
      [file("d", "d"), directory("x"), file("x/y", "y"), directory("l"), file("l/z", "z")],
    );
    expect(warnings).toEqual([
      "MERGE_CONFLICT: /d is a directory in stage all and a file in stage s1: the file is taken; 2 paths below it are gone",
      "MERGE_CONFLICT: /l is a symlink in stage all and a directory in stage s1: the directory is taken",
      "MERGE_CONFLICT: /x is a file in stage all and a directory in stage s1: the directory is taken",
    ]);
  });
});

describe("tables", () => {
  const root = "root:x:0:0:root:/root:/bin/sh\n";

  test("of accounts have the entries of all, whoever brought them, with the modes below", async () => {
    await using place = stageBench();
    const etc = directory("etc");
    const table = (passwd: string, group: string, shadow: string): HandMade[] => [
      ...[etc, file("etc/passwd", root + passwd), file("etc/group", `root:x:0:\nstaff:x:50:\n${group}`)],
      file("etc/shadow", `root:*:1::::::\n${shadow}`, 0o640),
    ];
    // A user of the definition, then what a package made, then two stages with accounts of their own.
    const below = await place.image(
      table("app:x:1000:1000::/home/app:/bin/sh\n", "app:x:1000:\n", "app:!:1::::::\n"),
      table(
        "app:x:1000:1000::/home/app:/bin/sh\n_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n",
        "app:x:1000:\n",
        "app:!:1::::::\n_apt:!:1::::::\n",
      ),
    );
    const db = await place.image(table("db:x:999:999::/:/bin/false\n", "db:x:999:app\n", "db:!:1::::::\n"));
    const web = await place.image([etc, file("etc/passwd", `${root}web:x:998:998::/:/bin/false\n`, 0o600)]);
    const { layers, warnings } = await place.solve({
      below: { base: below },
      db: { base: db },
      web: { base: web },
      all: { base: { kind: "stage", stage: 0 }, steps: [merge(1, 2)] },
    });
    expect(warnings).toEqual([]);
    const names = async (path: string) =>
      (await textOf(place, layers, path))?.split("\n").flatMap((line) => line.split(":")[0] || []);
    expect(await names("etc/passwd")).toEqual(["root", "app", "_apt", "db", "web"]);
    expect(await names("etc/group")).toEqual(["root", "staff", "app", "db"]);
    expect(await names("etc/shadow")).toEqual(["root", "app", "_apt", "db"]);
    const tree = await place.tree(layers);
    expect(["passwd", "shadow"].map((name) => tree.entry(`etc/${name}`)?.mode)).toEqual([0o644, 0o640]);
  });

  test("of accounts that give a name two numbers are refused before anything is laid", async () => {
    await using place = stageBench();
    const passwd = (line: string) => [directory("etc"), file("etc/passwd", root + line)];
    await expect(merged(place, passwd("db:x:1:1::/:\n"), passwd("db:x:2:2::/:\n"))).rejects.toMatchObject({
      code: "ACCOUNT_CONFLICT",
      message: 'line 1: /etc/passwd: "db" has uid:gid 1:1 in stage all and 2:2 in stage s1',
    });
  });

  test("of dpkg have the packages of all, and their files of info and status.d", async () => {
    await using place = stageBench();
    const paragraph = (name: string, version: string) =>
      `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`;
    const dpkg = (...packages: [string, string][]): HandMade[] => [
      ...["var", "var/lib", "var/lib/dpkg", "var/lib/dpkg/info", "var/lib/dpkg/status.d"].map((it) =>
        directory(it),
      ),
      file("var/lib/dpkg/status", packages.map(([name, version]) => paragraph(name, version)).join("\n")),
      file("var/lib/dpkg/status-old", packages.join(" ")),
      ...packages.map(([name, version]) => file(`var/lib/dpkg/info/${name}.list`, `/${name} ${version}\n`)),
      ...packages.map(([name]) => file(`var/lib/dpkg/status.d/${name}`, paragraph(name, "1"))),
    ];
    const { layers, warnings } = await merged(
      place,
      dpkg(["libc6", "1"], ["curl", "8"]),
      dpkg(["git", "2"], ["libc6", "3"]),
    );
    expect(await textOf(place, layers, "var/lib/dpkg/status")).toBe(
      [paragraph("libc6", "3"), paragraph("curl", "8"), paragraph("git", "2"), ""].join("\n"),
    );
    expect(warnings).toEqual([
      "MERGE_CONFLICT: /var/lib/dpkg/info/libc6.list differs between stage all and stage s1: that of stage s1 is taken",
      "MERGE_PACKAGES: package libc6 is 1 below and 3 in stage s1: the status says 3",
    ]);
    const tree = await place.tree(layers);
    expect(tree.list("var/lib/dpkg/status.d")).toEqual(["curl", "git", "libc6"]);
    expect(tree.list("var/lib/dpkg/info")).toEqual(["curl.list", "git.list", "libc6.list"]);
  });
});

describe("a difference", () => {
  const diff = { kind: "diff", lower: 0, upper: 1 } as const;

  test("of a stage on another is the layers between, byte for byte, and they land on other bases so", async () => {
    await using place = stageBench();
    const base = [directory("etc"), file("etc/a", "a")];
    const change = [directory("etc"), file("etc/b", "b"), file("etc/.wh.a", "")];
    const { layers } = await place.solve({
      lower: { base: await place.image(base) },
      upper: { base: await place.image(base, change) },
      diff: { base: diff },
    });
    const whole = await place.solve({ upper: { base: await place.image(base, change) } });
    expect(digestsOf(layers)).toEqual(digestsOf(whole.layers).slice(1));
    const landed = await place.solve({
      lower: { base: await place.image(base) },
      upper: { base: await place.image(base, change) },
      diff: { base: diff },
      all: {
        base: await place.image([directory("etc"), file("etc/a", "a"), file("etc/c", "c")]),
        steps: [merge(2)],
      },
    });
    expect(digestsOf(landed.layers).slice(1)).toEqual(digestsOf(layers));
    expect((await place.tree(landed.layers)).list("etc")).toEqual(["b", "c"]);
  });

  test("that is computed depends on the trees, not on how they were layered, nor on names", async () => {
    await using place = stageBench();
    const parts = [
      [file("a", "a"), file("b", "b")],
      [file("a", "2"), file("c", "c")],
    ] as const;
    const lower = { base: await place.image([file("b", "b"), file("d", "d")]) };
    const apart = await place.solve({
      lower,
      upper: { base: await place.image(...parts) },
      diff: { base: diff },
    });
    const whole = [file("a", "2"), file("b", "b"), file("c", "c")];
    const joined = await place.solve({ x: lower, y: { base: await place.image(whole) }, z: { base: diff } });
    const stated = (layers: StageLayers) =>
      layers.steps.map((one) => one.record && [one.content, one.record]);
    expect(stated(joined.layers)).toEqual(stated(apart.layers));
    const [listing] = await place.listings(joined.layers);
    expect(listing?.entries.map(({ path }) => path)).toEqual(["a", "c"]);
    expect(listing?.whiteouts).toEqual(["d"]);
  });

  test("of equal trees is nothing, and a stage on it begins with nothing", async () => {
    await using place = stageBench();
    const lower = await place.image([file("a", "a")]);
    const upper = await place.image([file("a", "b")], [file("a", "a")]);
    const { layers } = await place.solve({
      lower: { base: lower },
      upper: { base: upper },
      diff: { base: diff },
    });
    expect(recordsOf(layers)).toEqual([]);
  });

  test("whose layer links to a file of the base brings the file along", async () => {
    await using place = stageBench();
    const base = [directory("usr"), file("usr/tool", "tool", 0o755)];
    const { layers } = await place.solve({
      lower: { base: await place.image(base) },
      upper: {
        base: await place.image(base, [directory("usr"), { path: "usr/name", hardlink: "usr/tool" }]),
      },
      diff: { base: diff },
      all: { base: await place.image([directory("srv")]), steps: [merge(2)] },
    });
    expect(wholeLinesOfTree(await place.tree(layers))).toEqual([
      "srv directory 0755 0:0",
      "usr directory 0755 0:0",
      "usr/name file 0755 0:0 4 7c9bbe5e names 2",
      "usr/tool file 0755 0:0 4 7c9bbe5e names 2",
    ]);
  });

  test("with accounts brings its own only, and takes the base's", async () => {
    await using place = stageBench();
    const passwd = (...lines: string[]) => [
      directory("etc"),
      file("etc/passwd", lines.map((it) => `${it}\n`).join("")),
    ];
    const [root, old, fresh, own] = [
      "root:x:0:0::/:",
      "old:x:5:5::/:",
      "new:x:6:6::/:",
      "own:x:7:7::/:",
    ] as const;
    const { layers } = await place.solve({
      lower: { base: await place.image(passwd(root, old)) },
      upper: { base: await place.image(passwd(root, old), passwd(root, old, fresh)) },
      diff: { base: diff },
      all: { base: await place.image(passwd(root, own)), steps: [merge(2)] },
    });
    expect(await textOf(place, layers, "etc/passwd")).toBe(`${root}\n${own}\n${fresh}\n`);
  });
});

describe("hostile layers", () => {
  test("names of any bytes land as they are", async () => {
    await using place = stageBench();
    const odd = ["a\nb", "\udcff\udc80", "d\\", ".whx", "ü"];
    const { layers } = await merged(
      place,
      [directory("t", 0o1777)],
      odd.flatMap((name) => [file(`t/${name}`, name === "ü" ? "u" : "x")]),
    );
    expect((await place.tree(layers)).list("t").sort()).toEqual([...odd].sort());
  });

  test.for([
    ["a link to a file that is not there", [{ path: "x", hardlink: "none" }], "LAYER_LINK"],
    ["members below a file", [file("x", ""), file("x/y", "")], "LAYER_PARENT"],
    ["a way out", [{ path: "l", link: "../../.." }, file("l/etc/x", "x")], undefined],
    ["links in a circle", [{ path: "a", link: "b" }, { path: "b", link: "a" }, directory("c")], undefined],
  ] as const)("%s: named, or inside", async ([, entries, code]) => {
    await using place = stageBench();
    const done = merged(place, [directory("etc"), { path: "c", link: "a" }], entries);
    if (code !== undefined) await expect(done).rejects.toMatchObject({ code });
    else expect((await place.tree((await done).layers)).entry("etc")).toMatchObject({ type: "directory" });
  });
});
