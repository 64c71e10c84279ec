import type { LockedSources } from "../../ecosystems/locked-sources.ts";
import { usageError } from "../../errors.ts";
import { redactUrl } from "../../fetch/redact.ts";
import type { CopySourceOp, StageGraph, Step } from "../../graph/stages.ts";
import { familiarReference, parseReference } from "../../image/reference.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import { formatPlatform, type Platform } from "../../platform.ts";
import { namesCommit } from "./git-checkout.ts";

/** What a lock says of a build's sources, and what it was asked for in vain. */
export class SourcePins {
  readonly #sources: LockedSources | undefined;
  readonly #isForgotten: (name: string) => boolean;
  readonly #isLocked: boolean;
  readonly #missing = new Set<string>();

  /**
   * @param isForgotten `--upgrade`: what is looked up again, by reference or `sourceName`
   * @param isLocked `--locked`: what is not pinned is an error
   */
  constructor(
    sources: LockedSources | undefined,
    isForgotten: (name: string) => boolean = () => false,
    isLocked = false,
  ) {
    this.#sources = sources;
    this.#isForgotten = isForgotten;
    this.#isLocked = isLocked;
  }

  /** Of the manifest for a platform. @throws CambiumError `DOCKERFILE_UNLOCKED`, as all of these. */
  image(reference: string, platform: Platform): Digest | undefined {
    const of = formatPlatform(platform);
    return this.#found(
      `${reference} for ${of}`,
      reference,
      () => this.#sources?.images.find((one) => one.reference === reference)?.targets[platform.architecture],
    );
  }

  file(url: string): Digest | undefined {
    const name = sourceName(url);
    return this.#found(name, name, () => this.#sources?.http.find((one) => one.url === name)?.digest);
  }

  commit(url: string, ref: string | undefined): LockedSources["git"][number] | undefined {
    const name = sourceName(url);
    return this.#found(ref === undefined ? name : `${name}#${ref}`, name, () =>
      this.#sources?.git.find((one) => one.url === name && one.ref === ref),
    );
  }

  /** What a lock that is there does not say. */
  get missing(): readonly string[] {
    return this.#sources === undefined ? [] : [...this.#missing];
  }

  #found<T>(what: string, name: string, find: () => T | undefined): T | undefined {
    if (this.#isForgotten(name)) return undefined;
    const found = find();
    if (found !== undefined) return found;
    if (this.#isLocked) {
      throw usageError(
        "DOCKERFILE_UNLOCKED",
        `--locked: cambium.lock does not say what ${what} is`,
        "Run `cambium lock` and commit the file.",
      );
    }
    this.#missing.add(what);
    return undefined;
  }
}

/** A URL as a lock may name it: without credentials, and with its query, which may hold some, as a digest. */
export function sourceName(url: string): string {
  const query = /\?([^#]*)/.exec(url)?.[1];
  const bare = redactUrl(url);
  return query === undefined ? bare : `${bare}?${digestOf(query).slice("sha256:".length, 23)}`;
}

/** Whether a name after `--upgrade` means a source: an image in any spelling, or without its tag; a URL as in the lock. */
export function isNamed(source: string, name: string): boolean {
  if (source === name) return true;
  try {
    const familiar = familiarReference(parseReference(source, "source"));
    const { registry, repository } = parseReference(source, "source");
    return familiar === name || familiarReference({ registry, repository }) === name;
  } catch {
    return false;
  }
}

export type OpenSource = Extract<CopySourceOp, { kind: "http" | "git" }>;

/** What steps take from the web and from git, and nothing in the file says which. */
export function openSources({ stages }: StageGraph): OpenSource[] {
  return stages.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.op === "copy" ? step.sources.filter(isOpen) : [])),
  );
}

function isOpen(source: CopySourceOp): source is OpenSource {
  if (source.kind === "http") return source.checksum === undefined;
  return source.kind === "git" && source.resolved === undefined && !namesCommit(source);
}

/** The graph with what pins say of its open sources. */
export function pinnedGraph(graph: StageGraph, pins: SourcePins): StageGraph {
  const pinned = (source: CopySourceOp): CopySourceOp => {
    if (!isOpen(source)) return source;
    if (source.kind === "http") {
      const checksum = pins.file(source.url);
      return checksum === undefined ? source : { ...source, checksum };
    }
    const found = pins.commit(source.url, source.ref);
    if (found === undefined) return source;
    const { commit, refName } = found;
    return { ...source, resolved: { commit, ...(refName !== undefined && { refName }) } };
  };
  const pinnedStep = (step: Step): Step =>
    step.op === "copy" ? { ...step, sources: step.sources.map(pinned) } : step;
  return {
    ...graph,
    stages: graph.stages.map((stage) => ({ ...stage, steps: stage.steps.map(pinnedStep) })),
  };
}
