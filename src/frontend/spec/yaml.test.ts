import { describe, expect, test } from "vitest";
import { CambiumError } from "../../errors.ts";
import { parseSpecYaml } from "./yaml.ts";

/** What a person sees. */
function errorOf(text: string): string {
  try {
    parseSpecYaml(text, "cambium.yaml");
  } catch (error) {
    if (!(error instanceof CambiumError)) throw error;
    expect(error.exitCode).toBe(2);
    return `error[${error.code}]: ${error.message}${error.hint === undefined ? "" : `\nhint: ${error.hint}`}`;
  }
  return "no error";
}

const definitionOf = (text: string) => parseSpecYaml(text, "cambium.yaml").definition;
const configOf = (text: string) => definitionOf(text).config;

test("a whole file", () => {
  const text = `
debian: { suite: bookworm, variant: distroless, keep: [man] }
apt: [libgomp1, curl, curl]
python: { requirements: [requirements.txt, extra.txt], extras: [b, a] }
copy:
  - .:/app
  - { from: data/*.csv, to: data/, owner: app, chmod: 0640, exclude: ["*.tmp"] }
env: { LOG_LEVEL: info }
workdir: /app
user: app
entrypoint: [python, -m]
cmd: app --port 80
label: { z: 1, a: two }
expose: [8000, 53/udp]
volume: /data
stopSignal: SIGINT
platforms: [linux/amd64, linux/arm64]
tags: demo
`;
  expect(parseSpecYaml(text, "cambium.yaml")).toEqual({
    definition: {
      base: {
        kind: "debian",
        suite: "bookworm",
        variant: "distroless",
        keep: ["man"],
        packages: ["curl", "libgomp1"],
      },
      python: {
        source: { kind: "requirements", paths: ["requirements.txt", "extra.txt"] },
        extras: ["a", "b"],
        groups: [],
      },
      files: [
        { op: "copy", sources: ["."], destination: "/app/" },
        {
          op: "copy",
          sources: ["data/*.csv"],
          destination: "/app/data/",
          owner: "app",
          chmod: 0o640,
          exclude: ["*.tmp"],
        },
      ],
      users: [{ name: "app" }],
      config: {
        env: [["LOG_LEVEL", "info"]],
        workdir: "/app",
        user: "app",
        entrypoint: ["python", "-m"],
        cmd: ["app", "--port", "80"],
        labels: { a: "two", z: "1" },
        exposedPorts: ["53/udp", "8000/tcp"],
        volumes: ["/data"],
        stopSignal: "SIGINT",
      },
    },
    settings: {
      platforms: [
        { os: "linux", architecture: "amd64" },
        { os: "linux", architecture: "arm64" },
      ],
      tags: ["demo"],
      isBaseSet: true,
      gitignore: false,
    },
  });
});

describe("short forms", () => {
  test.for([
    ["requirements.txt", { kind: "requirements", paths: ["requirements.txt"] }],
    ["deps/prod.in", { kind: "requirements", paths: ["deps/prod.in"] }],
    ["pylock.toml", { kind: "pylock", path: "pylock.toml" }],
    ["pylock.prod.toml", { kind: "pylock", path: "pylock.prod.toml" }],
    ["sub/uv.lock", { kind: "uv-lock", path: "sub/uv.lock" }],
    ["poetry.lock", { kind: "poetry-lock", path: "poetry.lock" }],
    ["cambium.lock", { kind: "cambium-lock", path: "cambium.lock" }],
    ["pyproject.toml", { kind: "pyproject", path: "pyproject.toml" }],
    ["tool.py", { kind: "script", path: "tool.py" }],
  ] as const)("python: %s", ([name, source]) => {
    expect(definitionOf(`python: ${name}`).python?.source).toEqual(source);
  });

  test.for([
    [".", "/app/"],
    ["src:/srv/x", "/srv/x"],
    ["a:b", "/app/"],
    ["{from: a, to: .}", "/app/"],
    ["{from: a, to: ./x}", "/app/x"],
    ["{from: a, to: x/}", "/app/x/"],
    ["{from: a, to: /x}", "/x"],
    ["{from: a, to: /app}", "/app/"],
  ] as const)("copy: %s goes to %s", ([copy, destination]) => {
    expect(
      definitionOf(`workdir: /app\ncopy: ${copy.startsWith("{") ? copy : `"${copy}"`}`).files,
    ).toMatchObject([{ destination }]);
  });

  test("an empty file is the base alone, without a workdir of its own", () => {
    expect(definitionOf("# nothing\n")).toMatchObject({ base: { suite: "trixie" }, files: [] });
    expect(configOf("")).not.toHaveProperty("workdir");
  });
});

