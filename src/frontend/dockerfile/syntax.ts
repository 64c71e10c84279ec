import { usageError } from "../../errors.ts";
import { parseReference } from "../../image/reference.ts";
import { parseDirective } from "./directives.ts";
import { trimStart } from "./space.ts";

/** Repositories of the frontend whose syntax is read here. */
const OURS: readonly string[] = ["docker/dockerfile", "docker/dockerfile-upstream"];

/**
 * Holds a file to the frontend that it asks for: `docker/dockerfile` of any version is what is read here, another one
 * is a program that would have to run and is refused. Looked for as BuildKit does: `# syntax=` at the head, also below
 * a `#!` line, `// syntax=`, and `"syntax"` of a JSON document; `wanted` (BUILDKIT_SYNTAX) goes before all of them.
 * @throws CambiumError `DOCKERFILE_FRONTEND`.
 */
export function assertOwnSyntax(text: string, file: string, wanted: string | undefined): void {
  const found =
    wanted === undefined ? findFrontend(text, file) : { value: wanted, where: "--build-arg BUILDKIT_SYNTAX" };
  if (found !== undefined) assertOwn(found.value, found.where);
}

type Frontend = { readonly value: string; readonly where: string };

function findFrontend(text: string, file: string): Frontend | undefined {
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  const skipped = lines[0]?.startsWith("#!") === true ? 1 : 0;
  const rest = lines.slice(skipped);
  for (const mark of ["#", "//"]) {
    const at = findSyntax(rest, mark);
    if (at !== undefined) return { value: at.value, where: `${file}:${at.index + skipped + 1}:1` };
  }
  const inJson = syntaxOfJson(rest.join("\n"));
  return inJson === undefined ? undefined : { value: inJson, where: `${file}:${skipped + 1}:1` };
}

function findSyntax(lines: readonly string[], mark: string): { index: number; value: string } | undefined {
  for (const [index, line] of lines.entries()) {
    const directive = line.startsWith(mark) ? parseDirective(line.slice(mark.length)) : undefined;
    if (directive === undefined) return undefined;
    if (directive.name === "syntax") return { index, value: directive.value };
  }
  return undefined;
}

function syntaxOfJson(text: string): string | undefined {
  if (!trimStart(text).startsWith("{")) return undefined;
  try {
    const { syntax } = JSON.parse(text) as { readonly syntax?: unknown };
    return typeof syntax === "string" ? syntax : undefined;
  } catch {
    return undefined;
  }
}

function assertOwn(value: string, where: string): void {
  const name = value.trim().split(" ")[0]!;
  if (isOwn(name)) return;
  throw usageError(
    "DOCKERFILE_FRONTEND",
    `${where}: a frontend that cannot run here: ${JSON.stringify(name)}`,
    "Cambium reads docker/dockerfile:1 itself; build others with BuildKit.",
  );
}

function isOwn(name: string): boolean {
  try {
    const { registry, repository } = parseReference(name, "syntax");
    return registry === "docker.io" && OURS.includes(repository);
  } catch {
    return false;
  }
}
