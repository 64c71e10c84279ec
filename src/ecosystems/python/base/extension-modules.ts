import { LIBRARY } from "../wheel/scheme.ts";

/**
 * Whether CPython 3.`minor` could import this file of an image: in packages below site-packages, with one of the endings
 * of `importlib.machinery.EXTENSION_SUFFIXES`. A plain `.so` counts unless it is called as libraries are, `lib…`.
 */
export function isExtensionModule(path: string, minor: number): boolean {
  if (!path.endsWith(".so") || !path.startsWith(`${LIBRARY}/`)) return false;
  const parts = path.slice(LIBRARY.length + 1).split("/");
  const file = parts.pop()!;
  if (!parts.every(isIdentifier)) return false;
  const [, stem = "", ending] = /^(\w+)\.(?:(abi3|cpython-\d+[\w-]*)\.)?so$/.exec(file) ?? [];
  if (!isIdentifier(stem)) return false;
  if (ending === undefined) return !stem.startsWith("lib");
  return ending === "abi3" || ending.startsWith(`cpython-3${minor}-`);
}

function isIdentifier(text: string): boolean {
  return /^[A-Za-z_]\w*$/.test(text);
}