describe("values are taken as written where another reading would surprise", () => {
  test("in env and label", () => {
    const { env, labels } = configOf('env: { A: 1.10, B: 0755, C: true, D: 1e3, E: "x" }\nlabel: { v: 1.0 }');
    expect(Object.fromEntries(env)).toMatchObject({ A: "1.10", B: "0755", C: "true", D: "1e3", E: "x" });
    expect(labels).toEqual({ v: "1.0" });
  });

  test("a mode of 0644 is octal, though YAML 1.2 reads 644", () => {
    for (const chmod of ["0644", "644", "'0644'", "0o644"]) {
      expect(definitionOf(`copy: {from: ., chmod: ${chmod}}`).files).toMatchObject([{ chmod: 0o644 }]);
    }
  });
});

describe("users", () => {
  test("a name alone is made; Debian's own, numbers and declared ones are not", () => {
    expect(definitionOf("user: app").users).toEqual([{ name: "app" }]);
    expect(definitionOf("user: app:www-data").users).toEqual([{ name: "app" }]);
    for (const user of ["root", "www-data", "nobody:nogroup", "1000", "1000:1000"]) {
      expect(definitionOf(`user: ${user}`).users).toEqual([]);
    }
    expect(definitionOf("user: app\nusers: [{name: app, uid: 7, shell: /bin/sh}]").users).toEqual([
      { name: "app", uid: 7, shell: "/bin/sh" },
    ]);
  });
});

