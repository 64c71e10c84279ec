import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { findUv, UV_VERSION } from "../../src/ecosystems/python/uv/uv-tool.ts";
import { openStore } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("without uv on PATH pip brings the pinned one, once for all who ask", async () => {
  using folder = temporaryFolder();
  const store = openStore(folder.at("store"));
  let fetches = 0;
  const find = () =>
    findUv({
      // The host's pip with its own configuration; its uv, if there is one, is elsewhere.
      env: { ...process.env, PATH: "/usr/bin:/bin" },
      toolsDir: folder.at("tools"),
      exclusive: store.exclusive.bind(store),
      onFetch: () => {
        fetches += 1;
      },
    });
  const [first, second] = await Promise.all([find(), find()]);
  store.close();
  expect(second).toEqual(first);
  expect(fetches).toBe(1);
  expect(execFileSync(first.path, ["--version"], { encoding: "utf8" })).toContain(`uv ${UV_VERSION}`);
  expect(readdirSync(folder.at("tools"))).toEqual([`uv-${UV_VERSION}`]);
});
