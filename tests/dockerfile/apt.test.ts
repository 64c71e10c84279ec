import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AptBase, filesNamingMirrors, pushAptBase, runInside } from "../support/apt-inside.ts";
import { copyOfBaseStore } from "../support/base-store.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, type Machine, startBaseWorld } from "../support/registry-bases.ts";
import "../support/in-memory.ts";

const STEPS = [
  `echo == before; dpkg-query -W -f '\${Package} \${Version}\\n'; echo == lines; dpkg -l | grep -c '^ii'`,
  "echo == verified; dpkg --verify; dpkg --audit; apt-get check -qq; dpkg -L bash >/dev/null",
  "apt-get update -o Acquire::Languages=none && apt-get install -y --no-install-recommends git && echo == git && git --version && rm /var/lib/apt/lists/*_*",
  "echo == after; dpkg --verify; dpkg --audit; apt-get check -qq; echo == listed; apt list --installed 2>/dev/null | grep -c installed",
  `apt-get remove -y git >/dev/null && echo == removed && dpkg-query -W -f '\${db:Status-Status}\\n' git && ! test -e /usr/bin/git`,
];

/** The other suite, and packages whose scripts do more, are in tests/soak. */
describe.runIf(needs("docker-registry", "runc", "root"))("in a computed base with apt", () => {
  let world: BaseWorld;
  let machine: Machine;
  let base: AptBase;

  beforeAll(async () => {
    world = await startBaseWorld([]);
    machine = world.machine("machine");
    await copyOfBaseStore(machine.store);
    base = await pushAptBase("trixie", world, machine);
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  test("apt-get install, remove and dpkg --verify work, and the image names no mirror", async () => {
    const { said, root } = await runInside(base, "git", STEPS, world, machine);
    expect(said.get("before")?.toSorted()).toEqual(base.packages.toSorted());
    expect(said.get("lines")).toEqual([`${base.packages.length}`]);
    expect(said.get("verified")).toEqual([]);
    expect(said.get("git")?.[0]).toMatch(/^git version 2\./);
    expect(said.get("after")).toEqual([]);
    expect(Number(said.get("listed")?.[0])).toBeGreaterThan(base.packages.length + 5);
    expect(said.get("removed")).toEqual(["config-files"]);
    // What was lent left no trace, not even its mount points.
    for (const path of ["etc/apt/mirrors", "etc/apt/sources.list.d/lent.sources"])
      expect({ path, isThere: existsSync(`${root}/${path}`) }).toEqual({ path, isThere: false });
    expect(filesNamingMirrors(root)).toEqual([]);
  });

  test("the mirrors are in no key", async () => {
    const flags = ["--debian-mirror", "http://127.0.0.1:9/debian"];
    expect((await runInside(base, "git", STEPS, world, machine, flags)).known).toBe(STEPS.length);
  });

  test("a step without network is lent nothing, and an image with sources is left alone", async () => {
    const list = "ls /etc/apt/sources.list.d /etc/apt/mirrors";
    const steps = [
      `--network=none echo == none; ${list} 2>&1 || true`,
      `echo == lent; ${list}`,
      "echo 'deb file:/srv ./' > /etc/apt/sources.list.d/own.list",
      `echo == own; ls /etc/apt/sources.list.d`,
    ];
    const { said } = await runInside(base, "lent", steps, world, machine);
    expect(said.get("none")?.join("\n")).toMatch(/cannot access '\/etc\/apt\/mirrors'/);
    expect(said.get("none")?.join("\n")).not.toContain("lent.sources");
    expect(said.get("lent")).toEqual(
      expect.arrayContaining(["lent.sources", "debian.list", "debian-security.list"]),
    );
    expect(said.get("own")).toEqual(["own.list"]);
  });
});
