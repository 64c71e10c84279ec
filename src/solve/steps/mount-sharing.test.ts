import { expect, test } from "vitest";
import { defaultSharing, isProjectFolder } from "./mount-sharing.ts";

test.for([
  // apt fails when it finds its lock held, and two would spoil the lists.
  ["/var/cache/apt", "locked"],
  ["/var/cache/apt/archives", "locked"],
  ["/var/lib/apt", "locked"],
  ["/var/lib/apt/lists", "locked"],
  ["/root/.cache/pip", "shared"],
  ["/home/app/.cache/pip/http-v2", "shared"],
  ["/root/.cache/uv", "shared"],
  ["/root/.npm", "shared"],
  ["/root/.npm/_cacache", "shared"],
  ["/pnpm/store", "shared"],
  ["/go/pkg/mod", "shared"],
  ["/root/.cache/go-build", "shared"],
  ["/root/.ccache", "shared"],
  // Cargo's lock lies in its home: it guards the home, but not a part that is mounted alone.
  ["/usr/local/cargo", "shared"],
  ["/root/.cargo", "shared"],
  ["/usr/local/cargo/registry", "locked"],
  ["/root/.cargo/git/db", "locked"],
  // Nothing is known of these, or nothing good.
  ["/root/.cache", "locked"],
  ["/root/.m2", "locked"],
  ["/root/.gradle", "locked"],
  ["/app/node_modules", "locked"],
  ["/app/target", "locked"],
  // A name that only looks alike.
  ["/root/.cache/pip-tools", "locked"],
  ["/root/x.npm", "locked"],
] as const)("%s is %s", ([target, sharing]) => {
  expect(defaultSharing(target, [])).toBe(sharing);
});

test("a tool that a variable sends elsewhere is known there", () => {
  expect(defaultSharing("/cache/wheels", [["PIP_CACHE_DIR", "/cache/wheels"]])).toBe("shared");
  expect(defaultSharing("/cache/wheels", [["PIP_CACHE_DIR", "/cache"]])).toBe("shared");
  expect(defaultSharing("/cache", [["PIP_CACHE_DIR", "/cache/wheels"]])).toBe("locked");
  expect(defaultSharing("/rust/registry", [["CARGO_HOME", "/rust"]])).toBe("locked");
  expect(defaultSharing("/anything", [["PIP_CACHE_DIR", ""]])).toBe("locked");
});

test("folders of one project are told from caches", () => {
  expect(["/app/node_modules", "/src/target", "/app/.venv"].every(isProjectFolder)).toBe(true);
  expect(["/root/.npm", "/root/.cache/pip", "/app/node_modules/.cache"].some(isProjectFolder)).toBe(false);
});