describe("mistakes are shown where they are", () => {
  test("a misspelt key", () => {
    expect(errorOf("debian: bookworm\npyhton: requirements.txt\n")).toMatchInlineSnapshot(`
      "error[SPEC_UNKNOWN_KEY]: cambium.yaml:2:1: unknown key "pyhton"
      hint: Did you mean "python"?"
    `);
  });

  test("a misspelt key inside", () => {
    expect(errorOf("python:\n  requirement: a.txt\n  extras: [x]\n")).toMatchInlineSnapshot(`
      "error[SPEC_UNKNOWN_KEY]: cambium.yaml:2:3: unknown key "requirement" in python
      hint: Did you mean "requirements"?"
    `);
    expect(errorOf("copy:\n  - from: .\n    too: /app\n")).toMatchInlineSnapshot(`
      "error[SPEC_UNKNOWN_KEY]: cambium.yaml:3:5: unknown key "too" in copy[0]
      hint: Did you mean "to"?"
    `);
  });

  test("a key that is far from all others lists them", () => {
    expect(errorOf("debian:\n  suite: trixie\n  flavour: x\n")).toMatchInlineSnapshot(`
      "error[SPEC_UNKNOWN_KEY]: cambium.yaml:3:3: unknown key "flavour" in debian
      hint: Known here: suite, variant, keep."
    `);
  });

  test("a key that other tools have says what to do here", () => {
    expect(errorOf("base: python:3.13\n")).toMatchInlineSnapshot(`
      "error[SPEC_UNKNOWN_KEY]: cambium.yaml:1:1: unknown key "base"
      hint: The base is \`debian: trixie\`, or \`from: IMAGE\` for one of a registry."
    `);
  });

  test.for([
    ["stages: { a: { base: debian } }\n", /unknown key "base" in stages\.a\nhint: The base is `debian:/],
    ["run: [{ command: ls, secrets: [a] }]\n", /in run\[0\]\nhint: A secret is a mount/],
    ["stages: { a: { run: { cmd: make } } }\n", /in stages\.a\.run\n[\s\S]*hint: .* is `command:`/],
    ["copy: { src: ., dest: /app }\n", /unknown key "src" in copy\n[\s\S]*hint: The paths are `from:`/],
    ["steps: [{ apt: [curl] }]\n", /in steps\[0\]\nhint: Packages stand below all steps/],
    [
      'run: { command: ls, mounts: ["type=cache"] }\n',
      /run\.mounts\[0\]: expected a mapping, .*\nhint: For example - \{"type":"cache","target":"\/root\/\.cache"\}/,
    ],
  ] as const)("%j says what is meant", ([text, says]) => {
    expect(errorOf(text)).toMatch(says);
  });

  test("a value that is none of the known", () => {
    expect(errorOf("debian: jessie\n")).toMatchInlineSnapshot(`
      "error[SPEC_INVALID]: cambium.yaml:1:9: debian: expected one of bookworm, trixie, got "jessie"
      hint: For example debian: "bookworm""
    `);
  });

  test("a value of the wrong type", () => {
    expect(errorOf("apt: libgomp1\nexpose: [80, {}]\n")).toMatchInlineSnapshot(`
      "error[SPEC_INVALID]: cambium.yaml:1:6: apt: expected a list, got "libgomp1"
      cambium.yaml:2:14: expose[1]: expected a number or text, got a mapping
      hint: For example apt: ["libgomp1","curl"]"
    `);
  });

  test("a variable without a value", () => {
    expect(errorOf("env:\n  TOKEN:\n")).toMatchInlineSnapshot(`
      "error[SPEC_INVALID]: cambium.yaml:2:3: env.TOKEN: expected text or a number or true or false, got nothing
      hint: For example env: {"LOG_LEVEL":"info"}"
    `);
  });

  test("a command that needs a shell", () => {
    expect(errorOf("cmd: python app.py && true\n")).toMatchInlineSnapshot(`
      "error[SPEC_INVALID]: cambium.yaml:1:6: cmd: "python app.py && true" has "&", which only a shell understands
      hint: Write a list, as in ["python", "app.py"], or ["sh", "-c", "..."] where a shell is meant."
    `);
  });

  test("no source, two sources", () => {
    expect(errorOf("python: {extras: [x]}\n")).toMatchInlineSnapshot(`
      "error[SPEC_INVALID]: cambium.yaml:1:9: python: expected exactly one source, got none
      hint: Name one of requirements, pylock, uv, poetry, pyproject, script, lock, packages."
    `);
    expect(errorOf("\npython: {uv: uv.lock, requirements: r.txt}\n")).toContain(
      "cambium.yaml:2:9: python: expected exactly one source, got requirements and uv-lock",
    );
  });

  test("a PATH that counts on expansion", () => {
    expect(errorOf("env:\n  PATH: /app/bin:$PATH\n")).toContain("$PATH is not expanded");
  });

  test.for([
    ["a: [", "SPEC_SYNTAX", "cambium.yaml:1:5: not valid YAML"],
    ["apt: []\napt: []\n", "SPEC_SYNTAX", "cambium.yaml:2:1: not valid YAML: Map keys must be unique"],
    ["apt: []\n---\napt: []\n", "SPEC_SYNTAX", "multiple documents"],
    ["apt: !!js/function 'x'\n", "SPEC_SYNTAX", "Unresolved tag"],
    ["env: &a {X: y}\nlabel: *a\n", "SPEC_SYNTAX", "cambium.yaml:2:8: aliases (*name) are not supported"],
    ["__proto__: {apt: [curl]}\n", "SPEC_UNKNOWN_KEY", "__proto__"],
    ["constructor: x\n", "SPEC_UNKNOWN_KEY", "constructor"],
    ["? [a]\n: b\n", "SPEC_SYNTAX", "a key must be plain text"],
    ["- a\n", "SPEC_INVALID", "expected a mapping, got a list"],
    ["just text", "SPEC_INVALID", "expected a mapping"],
    ["apt: [Curl]\n", "SPEC_INVALID", "apt[0]: expected a Debian package name"],
    ["apt: ['curl;rm']\n", "SPEC_INVALID", "apt[0]"],
    ["workdir: app\n", "SPEC_INVALID", "workdir: expected an absolute path"],
    ["env: {'A=B': c}\n", "SPEC_INVALID", "env"],
    ['env: {A: "a\\0b"}\n', "SPEC_INVALID", "NUL"],
    ["users: [{name: Root}]\n", "SPEC_INVALID", "users[0].name"],
    ["users: [{name: a}, {name: a}]\n", "SPEC_INVALID", "a stands twice"],
    ["platforms: [linux/s390x]\n", "SPEC_INVALID", "linux/amd64, linux/arm64"],
    ["debianMirror: ftp://mirror.example\n", "SPEC_INVALID", "debianMirror"],
    ["copy: {from: ., chmod: 9999}\n", "SPEC_INVALID", "copy.chmod"],
    ["expose: 70000\n", "SPEC_INVALID", "at most 65535"],
    [`apt: [${"x,".repeat(600_000)}x]`, "SPEC_SYNTAX", "larger than"],
  ] as const)("%#: %s", ([text, code, part]) => {
    const shown = errorOf(text);
    expect(shown).toContain(`error[${code}]`);
    expect(shown).toContain(part);
  });
});

test("places of caches, of the whole and of one stage", () => {
  const { settings } = parseSpecYaml(
    `
debian: bookworm
cache: { from: [./cache, registry.example/app:cache] }
copy: { from: /app, stage: build }
stages:
  build: { debian: bookworm, run: make, cache: { to: "./made,mounts=none" } }
`,
    "cambium.yaml",
  );
  const folder = (path: string) => ({ place: { kind: "folder", path } });
  expect(settings).toMatchObject({
    cacheFrom: [folder("./cache"), { place: { kind: "registry", reference: "registry.example/app:cache" } }],
    cacheTo: [{ ...folder("./made"), mounts: "none", mode: "max", stages: ["build"] }],
  });
  expect(errorOf("debian: bookworm\ncache: { from: type=s3 }")).toMatch(
    /^error\[CACHE_SYNTAX\]: cache: from: /,
  );
});
