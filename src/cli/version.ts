import { readFileSync } from "node:fs";

/** The package's version; `package.json` stands two folders above the source and one above the bundle. */
export const version: string = readVersion();

function readVersion(): string {
  for (const relative of ["../../package.json", "../package.json"]) {
    const text = readIfThere(new URL(relative, import.meta.url));
    const found: unknown = text === undefined ? undefined : JSON.parse(text);
    if (isOurPackage(found)) return found.version;
  }
  return "unknown";
}

function readIfThere(url: URL): string | undefined {
  try {
    return readFileSync(url, "utf8");
  } catch {
    return undefined;
  }
}

function isOurPackage(value: unknown): value is { name: "cambium"; version: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    value.name === "cambium" &&
    "version" in value
  );
}
