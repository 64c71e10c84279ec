import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  folderView,
  layeredView,
  missingInside,
  removeIfEmpty,
  resolveInside,
  textInside,
} from "./inside.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cambium-inside-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text = ""): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test("links lead inside, whatever they say", () => {
  put("etc/real", "text");
  symlinkSync("/etc/real", join(root, "etc/absolute"));
  symlinkSync("../../../../etc", join(root, "up"));
  const view = folderView(root);
  expect(resolveInside(view, "/up/absolute")).toBe("/etc/real");
  expect(resolveInside(view, "/../../up/./")).toBe("/etc");
  expect(resolveInside(view, "/")).toBe("/");
  expect(resolveInside(view, "/etc/none")).toBeUndefined();
  expect(textInside(view, "/up/absolute")).toBe("text");
  symlinkSync("b", join(root, "a"));
  symlinkSync("a", join(root, "b"));
  expect(() => resolveInside(view, "/a")).toThrow(expect.objectContaining({ code: "ROOTFS_LINKS" }));
});

test("what is missing comes outermost first, where links put it", () => {
  put("opt/real/x");
  symlinkSync("/opt/real", join(root, "link"));
  symlinkSync("/nowhere", join(root, "dangling"));
  const view = folderView(root);
  expect(missingInside(view, "/link/a/b")).toEqual(["/opt/real/a", "/opt/real/a/b"]);
  expect(missingInside(view, "/new")).toEqual(["/new"]);
  expect(missingInside(view, "/opt/real")).toEqual([]);
  expect(missingInside(view, "/opt/real/x/y")).toEqual([]);
  expect(missingInside(view, "/dangling/x")).toEqual([]);
  expect(missingInside(view, "/")).toEqual([]);
});

test("layers show through, except where one deletes", () => {
  put("low/a/one", "1");
  put("low/a/two", "2");
  put("low/gone/x", "x");
  put("low/hidden/x", "x");
  put("low/file/x", "x");
  put("high/a/two", "22");
  put("high/a/.wh.one");
  put("high/.wh.gone");
  put("high/hidden/.wh..wh..opq");
  put("high/file", "now a file");
  const view = layeredView([join(root, "low"), join(root, "high")]);
  expect(textInside(view, "/a/two")).toBe("22");
  for (const path of ["/a/one", "/gone", "/gone/x", "/hidden/x", "/file/x"]) {
    expect(resolveInside(view, path), path).toBeUndefined();
  }
  expect(textInside(layeredView([join(root, "low")]), "/hidden/x")).toBe("x");
});

test("only what is empty and reached through no link is removed", () => {
  put("u/stub/file");
  put("u/full/file", "text");
  mkdirSync(join(root, "u/empty"));
  put("outside/empty");
  symlinkSync(join(root, "outside"), join(root, "u/link"));
  put("u/marked/.wh..opq");
  for (const path of [
    "/stub/file",
    "/stub",
    "/full/file",
    "/full",
    "/empty",
    "/link/empty",
    "/none/x",
    "/marked",
  ]) {
    removeIfEmpty(join(root, "u"), path, [".wh..opq"]);
  }
  const view = folderView(root);
  const left = ["/u/stub", "/u/full/file", "/u/empty", "/outside/empty", "/u/link", "/u/marked"].filter(
    (path) => view(path),
  );
  expect(left).toEqual(["/u/full/file", "/outside/empty", "/u/link"]);
});
