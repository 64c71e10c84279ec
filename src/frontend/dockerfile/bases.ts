import { familiarReference, formatReference, parseReference, withDefaultTag } from "../../image/reference.ts";

/**
 * Where files come from, names looked up: an image is in full (registry, repository, tag or digest) or an
 * `oci-layout://` of a build context; a context has files and nothing more.
 */
export type Origin =
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly stage: number }
  | { readonly kind: "context"; readonly name: string }
  | { readonly kind: "image"; readonly reference: string };

/** `--build-context NAME=VALUE`, by the name as `familiar` spells it. */
export type NamedContexts = ReadonlyMap<string, { readonly name: string; readonly value: string }>;

const IMAGE = "docker-image://";
const LAYOUT = "oci-layout://";

/** Names that no build context takes the place of. */
const FIXED: readonly string[] = ["scratch", "context"];

export function readContexts(given: ReadonlyMap<string, string>): NamedContexts {
  return new Map([...given].map(([name, value]) => [familiar(name), { name, value }]));
}

/** What stands in the place of a stage or an image of this name, if anything does. */
export function contextOf(name: string, contexts: NamedContexts, where: string): Origin | undefined {
  if (FIXED.includes(name.toLowerCase())) return undefined;
  const context = contexts.get(familiar(name));
  if (context === undefined) return undefined;
  if (context.value.startsWith(LAYOUT)) return { kind: "image", reference: context.value };
  if (context.value.startsWith(IMAGE)) return imageOf(context.value.slice(IMAGE.length), where);
  return { kind: "context", name: context.name };
}

/** @throws CambiumError `REFERENCE_SYNTAX`. */
export function imageOf(name: string, where: string): Origin {
  if (name === "scratch") return { kind: "scratch" };
  return { kind: "image", reference: formatReference(withDefaultTag(parseReference(name, where))) };
}

/** A stage above, else a build context, else an image. */
export function originOf(
  name: string,
  where: string,
  stages: ReadonlyMap<string, number>,
  contexts: NamedContexts,
): Origin {
  const stage = stages.get(name.toLowerCase());
  if (stage !== undefined) return { kind: "stage", stage };
  return contextOf(name, contexts, where) ?? imageOf(name, where);
}

/** One spelling for `app`, `app:latest`, `docker.io/library/app`; any other text is itself. */
function familiar(name: string): string {
  try {
    return familiarReference(parseReference(name, "context")).replace(/:latest$/, "");
  } catch {
    return name;
  }
}
