import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { baseYaml, type PylockWheel, pylockText } from "../support/base-store.ts";
import { cambium } from "../support/command.ts";
import { type FaultyServer, startFaultyServer } from "../support/faulty-server.ts";
import { pylockFiles, sha256Of, type Workplace, workplace } from "../support/project.ts";
import { wheel, wheelFilename } from "../support/wheel.ts";
import { explainedBy, toldOf } from "./explained.ts";
import "../support/in-memory.ts";

describe("explain names the package behind a miss", () => {
  let server: FaultyServer;
  let place: Workplace;
  let project: string;
  let count = 0;

  beforeAll(async () => {
    server = await startFaultyServer();
    place = await workplace();
    project = place.project("app", await pylockFiles([]));
  });
  afterAll(async () => {
    place?.[Symbol.dispose]();
    await server?.[Symbol.asyncDispose]();
  });

  /** A wheel of this version; `text` makes another archive of it. */
  function locked(name: string, version: string, text = ""): PylockWheel {
    const bytes = wheel({ [`${name}.py`]: text }, { name, version });
    const url = server.serve(`/${count++}/${wheelFilename({ name, version })}`, bytes);
    return { name, version, url, sha256: sha256Of(bytes), size: bytes.length };
  }

  const lock = (...wheels: readonly PylockWheel[]) =>
    writeFileSync(join(project, "pylock.toml"), pylockText(wheels));
  const spec = (lines: string) =>
    writeFileSync(join(project, "cambium.yaml"), `${baseYaml}python: pylock.toml\ncopy: app.py\n${lines}`);

  /** Builds, and says how the packages went. */
  async function told(
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const ran = await place.build(project, args, { env });
    expect(ran.exitCode, ran.stderr).toBe(0);
    return toldOf(
      explainedBy(await cambium(["explain", "--json"], { store: place.store, cwd: project })),
      "packages",
    );
  }

  async function planned(): Promise<string> {
    return (await cambium(["plan", project], { store: place.store })).stdout;
  }

  test("or the file, the setting, the flag", async () => {
    const one = locked("one", "1.0");
    lock(one);
    expect(await told()).toBe("miss: never built before");
    expect(await told()).toBe("hit");
    lock(locked("one", "1.1"));
    expect(await planned()).toContain("  not known as a whole: one 1.0 → 1.1\n");
    expect(await told()).toBe("miss: one 1.0 → 1.1");
    expect(await planned()).not.toContain("not known");
    lock(locked("one", "1.1", "other = 1\n"));
    expect(await told()).toBe("miss: one 1.1: another archive of the same version");
    lock(one, locked("two", "2.0"));
    expect(await told()).toBe("miss: one 1.1 → 1.0, and 1 more");
    lock(one);
    expect(await told()).toBe("hit");
    lock(one, locked("three", "3.0"));
    expect(await told()).toBe("miss: package three 3.0 is new");
    lock();
    expect(await told()).toBe("miss: package one 1.0 is gone, and 1 more");
    expect(await told(["--bytecode"])).toBe("miss: bytecode changed: false → true");
    writeFileSync(join(project, "app.py"), "print('other')\n");
    expect(await told(["--bytecode"])).toBe("miss: /app/app.py changed");
    spec("cmd: [python, -u, app.py]\n");
    expect(await told(["--bytecode"])).toMatch(/^miss: setting config\.cmd\.1 changed: app\.py → -u/);
    spec("cmd: [python, -u, app.py]\nenv: { MODE: debug }\n");
    expect(await told(["--bytecode"])).toMatch(/^miss: setting config\.env/);
    expect(await told(["--bytecode"], { SOURCE_DATE_EPOCH: "1700000000" })).toMatch(
      /^miss: (\/app\/app\.py changed|SOURCE_DATE_EPOCH changed: 1980-01-02T00:00:00Z → 2023-11-14T22:13:20Z)/,
    );
    expect(await told(["--bytecode", "--no-cache"])).toBe("miss: --no-cache");
  });
});
