import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../support/needs.ts";
import type { BaseWorld, Machine } from "../support/registry-bases.ts";
import { type DebianWorld, startDebianWorld } from "./debian-world.ts";

const BUNDLE = "-----BEGIN CERTIFICATE-----\nbGVudC1ieS10aGUtaG9zdA==\n-----END CERTIFICATE-----\n";
const LENT = "bGVudC1ieS10aGUtaG9zdA==";
/** Finds it, and does not have it in itself. */
const PATTERN = LENT.replace("A", "[A]");

/** Of the output, not of the step's name. */
const LENT_LINE = /\| has been lent$/m;

describe.runIf(needs("docker-registry", "runc", "root"))("--ca-bundle", () => {
  let debian: DebianWorld;
  let world: BaseWorld;
  let machine: Machine;
  let project: string;

  beforeAll(async () => {
    debian = await startDebianWorld();
    ({ world, builder: machine } = debian);
    const step = `RUN wc -c < /etc/ssl/certs/ca-certificates.crt >&2 && if grep -q ${PATTERN} /etc/ssl/certs/ca-certificates.crt; then echo has been lent >&2; fi && echo made > /made`;
    project = world.project("app", {
      Dockerfile: `FROM ${debian.base}\n${step}\n`,
      "ca.pem": BUNDLE,
      empty: "",
    });
  });
  afterAll(async () => debian?.[Symbol.asyncDispose]());

  const build = (args: readonly string[], env = {}) =>
    machine.run(["build", project, "--progress", "plain", "--platform", "linux/amd64", ...args], { env });

  test("is what a step finds, and is in no layer and no key", async () => {
    const out = world.at("image");
    const lent = await build(["--ca-bundle", `${project}/ca.pem`, "-o", `type=rootfs,dest=${out}`]);
    expect(lent).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(LENT_LINE) });
    const found = execFileSync("sh", ["-c", `grep -rlF ${LENT} ${out} ${machine.store} || true`], {
      encoding: "utf8",
    });
    expect(found).toBe("");
    const without = await build([]);
    expect(without).toMatchObject({ exitCode: 0, stdout: lent.stdout });
    expect(without.stderr).toMatch(/known +0 2: RUN/);
    const again = await build(["--no-cache"]);
    expect(again).toMatchObject({ exitCode: 0, stderr: expect.not.stringMatching(LENT_LINE) });
  });

  test("comes from the environment too", async () => {
    const ran = await build(["--no-cache"], { CAMBIUM_CA_BUNDLE: `${project}/ca.pem` });
    expect(ran).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(LENT_LINE) });
  });

  test.for(["missing", "empty"])("that is %s is refused", async (name) => {
    const ran = await build(["--ca-bundle", `${project}/${name}`]);
    expect(ran.stderr).toMatch(/error\[CA_BUNDLE_UNREADABLE\]/);
    expect(ran.exitCode).toBe(2);
  });
});
