import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openImageTar } from "../../src/image/sources/tar.ts";
import { validateImage } from "../../src/image/validate.ts";
import { copyOfBaseStore } from "../support/base-store.ts";
import { startTestEngine } from "../support/engine-api.ts";
import { digestIn, pylockFiles, workplace } from "../support/project.ts";
import { expectFailure, type Reference, startReference } from "../support/reference.ts";

const isRoot = process.getuid?.() === 0;
const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

let reference: Reference;
beforeAll(async () => {
  reference = await startReference();
});
afterAll(async () => {
  await reference[Symbol.asyncDispose]();
});

test.for([
  ["oci", "image"],
  ["oci", "image.tar"],
  ["docker", "image.tar"],
  ["tar", "root.tar"],
  ["rootfs", "root"],
] as const)("type=%s, dest=%s below a file: named, with the way out", async ([type, name]) => {
  using place = await workplace();
  const project = place.project("app", await pylockFiles([]));
  writeFileSync(place.at("file"), "precious");
  const dest = place.at("file", name);
  expectFailure(await place.build(project, ["-o", `type=${type},dest=${dest}`]), {
    exitCode: 3,
    code: "OUTPUT_UNWRITABLE",
    quotes: [dest],
    hint: /^hint: Choose a dest in a folder that exists and that you can write\./m,
  });
  await reference.expectUnharmed(place);
});

test.skipIf(!isRoot)("an output that the user may not write: named, and nothing of it left", async () => {
  using place = await workplace();
  const project = place.project("app", await pylockFiles([]));
  const store = await copyOfBaseStore(place.at("own", "store"));
  chmodSync(place.path, 0o755);
  execFileSync("chown", ["-R", "65534:65534", place.at("own")]);
  mkdirSync(place.at("closed"));
  chmodSync(place.at("closed"), 0o755);
  for (const [type, name] of [
    ["oci", "image"],
    ["docker", "image.tar"],
  ]) {
    const dest = place.at("closed", name ?? "");
    const ran = await place.build(project, ["-o", `type=${type},dest=${dest}`], { store, wrapper: nobody });
    expectFailure(ran, {
      exitCode: 3,
      code: "OUTPUT_UNWRITABLE",
      quotes: [dest],
      hint: /^hint: Choose a dest/m,
    });
  }
  expect(readdirSync(place.at("closed"))).toEqual([]);
});

test("a store below a file: named, with CAMBIUM_ROOT as the way out", async () => {
  using place = await workplace();
  const project = place.project("app", await pylockFiles([]));
  writeFileSync(place.at("file"), "");
  expectFailure(await place.build(project, [], { store: place.at("file", "store") }), {
    exitCode: 3,
    code: "STORE_UNWRITABLE",
    quotes: [place.at("file", "store")],
    hint: /^hint: .*CAMBIUM_ROOT/m,
  });
});

test.skipIf(!isRoot)("a store of another user: named, and not changed", async () => {
  using place = await workplace();
  const project = place.project("app", await pylockFiles([]));
  chmodSync(place.path, 0o755);
  expectFailure(await place.build(project, [], { wrapper: nobody, env: { HOME: "/nonexistent" } }), {
    exitCode: 3,
    code: "STORE_UNWRITABLE",
    quotes: [place.store],
    hint: /^hint: .*CAMBIUM_ROOT/m,
  });
  await reference.expectUnharmed(place);
});

test("a folder with files of somebody is not overwritten by a root filesystem", async () => {
  using place = await workplace();
  const project = place.project("app", await pylockFiles([]));
  mkdirSync(place.at("full"));
  writeFileSync(place.at("full", "thesis.txt"), "precious");
  expectFailure(await place.build(project, ["-o", `type=rootfs,dest=${place.at("full")}`]), {
    exitCode: 2,
    code: "OUTPUT_EXISTS",
    quotes: [place.at("full")],
    hint: /^hint: \S/m,
  });
  expect(readdirSync(place.at("full"))).toEqual(["thesis.txt"]);
  await reference.expectUnharmed(place);
});

test("--load streams the image that was built, and fails where no engine is", async () => {
  using place = await workplace();
  const project = place.project("app", await pylockFiles([]));
  const nowhere = `unix://${place.at("none.sock")}`;
  const args = ["-t", "registry.example/app:1", "--load=docker"];
  expectFailure(await place.build(project, args, { env: { DOCKER_HOST: nowhere } }), {
    exitCode: 3,
    code: "LOAD_NO_ENGINE",
    quotes: [place.at("none.sock")],
    hint: /^hint: .*-o type=docker,dest=FILE/m,
  });
  await using engine = await startTestEngine(place.at("d.sock"));
  const ran = await place.build(project, args, { env: { DOCKER_HOST: `unix://${place.at("d.sock")}` } });
  const digest = digestIn(ran);
  const [tar] = engine.loaded;
  writeFileSync(place.at("loaded.tar"), tar ?? "");
  const source = await openImageTar(place.at("loaded.tar"), "1");
  expect(source.root.digest).toBe(digest);
  expect((await validateImage(source)).problems).toEqual([]);
  await source.close();
  expect(ran.stderr).toContain("docker registry.example/app:1 (load)");
});
