import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { type CambiumError, messageOf, usageError } from "../../errors.ts";
import { isImage } from "./builder.ts";
import type { LoadedSpec } from "./to-loaded-spec.ts";

/**
 * Runs a `cambium.ts` and gives what its default export describes: an image, a function that gives one, or a promise.
 * `import "cambium"` in it means `apiUrl`, wherever the file lies and whether or not the package is installed there.
 * @throws CambiumError `BUILDER_FAILED` with file and line, `BUILDER_EXPORT`, or what the file's own calls throw.
 */
export async function loadBuilderFile(path: string, apiUrl: string = ownApiUrl()): Promise<LoadedSpec> {
  const url = pathToFileURL(path).href;
  const hooks = registerHooks({
    resolve: (specifier, context, nextResolve) => {
      if (specifier === "cambium") return { url: apiUrl, shortCircuit: true };
      // Said outright, or Node warns that it had to guess when no package.json is near.
      if (specifier === url && /\.[mt]?ts$/.test(path))
        return { url, format: "module-typescript", shortCircuit: true };
      return nextResolve(specifier, context);
    },
  });
  try {
    const module = (await import(url)) as { readonly default?: unknown };
    const exported = typeof module.default === "function" ? await module.default() : await module.default;
    if (!isImage(exported)) {
      throw usageError(
        "BUILDER_EXPORT",
        `${path}: the default export is ${describe(exported)}, not an image`,
        'For example: export default image(debian("bookworm")).python("requirements.txt")',
      );
    }
    return exported.toLoadedSpec();
  } catch (error) {
    throw located(error, path);
  } finally {
    hooks.deregister();
  }
}

/** The public module of this package: beside the sources in a checkout, beside the bundle when packed. */
function ownApiUrl(): string {
  const isSource = import.meta.url.endsWith("/frontend/spec/load-builder.ts");
  return new URL(isSource ? "../../api.ts" : "./api.js", import.meta.url).href;
}

function describe(value: unknown): string {
  if (value === undefined) return "missing";
  return typeof value === "object" ? (value === null ? "null" : "an object") : `a ${typeof value}`;
}

/** Puts the line of the user's file in front, which is where the mistake is. */
function located(error: unknown, path: string): CambiumError {
  const isOurs = error instanceof Error && error.name === "CambiumError" && "code" in error;
  if (isOurs && error.code === "BUILDER_EXPORT") return error as CambiumError;
  const where = lineIn(error, path) ?? path;
  if (isOurs) {
    const { code, hint } = error as CambiumError;
    return usageError(String(code), `${where}: ${error.message}`, hint, error);
  }
  return usageError("BUILDER_FAILED", `${where}: ${messageOf(error).split("\n")[0]}`, hintFor(error), error);
}

function hintFor(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX")
    return "Types are only stripped: no enum, namespace or parameter property.";
  if (code === "ERR_MODULE_NOT_FOUND")
    return "The file can import cambium, Node's modules and what is installed beside it.";
  return undefined;
}

/** `file:line:column` from the stack; syntax errors begin theirs with `file:line`. */
function lineIn(error: unknown, path: string): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  const url = pathToFileURL(path).href;
  for (const line of error.stack.split("\n")) {
    const at = [url, path].map((name) => line.indexOf(`${name}:`)).find((index) => index !== -1);
    if (at === undefined) continue;
    const position = /:(\d+)(?::(\d+))?\)?$/.exec(line.slice(at));
    if (position !== null)
      return `${path}:${position[1]}${position[2] === undefined ? "" : `:${position[2]}`}`;
  }
  return undefined;
}
