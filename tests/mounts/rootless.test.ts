import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { needs } from "../support/needs.ts";
import { asStranger, STRANGER, strangersHome } from "../support/stranger.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { EVERYTHING, exactTree, mountPlace, USE } from "./mount-place.ts";

const script = fileURLToPath(new URL("../support/mount-in-process.ts", import.meta.url));

describe.runIf(needs("runc", "root", "newuidmap", "setpriv", "unshare", "mount"))("as a plain user", () => {
  test("a mount of root's is restored, written and snapshotted as root would: ids, modes, times, closed folders", async () => {
    using folder = temporaryFolder();
    using home = strangersHome();
    using here = mountPlace(folder.at("here"));
    const root = await here.write(EVERYTHING);
    const [name] = here.mounts.list().map((mount) => mount.name);
    const from = home.at("from");
    await here.publish((await here.snapshot(name!)).snapshot, from);
    const to = home.at("to");
    mkdirSync(to);
    execFileSync("chown", ["-R", `${STRANGER}:${STRANGER}`, from, to]);
    const [program, ...args] = [...asStranger(home), process.execPath, script, home.at("store"), from, to];
    const ran = spawnSync(program!, args, { encoding: "utf8", cwd: "/" });
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toBe(`${USE.id} changes 2 undefined\n`);
    await here.write("echo mine > closed/mine; chown 7 closed/mine");
    using there = mountPlace(folder.at("there"));
    const [wanted, found] = [exactTree(root), exactTree(await there.restore(to))];
    // Both wrote their file, and with it the folder's time, at a time of its own.
    const timeless = (lines: readonly string[]) =>
      lines.map((line) => (line.includes("closed") ? line.replace(/"\d{16,}"/, "") : line));
    expect(timeless(found)).toEqual(timeless(wanted));
  });
});
