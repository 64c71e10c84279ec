import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PlanResult } from "../../src/actions/results.ts";
import { compilePython, type PythonProgram } from "../../src/ecosystems/python/bytecode/compile.ts";
import { machinePlatform } from "../../src/platform.ts";
import { interpreterArgv } from "../../src/solve/debian-interpreter.ts";
import { type PylockWheel, pylockText } from "../support/base-store.ts";
import { cambium } from "../support/command.ts";
import { type FaultyServer, startFaultyServer } from "../support/faulty-server.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { digestIn, pylockFiles, sha256Of, type Workplace, workplace } from "../support/project.ts";
import { type BaseWorld, type Built, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";
import { wheel, wheelFilename } from "../support/wheel.ts";
import { fetchPip, pipWheel, wheelPath } from "./corpus.ts";
import "../support/in-memory.ts";

const SITE = "/opt/venv/lib/python3.13/site-packages";
const LIBRARY = "/usr/lib/python3.13";

/** Modules of all kinds, those that no compiler takes among them. */
const demo = wheel({
  "demo/__init__.py": "",
  "demo/values.py":
    "ANSWER = 42\nNAMES = {'b', 'a', 'c'}\ndef known(it):\n    return it in {'x', 'y', 1, 2.5}\n",
  "demo/latin.py": Buffer.from("# -*- coding: cp1252 -*-\nPOUND = '\xa3'\n", "latin1"),
  "demo/deep/er.py": "def fail():\n    raise ValueError('here')\n",
  "demo/warns.py": "PATTERN = '\\d'\nassert (1, 'always true')\n",
  "demo/old.py": "print 'Python 2'\n",
  "demo/null.py": Buffer.from("A = 1\0\n"),
  "demo/unknown.py": "# coding: klingon\n",
  "demo/nested.py": `${"(".repeat(50_000)}${")".repeat(50_000)}\n`,
  "demo/minus.py": `A = ${"-".repeat(200_000)}1\n`,
  "demo/added.py": `A = ${"1+".repeat(100_000)}1\n`,
  "demo/large.py": `# ${"x".repeat(17 << 20)}\n`,
  "demo/shipped.py": "ANSWER = 43\n",
  "demo/__pycache__/shipped.cpython-313.pyc": "not bytecode",
  "demo-1.0.data/scripts/tool.py": "#!python\nprint('tool')\n",
});
const UNCOMPILED = ["large", "minus", "nested", "null", "old", "unknown"];

/** Digests of all bytecode in site-packages, by path. */
const LIST = `
import hashlib, json, os
found = {}
for folder, _, names in os.walk("${SITE}"):
    for path in (os.path.join(folder, name) for name in names if name.endswith(".pyc")):
        found[path] = hashlib.sha256(open(path, "rb").read()).hexdigest()
print(json.dumps(found))
`;

describe.runIf(needs("runc", "root"))("bytecode", () => {
  let server: FaultyServer;
  let place: Workplace;
  let project: string;
  let locked: readonly PylockWheel[];

  beforeAll(async () => {
    await fetchPip();
    server = await startFaultyServer();
    place = await workplace();
    const files = [
      [wheelFilename(), demo, "demo", "1.0"],
      [pipWheel.filename, readFileSync(wheelPath(pipWheel)), "pip", pipWheel.version],
    ] as const;
    locked = files.map(([filename, bytes, name, version]) => {
      const url = server.serve(`/${filename}`, bytes);
      return { name, version, url, sha256: sha256Of(bytes), size: bytes.length };
    });
    project = place.project("app", { ...(await pylockFiles([])), "pylock.toml": pylockText(locked) });
    digestIn(await place.build(project, ["--bytecode", "-t", "with:1"]));
    digestIn(await place.build(project, ["--no-bytecode", "-t", "without:1"]));
  });
  afterAll(async () => {
    place?.[Symbol.dispose]();
    await server?.[Symbol.asyncDispose]();
  });

  /** Prints what a program prints in one of the images. */
  async function python(tag: string, ...args: readonly string[]): Promise<string> {
    const ran = await cambium(["run", "--image", tag, "python", ...args], { store: place.store });
    expect(ran.exitCode, ran.stderr).toBe(0);
    return ran.stdout;
  }

  function layersOf(tag: string): Promise<readonly { name: string; digest: string }[]> {
    return cambium(["inspect", tag, "--json"], { store: place.store }).then(
      ({ stdout }) => JSON.parse(stdout).images[0].layers,
    );
  }

  test("is what compileall of the same Python leaves, but for files above 16 MB", async () => {
    const compile = `
import os, subprocess, sys
mode = ["-q", "--invalidation-mode", "unchecked-hash"]
env = {**os.environ, "PYTHONHASHSEED": "0"}
subprocess.run([sys.executable, "-m", "compileall", *mode, "${SITE}"], env=env, stdout=subprocess.DEVNULL)
${LIST}`;
    const oracle = JSON.parse(await python("without:1", "-c", compile)) as Record<string, string>;
    const ours = JSON.parse(await python("with:1", "-c", LIST)) as Record<string, string>;
    const cached = (name: string) => `${SITE}/demo/__pycache__/${name}.cpython-313.pyc`;
    expect(Object.keys(ours).length).toBeGreaterThan(400);
    expect(UNCOMPILED.filter((name) => ours[cached(name)] !== undefined)).toEqual([]);
    delete oracle[cached("large")];
    expect(ours).toEqual(oracle);
  });

  test("of the standard library is what compileall of that Python leaves, and is read", async () => {
    const list = `
import hashlib, json, os
found = {}
for folder, _, names in os.walk("${LIBRARY}"):
    for path in (os.path.join(folder, name) for name in names if name.endswith(".pyc")):
        with open(path, "rb") as file: found[path] = hashlib.sha256(file.read()).hexdigest()
print(json.dumps(found))
`;
    const compile = `
import os, subprocess, sys
mode = ["-q", "-f", "--invalidation-mode", "unchecked-hash"]
env = {**os.environ, "PYTHONHASHSEED": "0"}
subprocess.run([sys.executable, "-m", "compileall", *mode, "${LIBRARY}"], env=env, stdout=subprocess.DEVNULL)
# What compileall has itself imported shares strings with the process, which shows in what marshal writes.
alone = """
import marshal, sys
from _imp import source_hash
from _frozen_importlib_external import MAGIC_NUMBER, _code_to_hash_pyc, cache_from_source
key = int.from_bytes(MAGIC_NUMBER, "little")
for path in sys.argv[1:]:
    source = open(path, "rb").read()
    code = compile(source, path, "exec", dont_inherit=True)
    open(cache_from_source(path), "wb").write(_code_to_hash_pyc(code, source_hash(key, source), False))
"""
own = [f"${LIBRARY}/{name}.py" for name in ("argparse", "functools")]
subprocess.run([sys.executable, "-S", "-c", alone, *own], env=env, check=True)
${list}`;
    expect(JSON.parse(await python("without:1", "-B", "-c", list))).toEqual({});
    const oracle = JSON.parse(await python("without:1", "-c", compile)) as Record<string, string>;
    const ours = JSON.parse(await python("with:1", "-B", "-c", list)) as Record<string, string>;
    expect(Object.keys(ours).length).toBeGreaterThan(500);
    const differing = Object.keys(ours).filter((path) => ours[path] !== oracle[path]);
    expect(differing).toEqual([]);
    const unused = /^(test|pydoc_data)\/|^(_sysconfigdata_|sitecustomize)/;
    const others = Object.keys(oracle)
      .filter((path) => ours[path] === undefined)
      .map((path) => path.slice(LIBRARY.length + 1).replace("__pycache__/", ""));
    expect(others.filter((path) => !unused.test(path))).toEqual([]);
    const program = `
import json, ssl, asyncio, email, http.client, unittest, logging.config
import os, sys
from importlib.machinery import SourceFileLoader
specs = [it.__spec__ for it in list(sys.modules.values()) if getattr(it, "__spec__", None) is not None]
read = [it for it in specs if isinstance(it.loader, SourceFileLoader)]
print(len(read) > 100, [it.name for it in read if not os.path.exists(it.cached)])
`;
    // Debian's is a link to a file of /etc.
    expect(await python("with:1", "-B", "-c", program)).toBe("True ['sitecustomize']\n");
    const ran = await cambium(
      ["run", "--image", "with:1", "python", "-B", "-v", "-c", "import json.decoder, ssl"],
      { store: place.store },
    );
    expect(ran.stderr).toContain(
      `${LIBRARY}/json/__pycache__/decoder.cpython-313.pyc matches ${LIBRARY}/json/decoder.py`,
    );
    const compiled = Array.from(ran.stderr.matchAll(/^# code object from (\S+\.py)$/gm), ([, path]) => path);
    expect(compiled).toEqual([`${LIBRARY}/sitecustomize.py`]);
    expect(await python("with:1", "-I", "-S", "-c", "pass")).toBe("");
  });

  test("is read in place of the sources, whatever their times say, and names them as tracebacks do", async () => {
    const program = `
import importlib.util, os, sys, traceback
values = importlib.util.find_spec("demo.values")
os.utime(values.origin)
open(values.origin, "w").write("ANSWER = 'of another source'\\n")
import demo.values, demo.latin, demo.shipped
from demo.deep.er import fail
print(sys.flags.optimize, demo.values.ANSWER, demo.latin.POUND, demo.shipped.ANSWER)
print(values.cached == demo.values.__spec__.cached, demo.values.__file__, fail.__code__.co_filename)
try:
    fail()
except ValueError:
    print(traceback.format_exc().splitlines()[-3:])
`;
    expect((await python("with:1", "-c", program)).split("\n")).toEqual([
      "0 42 £ 43",
      `True ${SITE}/demo/values.py ${SITE}/demo/deep/er.py`,
      expect.stringContaining(`${SITE}/demo/deep/er.py", line 2, in fail`),
      "",
    ]);
  });

  test("leaves with its package: pip uninstall forgets no file", async () => {
    const program = `
import os, subprocess, sys
subprocess.run([sys.executable, "-m", "pip", "uninstall", "-q", "-y", "--root-user-action=ignore", "demo"], check=True)
print([name for name in os.listdir("${SITE}") if name.startswith("demo")], os.path.exists("${SITE}/pip"))
subprocess.run([sys.executable, "-m", "pip", "uninstall", "-q", "-y", "--root-user-action=ignore", "pip"], check=True)
print(os.listdir("${SITE}"))
`;
    expect(await python("with:1", "-c", program)).toBe("[] True\n[]\n");
  });

  test("stands in layers of its own: the others are those of the image without", async () => {
    const [with_, without] = [await layersOf("with:1"), await layersOf("without:1")];
    const digests = new Set(without.map(({ digest }) => digest));
    const own = with_.filter(({ digest }) => !digests.has(digest));
    expect(with_.length - own.length).toBe(without.length);
    expect(own.map(({ name }) => name)).toEqual(["bytecode python3.13", "bytecode pip", "bytecode demo"]);
  });

  test("is the same from an empty store, on one core, and when everything is computed again", async () => {
    const wanted = digestIn(await place.build(project, ["--bytecode"]));
    expect(digestIn(await place.build(project, ["--bytecode", "--no-cache"]))).toBe(wanted);
    using other = await workplace({ isForgetful: true });
    const flags = ["--bytecode", "--jobs", "1"];
    const wrapper = ["taskset", "-c", "0"];
    const env = { PYTHONHASHSEED: "7", PYTHONOPTIMIZE: "2", LANG: "de_DE.UTF-8", TZ: "Asia/Tokyo" };
    expect(digestIn(await other.build(project, flags, { wrapper, env }))).toBe(wanted);
  });

  test("is known to plan, and a project may ask for it or a flag forbid it", async () => {
    const { "cambium.yaml": yaml = "", ...rest } = await pylockFiles(locked);
    const asking = yaml.replace("python: pylock.toml", "python: { pylock: pylock.toml, bytecode: true }");
    expect(asking).not.toBe(yaml);
    const asks = place.project("asks", { ...rest, "cambium.yaml": asking });
    const built = digestIn(await place.build(asks));
    expect(built).toBe(digestIn(await place.build(project, ["--bytecode"])));
    expect(digestIn(await place.build(asks, ["--no-bytecode"]))).toBe(digestIn(await place.build(project)));
    const { stdout } = await cambium(["plan", asks, "--json"], { store: place.store });
    const { layers } = JSON.parse(stdout).images[0] as { layers: { name: string; isReused: boolean }[] };
    const of = layers.filter(({ name }) => name.startsWith("bytecode "));
    expect(of).toMatchObject([
      { name: "bytecode python3.13", isReused: true, packages: [], grouping: "library" },
      { name: "bytecode pip", isReused: true, packages: [] },
      { name: "bytecode demo", isReused: true, packages: [] },
    ]);
  });

  test("serves both architectures: compiled once, in the same layers", async () => {
    const flags = [
      "--bytecode",
      "--platform",
      "linux/amd64,linux/arm64",
      "--progress",
      "json",
      "-t",
      "both:1",
    ];
    const ran = await place.build(project, flags);
    digestIn(ran);
    expect(ran.stderr).not.toMatch(/"type":"(transcode-started","id":"[0-9a-f]+","name":"bytecode|notice)/);
    const inspected = await cambium(["inspect", "both:1", "--json"], { store: place.store });
    const { images } = JSON.parse(inspected.stdout) as {
      images: readonly { platform: string; layers: readonly { digest: string }[] }[];
    };
    expect(images.map(({ platform }) => platform).sort()).toEqual(["linux/amd64", "linux/arm64"]);
    const bytecode = (await layersOf("with:1")).filter(({ name }) => name.startsWith("bytecode "));
    for (const { layers } of images) {
      const digests = layers.map(({ digest }) => digest);
      expect(digests).toEqual(expect.arrayContaining(bytecode.map(({ digest }) => digest)));
    }
  });

  test("of a source that other files replace is left out", async () => {
    const files = await pylockFiles(locked);
    const yaml = `${files["cambium.yaml"]?.replace("copy: app.py", "copy: [app.py, 'values.py:/opt/venv/lib/python3.13/site-packages/demo/values.py', 'values.py:/usr/lib/python3.13/colorsys.py']")}`;
    const values = "ANSWER = 'mine'\n";
    const changed = place.project("changed", { ...files, "cambium.yaml": yaml, "values.py": values });
    digestIn(await place.build(changed, ["--bytecode", "-t", "changed:1"]));
    const program =
      "import colorsys, demo.values, demo.shipped; print(demo.values.ANSWER, demo.shipped.ANSWER, colorsys.ANSWER)";
    expect(await python("changed:1", "-c", program)).toBe("mine 43 mine\n");
    const cached = `import os; print(sorted(os.listdir("${LIBRARY}/__pycache__"))[:2], os.path.exists("${LIBRARY}/__pycache__/colorsys.cpython-313.pyc"))`;
    expect(await python("changed:1", "-B", "-c", cached)).toBe(
      "['__future__.cpython-313.pyc', '__hello__.cpython-313.pyc'] False\n",
    );
  });

  test("of a module that a step replaces is deleted right above it, and of no other", async () => {
    const files = await pylockFiles(locked);
    // The base has no shell.
    const running = (...lines: readonly string[]) =>
      `  - run: { shell: [python, -B, -c], command: ${JSON.stringify(lines.join("\n"))} }\n`;
    const edit = [
      "import os, pathlib",
      `site = pathlib.Path("${SITE}/demo")`,
      '(site / "values.py").write_text((site / "values.py").read_text().replace("42", "43"))',
      'os.chmod(site / "deep/er.py", 0o755)',
      'os.utime(site / "warns.py")',
      `pathlib.Path("${LIBRARY}/colorsys.py").write_text("ANSWER = 44\\n")`,
    ];
    const look = [
      "import colorsys, demo.values, demo.latin, demo.shipped as s",
      'open("/seen", "w").write(f"{demo.values.ANSWER} {demo.latin.POUND} {s.ANSWER} {colorsys.ANSWER}")',
    ];
    const steps = `steps:\n${running(...edit)}  - copy: latin.py:${SITE}/demo/latin.py\n${running(...look)}`;
    const asking = "python: { pylock: pylock.toml, bytecode: true }";
    const yaml = `${files["cambium.yaml"]}`
      .replace("python: pylock.toml", asking)
      .replace("copy: app.py\n", steps);
    const edited = place.project("edited", {
      ...files,
      "cambium.yaml": yaml,
      "latin.py": "POUND = 'mine'\n",
    });
    const digest = digestIn(await place.build(edited, ["-t", "edited:1"]));
    const list = `import os; print(open("/seen").read(), sorted(os.listdir("${SITE}/demo/__pycache__")), os.listdir("${SITE}/demo/deep/__pycache__"), [os.path.exists(f"${LIBRARY}/__pycache__/{it}.cpython-313.pyc") for it in ("colorsys", "copy")])`;
    expect(await python("edited:1", "-c", list)).toBe(
      "43 mine 43 44 ['__init__.cpython-313.pyc', 'shipped.cpython-313.pyc', 'warns.cpython-313.pyc'] ['er.cpython-313.pyc'] [False, True]\n",
    );
    expect(digestIn(await place.build(edited))).toBe(digest);
    // What is deleted is in the keys of the steps above, for a plan as for a build.
    const { stdout } = await cambium(["plan", edited, "--json"], { store: place.store });
    const { stages } = (JSON.parse(stdout) as PlanResult).images[0]!;
    expect(stages?.[0]?.steps.map(({ state }) => state)).toEqual(["hit", "hit", "hit"]);
  });

  test("of another standard library than the image's is left out, that of the packages is not", async () => {
    const module = join(unpackedPython(place.store).root, LIBRARY, "colorsys.py");
    const before = readFileSync(module);
    writeFileSync(module, "ANSWER = 'of another library'\n");
    try {
      const ran = await place.build(project, ["--bytecode", "--no-cache", "--progress", "json"]);
      digestIn(ran);
      const message =
        "bytecode is left out: the Python that was unpacked has another usr/lib/python3.13/colorsys.py than the image";
      expect(ran.stderr).toContain(message);
      expect(ran.stderr).toContain('"name":"bytecode demo"');
      expect(ran.stderr).not.toContain('"name":"bytecode python3.13"');
    } finally {
      writeFileSync(module, before);
    }
  });

  test("a source that takes too much time or memory has none, and the next one has", async () => {
    const program = unpackedPython(place.store);
    // Each level of finally is compiled twice.
    const levels = 18;
    const doubled = Array.from(
      { length: levels },
      (_, i) => `${" ".repeat(i)}try: a()\n${" ".repeat(i)}finally:`,
    );
    const sources = {
      first: "A = 1\n",
      slow: `${doubled.join("\n")}\n${" ".repeat(levels)}b()\n`,
      wide: `A = [${"a,".repeat(2_000_000)}]\n`,
      last: "A = 1\n",
    };
    const files = Object.entries(sources).map(([name, text]) => ({
      path: `/${name}.py`,
      read: () => Buffer.from(text),
    }));
    const found: boolean[] = [];
    for await (const content of compilePython(program, files, { cpuSeconds: 2, memoryKib: 200_000 }))
      found.push(content !== undefined);
    expect(found).toEqual([true, false, false, true]);
  });
});

/** The interpreter that the build has unpacked, as it starts it. */
function unpackedPython(store: string): PythonProgram {
  const name = readdirSync(join(store, "tools")).find((it) => it.startsWith("bytecode-3.13-")) ?? "none";
  const argv = interpreterArgv("", "3.13", machinePlatform().architecture);
  return { root: join(store, "tools", name), argv, isConfined: true };
}

describe.runIf(needs("docker-registry", "runc", "root"))("bytecode on bases of a registry", () => {
  let world: BaseWorld;
  let project: string;
  let first: string;

  beforeAll(async () => {
    world = await startBaseWorld([moduleWheel("light"), moduleWheel("added")]);
    const { layers } = await world.debian();
    first = await world.pushBase("debian:1", layers);
    project = world.project("app", {
      "requirements.txt": "light==1.0\n",
      "app.py": "import light; print(light.name, light.__spec__.cached)\n",
    });
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const compiledIn = ({ transcoded }: Built) => transcoded.filter((name) => name.startsWith("bytecode"));
  const digestsOf = ({ layers }: Built) =>
    layers.filter(({ name }) => name.startsWith("bytecode")).map(({ digest }) => digest);

  test("is made by the image's own Python, once for every base with that Python, and comes with the record", async () => {
    const machine = world.machine("one");
    const tag = `${world.registry.address}/app:1`;
    const built = await machine.build(project, "--bytecode", "--base", first, "-t", tag, "--push");
    expect(compiledIn(built).sort()).toEqual(["bytecode of Python 3.13.5", "bytecode of light 1.0"]);
    const names = built.layers.map(({ name }) => name).filter((name) => name.startsWith("bytecode"));
    expect(names).toEqual(["bytecode python3.13", "bytecode light"]);
    const ran = await machine.run(["run", "--image", tag, "python", "-c", "import light; print(light.name)"]);
    expect(ran.stdout, ran.stderr).toBe("light\n");

    const { layers } = await world.debian();
    const second = await world.pushBase("theirs:2", [
      ...layers,
      layerOf({ path: "srv/theirs", file: "theirs\n" }),
    ]);
    const moved = await machine.build(project, "--bytecode", "--base", second);
    expect(compiledIn(moved)).toEqual([]);
    expect(digestsOf(moved)).toEqual(digestsOf(built));

    await world.forget();
    const fresh = await world
      .machine("fresh")
      .build(project, "--bytecode", "--base", second, "--cache-from", tag);
    expect(fresh).toMatchObject({ digest: moved.digest, transcoded: [] });
    expect(world.wheelRequests()).toEqual([]);
    expect((await world.blobTraffic("debian")).read).toEqual([]);
  });

  test("is the same as on the computed Debian of that version", async () => {
    using place = await workplace();
    const file = moduleWheel("light");
    const url = `${world.index.url.replace(/\/simple\/$/, "")}/files/${file.filename}`;
    const lock = {
      name: "light",
      version: "1.0",
      url,
      sha256: sha256Of(file.bytes),
      size: file.bytes.length,
    };
    const computed = place.project("app", await pylockFiles([lock]));
    const ran = await place.build(computed, [
      "--bytecode",
      "--platform",
      "linux/amd64",
      "--progress",
      "json",
    ]);
    digestIn(ran);
    const onBase = await world.machine("base").build(project, "--bytecode", "--base", first);
    expect(digestsOf(onBase)).toHaveLength(2);
    for (const digest of digestsOf(onBase)) expect(ran.stderr).toContain(digest);
  });

  test("where no Python of the base runs, the image has none, a line says why, and it is not taken for whole", async () => {
    const { layers } = await world.debian();
    const broken = layerOf({
      path: "usr/lib/python3.13/encodings/__init__.py",
      file: "raise SystemExit(3)\n",
    });
    const base = await world.pushBase("broken:1", [...layers, broken]);
    const machine = world.machine("broken");
    const built = await machine.build(project, "--bytecode", "--base", base);
    expect(digestsOf(built)).toEqual([]);
    const notices = built.events
      .filter(({ type }) => type === "notice")
      .map(({ message }) => String(message));
    expect(notices.filter((text) => text.startsWith("bytecode is left out: no Python 3.13."))).toHaveLength(
      1,
    );
    expect(built.digest).toBe((await machine.build(project, "--no-bytecode", "--base", base)).digest);
    const again = await machine.build(project, "--bytecode", "--base", base);
    expect(again.events.filter(({ type }) => type === "notice")).toHaveLength(notices.length);
  });
});
