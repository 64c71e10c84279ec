import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDebianWorld } from "../dockerfile/debian-world.ts";
import type { RunOptions } from "../support/command.ts";
import { needs } from "../support/needs.ts";
import { type StepsWorld, startStepsWorld } from "./steps-world.ts";

/** A bundle that says a word, and that word in it. */
const saying = (word: string) => {
  const said = Buffer.from(word).toString("base64");
  return { said, pem: `-----BEGIN CERTIFICATE-----\n${said}\n-----END CERTIFICATE-----\n` };
};
const OF_PROJECT = saying("lent by the project");
const OTHER = saying("lent by another file");

const STEP = "echo found=$(sed -n 2p /etc/ssl/certs/ca-certificates.crt) >&2; echo made > /made";

describe.runIf(needs("docker-registry", "runc", "root"))("ca: in a project with commands", () => {
  let steps: StepsWorld;
  let project: string;
  let yaml: string;
  beforeAll(async () => {
    const { world, base } = await startDebianWorld();
    steps = await startStepsWorld(world);
    yaml = `from: ${base}\nca: certificates/all.pem\nrun: ${STEP}\n`;
    const files = { "cambium.yaml": yaml, "certificates/all.pem": OF_PROJECT.pem, "other.pem": OTHER.pem };
    project = steps.project("app", files);
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  const filesWith = (certificate: string, folder: string) =>
    execFileSync("sh", ["-c", `grep -rlF '${certificate}' '${folder}' || true`], { encoding: "utf8" });
  const build = (args: readonly string[] = [], env?: RunOptions["env"]) =>
    steps.run(["build", project, "--progress", "plain", "--platform", "linux/amd64", ...args], env);
  /** What the command said that it found; nothing where it did not run. */
  const foundIn = ({ stderr }: { readonly stderr: string }) => /found=(\w+=*)/.exec(stderr)?.[1];

  test("is what commands find, and is in no layer and no key", async () => {
    const first = await steps.build(project);
    expect(foundIn(first)).toBe(OF_PROJECT.said);
    for (const folder of [first.rootfs, steps.store]) expect(filesWith(OF_PROJECT.said, folder)).toBe("");

    const expectSame = async () => {
      const ran = await build();
      expect({ found: foundIn(ran), digest: ran.stdout.trim() }).toEqual({ digest: first.digest });
    };
    writeFileSync(join(project, "certificates/all.pem"), OTHER.pem);
    await expectSame();
    writeFileSync(join(project, "cambium.yaml"), yaml.replace("certificates/all.pem", "other.pem"));
    await expectSame();
    writeFileSync(join(project, "cambium.yaml"), yaml.replace(/^ca: .*\n/m, ""));
    await expectSame();
  });

  test("gives way to the flag and to the environment", async () => {
    writeFileSync(join(project, "cambium.yaml"), yaml);
    writeFileSync(join(project, "certificates/all.pem"), OF_PROJECT.pem);
    const other = join(project, "other.pem");
    expect(foundIn(await build(["--no-cache", "--ca-bundle", other]))).toBe(OTHER.said);
    expect(foundIn(await build(["--no-cache"], { CAMBIUM_CA_BUNDLE: other }))).toBe(OTHER.said);
    expect(foundIn(await build(["--no-cache"]))).toBe(OF_PROJECT.said);
  });

  test("is a file that is there", async () => {
    writeFileSync(join(project, "cambium.yaml"), yaml.replace("all.pem", "none.pem"));
    const ran = await build();
    expect(ran.stderr).toMatch(/error\[CA_BUNDLE_UNREADABLE\]: [^\n]*certificates\/none\.pem/);
    expect(ran.exitCode).toBe(2);
  });
});
