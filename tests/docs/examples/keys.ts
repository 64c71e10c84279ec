import { imageKey } from "../../../src/actions/packages/image-key.ts";
import { canonicalJson } from "../../../src/canonical-json.ts";
import { wantedRequirement } from "../../../src/ecosystems/python/requirements/wanted.ts";
import type { Definition } from "../../../src/graph/definition.ts";
import { digestOf } from "../../../src/layer/digest.ts";
import { LAYOUT_VERSIONS } from "../../../src/layout-versions.ts";
import { inputsDigest, pythonInputsDigest } from "../../../src/solve/inputs-digest.ts";
import type { PythonInputs } from "../../../src/solve/python-inputs.ts";
import type { Example } from "./example.ts";
import { exampleBaseLock, exampleLock } from "./lock.ts";
import { exampleSegment } from "./segment.ts";

const DEFINITION: Definition = {
  base: { kind: "debian", suite: "bookworm", variant: "standard", keep: [], packages: ["libgomp1"] },
  python: { source: { kind: "requirements", paths: ["requirements.txt"] }, extras: [], groups: [] },
  files: [{ op: "copy", sources: ["."], destination: "/app/" }],
  users: [{ name: "app" }],
  config: {
    env: [["PATH", "/opt/venv/bin:/usr/bin"]],
    workdir: "/app",
    user: "app",
    cmd: ["python", "app.py"],
    labels: {},
    exposedPorts: [],
    volumes: [],
  },
};

const INPUTS: PythonInputs = {
  kind: "wanted",
  wanted: {
    requirements: [wantedRequirement("Six >=1.16", "requirements.txt:1", [])],
    constraints: [],
    overrides: [],
  },
  layers: [],
};

/** A definition with its key. */
export function definitionKeyExample() {
  const input = {
    definition: DEFINITION,
    lock: exampleLock(),
    platform: { os: "linux", architecture: "amd64" },
    files: [exampleSegment().segment.id],
    created: "1980-01-02T00:00:00Z",
  } as const;
  return { ...input, key: imageKey(input) };
}

export function keyExamples(): Example[] {
  const { key, ...input } = definitionKeyExample();
  const { debian, python } = input.lock;
  const lock = { debian, python: python?.distributions };
  const document = { ...input, lock, layoutVersions: LAYOUT_VERSIONS, platform: "linux/amd64" };
  if (digestOf(canonicalJson(document)) !== key) throw new Error("the definition key is of another document");
  const inputs = inputsDigest({ definition: DEFINITION, inputs: INPUTS, root: "/project" });
  const asked = {
    debian: { packages: ["libgomp1"], suite: "bookworm", variant: "standard" },
    python: {
      constraints: [],
      overrides: [],
      requirements: ["six>=1.16"],
      settings: INPUTS.layers.map(() => ({ indexes: [] })),
    },
  };
  if (digestOf(canonicalJson(asked)) !== inputs) throw new Error("the inputs digest is of another document");
  const onBase: Definition = {
    ...DEFINITION,
    base: { kind: "image", reference: "registry.example/base:1", keep: [], packages: [] },
  };
  const askedOnBase = { base: { image: "registry.example/base:1", packages: [] }, python: asked.python };
  const inputsOnBase = inputsDigest({ definition: onBase, inputs: INPUTS, root: "/project" });
  if (digestOf(canonicalJson(askedOnBase)) !== inputsOnBase) {
    throw new Error("the inputs digest on a base is of another document");
  }
  const target = { version: "3.12.4", platform: input.platform, glibc: [2, 36] as const };
  const pythonInputs = pythonInputsDigest({ definition: onBase, inputs: INPUTS, root: "/project" }, [target]);
  const askedOfPython = {
    python: asked.python,
    targets: [{ glibc: [2, 36], platform: "linux/amd64", version: "3.12.4" }],
  };
  if (digestOf(canonicalJson(askedOfPython)) !== pythonInputs) {
    throw new Error("the Python inputs digest is of another document");
  }
  const base = exampleBaseLock().base!;
  const { lock: __, ...rest } = document;
  const lockOnBase = { ...lock, base: base.targets.amd64!.digest };
  const documentOnBase = { ...rest, definition: onBase, lock: lockOnBase };
  const keyOnBase = imageKey({ ...input, definition: onBase, lock: { ...input.lock, base } });
  if (digestOf(canonicalJson(documentOnBase)) !== keyOnBase) {
    throw new Error("the definition key on a base is of another document");
  }
  return [
    {
      name: "base-in-key",
      text: `{…"definition":{"base":${canonicalJson(onBase.base)},…},…"lock":{"base":${canonicalJson(lockOnBase.base)},…}…}`,
    },
    { name: "inputs-digest-on-base", text: `${canonicalJson(askedOnBase)}\ninputs ${inputsOnBase}` },
    { name: "python-inputs-digest", text: `${canonicalJson(askedOfPython)}\ninputs ${pythonInputs}` },
    { name: "definition-key", text: `${byMember(document)}\nkey ${key}` },
    { name: "inputs-digest", text: `${canonicalJson(asked)}\ninputs ${inputs}` },
  ];
}

/** Canonical JSON with a line end after each member of the outermost object, for the page. */
function byMember(document: Readonly<Record<string, unknown>>): string {
  const members = Object.keys(document).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(document[key])}`).join(",\n")}}`;
}
