import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** What a bench imports and reads before it runs. */
const PARTS = ["bench", "scripts", "src", "tests/support", "tests/tools", "package.json"];

test.runIf(needs("root"))(
  "in a fresh clone on a machine without any tool a bench says in one line what it needs",
  () => {
    using folder = temporaryFolder();
    const clone = folder.at("clone");
    mkdirSync(clone);
    for (const part of PARTS) cpSync(join(root, part), join(clone, part), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
    // No apt-get, no pip, no Go: nothing can be brought.
    const env = { PATH: folder.at("nothing"), HOME: folder.path };
    const ran = spawnSync(process.execPath, ["bench/run.ts", "registry-s"], {
      cwd: clone,
      env,
      encoding: "utf8",
    });
    expect(ran.stderr).toMatch(
      /^not here, and needed: .*skopeo \(as root: apt-get install skopeo\).*uv \(no pip: [^)]*\)\n$/,
    );
    expect(ran).toMatchObject({ status: 3, stdout: "" });
  },
);
