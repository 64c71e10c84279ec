import { randomBytes } from "node:crypto";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cambium } from "../support/command.ts";
import { digestIn } from "../support/project.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const MEGABYTE = 1 << 20;

test("a COPY of which one file changed packs that file, and gives the image of a fresh store", async () => {
  using folder = temporaryFolder();
  using project = temporaryFolder();
  const write = (name: string) => writeFileSync(project.at(name), randomBytes(MEGABYTE));
  for (const name of ["a", "b", "c", "d"]) write(name);
  writeFileSync(project.at("Dockerfile"), "FROM scratch\nCOPY . /all\n");
  const build = async (store: string) => digestIn(await cambium(["build", project.path], { store }));
  const store = folder.at("store");
  const first = await build(store);
  const before = blobBytes(store);
  expect(before).toBeGreaterThan(4 * MEGABYTE);
  write("b");
  const second = await build(store);
  expect(second).not.toBe(first);
  expect(blobBytes(store) - before).toBeLessThan(1.5 * MEGABYTE);
  expect(await build(folder.at("fresh"))).toBe(second);
});

function blobBytes(store: string): number {
  const entries = readdirSync(join(store, "blobs-v1"), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
