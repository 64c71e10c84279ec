import type { ListedPath, Listing } from "./compare-listings.ts";
import type { KeyDocument } from "./documents.ts";
import type { Bound, Witness } from "./evidence.ts";
import { saltedText } from "./lens.ts";
import type { LoggedBuild, LoggedStage, LoggedStep } from "./logged-build.ts";

/**
 * A build as another machine may compare its own with: plain data without a value that could be a build argument's, and
 * without the name of a file. Each of these is a salted hash: who has the same value sees that it is the same. Free of
 * times and of how each step went, so that the same build says the same.
 */
export type PortableBuild = {
  readonly version: 1;
  readonly salt: string;
  readonly build: LoggedBuild;
  readonly documents: Readonly<Record<string, KeyDocument>>;
  /** Of what was taken from build contexts. */
  readonly listings: Readonly<Record<string, Listing>>;
  readonly bounds: Readonly<Record<string, Bound>>;
};

/** A larger tree is told as one thing. */
const MAX_PATHS = 2_000;

/** Fields whose values are words of the format, and no one's own. */
const PLAIN_FIELDS: ReadonlySet<string> = new Set(["op", "kind", "type", "platform", "network", "security"]);
/** Of packages, which a record tells anyway, all but these is plain. */
const OWN_FIELDS_OF_PACKAGES: ReadonlySet<string> = new Set(["settings", "files"]);

/** A document of the same shape in which every text that somebody may have chosen is a salted hash. */
export function saltedDocument<Document extends KeyDocument>(document: Document, salt: string): Document {
  const isPackages = "op" in document && document.op === "packages";
  const salted = (value: unknown, path: readonly string[]): unknown => {
    if (typeof value === "string") return isPlain(path) ? value : saltedText(salt, value);
    if (Array.isArray(value)) return value.map((part, at) => salted(part, [...path, String(at)]));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, salted(part, [...path, name])]),
    );
  };
  const isPlain = (path: readonly string[]): boolean => {
    if (isPackages) return !OWN_FIELDS_OF_PACKAGES.has(path[0]!);
    // The name of a variable: `env`, its place, 0.
    if (path[0] === "env" && path.length === 3) return path[2] === "0";
    return PLAIN_FIELDS.has(path.at(-1)!);
  };
  return salted(document, []) as Document;
}

/** @param salt that nobody can know before the build is there, such as the digest of what it made */
export function portableBuild(witness: Witness, salt: string): PortableBuild {
  const build = finishedSteps(witness.build);
  const salted = (text: string) => saltedText(salt, text);
  const steps = build.images.flatMap(({ stages }) => stages.flatMap((stage) => stage.steps));
  const documents: Record<string, KeyDocument> = {};
  const listings: Record<string, Listing> = {};
  const bounds: Record<string, Bound> = {};
  const tell = (content: string) => {
    const listing = witness.listing(content);
    if (listing === undefined || listing.length > MAX_PATHS) return;
    listings[salted(content)] = listing.map((entry) => saltedPath(entry, salted));
  };
  for (const step of steps) {
    const { key, op, contents } = step;
    const document = key === undefined ? undefined : witness.document(key);
    if (document === undefined) continue;
    documents[salted(toldKey(step))] = saltedDocument(withoutStamps(document), salt);
    if (op === "copy" || op === "base") for (const content of contents) tell(content);
    if ("op" in document && document.op === "packages") for (const file of document.files) tell(file);
    if (!("op" in document) || document.op !== "run") continue;
    for (const mount of document.mounts) {
      const bound = mount.type === "bind" ? witness.bound(mount.content) : undefined;
      if (mount.type !== "bind" || bound === undefined) continue;
      const { source, contents: shown } = bound;
      bounds[salted(mount.content)] = { source: salted(source), contents: shown.map(salted) };
      for (const content of shown) tell(content);
    }
  }
  return { version: 1, salt, build: saltedBuild(build, salted), documents, listings, bounds };
}

/** A step that did not finish is nothing to anyone else. */
function finishedSteps(build: LoggedBuild): LoggedBuild {
  const isFinished = ({ outcome }: LoggedStep) => outcome === "hit" || outcome === "miss";
  const images = build.images.map((image) => ({
    ...image,
    stages: image.stages.map((stage) => ({ ...stage, steps: stage.steps.filter(isFinished) })),
  }));
  return { ...build, images };
}

/** The key of a copy has stamps of files in it, which are the machine's. */
function toldKey({ op, key = "", text, contents }: LoggedStep): string {
  return op === "copy" || op === "workdir" ? [text, ...contents].join(" ") : key;
}

function withoutStamps(document: KeyDocument): KeyDocument {
  return "step" in document ? { ...document, sources: [] } : document;
}

/**
 * @param where what it was told by, for people
 * @param toldMs when, since the epoch
 */
export function portableWitness(portable: PortableBuild, where: string, toldMs: number): Witness {
  const { salt, build, documents, listings, bounds } = portable;
  return {
    build: { ...build, where, startedMs: toldMs },
    document: (key) => documents[key],
    listing: (content) => listings[content],
    bound: (content) => bounds[content],
    salt,
  };
}

function saltedPath(entry: ListedPath, salted: (text: string) => string): ListedPath {
  const { path, content } = entry;
  return { ...entry, path: salted(path), ...(content !== undefined && { content: salted(content) }) };
}

function saltedBuild(build: LoggedBuild, salted: (text: string) => string): LoggedBuild {
  const { target, images, source } = build;
  const keys = images.flatMap(({ stages }) => stages.flatMap(({ steps }) => steps.map(toldKey)));
  return {
    version: 1,
    id: salted(keys.join(" ")).slice(1),
    source,
    ...({ startedMs: 0, tookMs: 0, outcome: "built" } as const),
    // Who asks for it knows of which project it is; and a folder would be the machine's.
    project: "",
    ...(target !== undefined && { target: salted(target) }),
    images: images.map(({ platform, stages }) => ({
      platform,
      stages: stages.map((stage) => saltedStage(stage, salted)),
    })),
  };
}

function saltedStage({ name, on, steps }: LoggedStage, salted: (text: string) => string): LoggedStage {
  return {
    // A number is no one's own, and says that the stage has no name.
    name: /^\d+$/.test(name) ? name : salted(name),
    ...(on !== undefined && { on }),
    steps: steps.map((step): LoggedStep => {
      const { line, text, op, key, contents } = step;
      return {
        ...({ line, text: salted(text), op, outcome: "hit", tookMs: 0 } as const),
        ...(key !== undefined && { key: salted(toldKey(step)) }),
        contents: contents.map(salted),
      };
    }),
  };
}
