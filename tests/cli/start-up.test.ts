import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { runProcess } from "../../scripts/process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Prints the file of every module that is loaded, to a file that is named by the environment. */
const HOOK = `import { registerHooks } from "node:module";
import { appendFileSync } from "node:fs";
registerHooks({ load(url, context, next) {
  appendFileSync(process.env.LOADED_MODULES, url + "\\n");
  return next(url, context);
} });
`;

// A build that changes nothing is mostly start-up: zod alone takes 40 ms (docs/design/0006-start-up.md).
test("a command that needs none of them loads no schema, network, signature or YAML code", async () => {
  using folder = temporaryFolder();
  const loaded = folder.at("loaded");
  writeFileSync(folder.at("hook.mjs"), HOOK);
  writeFileSync(loaded, "");
  writeFileSync(folder.at("requirements.txt"), "");
  const entry = join(root, "src", "cli", "entry.ts");
  const { exitCode, stderr } = await runProcess(
    process.execPath,
    ["--import", folder.at("hook.mjs"), entry, "build", "--locked", folder.path],
    { env: { ...process.env, LOADED_MODULES: loaded, CAMBIUM_ROOT: folder.at("store") } },
  );
  // As far as the lock, which is not there: by then everything that every build loads is loaded.
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr: expect.stringContaining("error[LOCK_MISSING]"),
  });
  const packages = readFileSync(loaded, "utf8")
    .split("\n")
    .flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  expect([...new Set(packages)].sort()).toEqual(["commander", "fastest-levenshtein", "ignore", "smol-toml"]);
});
