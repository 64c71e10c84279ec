import { usageError } from "../errors.ts";
import { type Digest, parseDigest } from "../layer/digest.ts";

/** Any way to name a manifest: registry host with port, repository, and a tag, a digest, or both. */
export type Reference = {
  /** As written, such as `localhost:5000`; `docker.io` where none is. */
  readonly registry: string;
  /** Full, such as `library/debian`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
};

const DEFAULT_REGISTRY = "docker.io";
const DEFAULT_NAMESPACE = "library";
/** Grammar of distribution's reference package, anchored part by part. */
const HOST_LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const REGISTRY = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const MAX_NAME_LENGTH = 255;

/**
 * Reads an image reference as Docker does: `app` is `docker.io/library/app`, a first part with a dot, a colon or an
 * upper-case letter, or `localhost`, is a registry. No tag is added (see `withDefaultTag`).
 * @throws CambiumError `REFERENCE_SYNTAX`; `where` says who wrote it (flag, file).
 */
export function parseReference(text: string, where: string): Reference {
  const fail = (problem: string, hint = "Write it as [registry[:port]/]name[:tag][@sha256:digest].") =>
    usageError(
      "REFERENCE_SYNTAX",
      `${where}: not an image reference: ${JSON.stringify(text)}: ${problem}`,
      hint,
    );
  const at = text.indexOf("@");
  const named = at === -1 ? text : text.slice(0, at);
  const slash = named.lastIndexOf("/");
  const colon = named.indexOf(":", slash + 1);
  const name = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  if (name === "") throw fail("the name is empty");
  if (/^[0-9a-f]{64}$/.test(name)) throw fail("64 hex digits are an image id, not a name");
  const { registry, repository } = splitName(name);
  if (!REGISTRY.test(registry)) throw fail(`${JSON.stringify(registry)} is not a registry host`);
  if (!REPOSITORY.test(repository)) {
    const isCase = REPOSITORY.test(repository.toLowerCase());
    throw isCase
      ? fail(
          "a repository name is in lower case",
          `Write ${JSON.stringify(text.replace(name, name.toLowerCase()))}.`,
        )
      : fail(`${JSON.stringify(repository)} is not a repository name`);
  }
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH) {
    throw fail(`the name is longer than ${MAX_NAME_LENGTH} characters`);
  }
  if (tag !== undefined && !TAG.test(tag)) throw fail(`${JSON.stringify(tag)} is not a tag`);
  const digest = at === -1 ? undefined : digestOrThrow(text.slice(at + 1), fail);
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

function digestOrThrow(text: string, fail: (problem: string, hint?: string) => Error): Digest {
  if (!/^sha256:[0-9a-f]{64}$/.test(text))
    throw fail("the digest is not sha256: and 64 lower-case hex digits");
  return parseDigest(text, "reference");
}

function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const isRegistry = /[.:A-Z[]/.test(first) || first === "localhost";
  let registry = isRegistry ? first : DEFAULT_REGISTRY;
  let repository = isRegistry ? name.slice(slash + 1) : name;
  if (registry === `index.${DEFAULT_REGISTRY}`) registry = DEFAULT_REGISTRY;
  if (registry === DEFAULT_REGISTRY && !repository.includes("/"))
    repository = `${DEFAULT_NAMESPACE}/${repository}`;
  return { registry, repository };
}

/** The whole reference: what `io.containerd.image.name` holds. */
export function formatReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}${suffixOf(reference)}`;
}

/** As people and `docker images` write it: without the default registry and namespace. */
export function familiarReference(reference: Reference): string {
  const prefix = `${DEFAULT_NAMESPACE}/`;
  if (reference.registry !== DEFAULT_REGISTRY) return formatReference(reference);
  const isShort = reference.repository.startsWith(prefix);
  return `${isShort ? reference.repository.slice(prefix.length) : reference.repository}${suffixOf(reference)}`;
}

function suffixOf(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  return reference.digest === undefined ? tag : `${tag}@${reference.digest}`;
}

/** A reference with neither tag nor digest means `latest`. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: "latest" }
    : reference;
}
