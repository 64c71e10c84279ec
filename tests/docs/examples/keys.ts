import { imageKey } from "../../../src/actions/image-key.ts";
import { canonicalJson } from "../../../src/canonical-json.ts";
import { wantedRequirement } from "../../../src/ecosystems/python/requirements/wanted.ts";
import type { Definition } from "../../../src/graph/definition.ts";
import { digestOf } from "../../../src/layer/digest.ts";
import { LAYOUT_VERSIONS } from "../../../src/layout-versions.ts";
import { inputsDigest } from "../../../src/solve/lock.ts";
import type { PythonInputs } from "../../../src/solve/python-inputs.ts";
import type { Example } from "./example.ts";
import { exampleLock } from "./lock.ts";
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

export function keyExamples(): Example[] {
  const input = {
    definition: DEFINITION,
    lock: exampleLock(),
    platform: { os: "linux", architecture: "amd64" },
    files: [exampleSegment().segment.id],
    created: "1980-01-02T00:00:00Z",
  } as const;
  const { debian, python } = input.lock;
  const lock = { debian, python: python?.distributions };
  const document = { ...input, lock, layoutVersions: LAYOUT_VERSIONS, platform: "linux/amd64" };
  const key = imageKey(input);
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
  return [
    { name: "definition-key", text: `${byMember(document)}\nkey ${key}` },
    { name: "inputs-digest", text: `${canonicalJson(asked)}\ninputs ${inputs}` },
  ];
}

/** Canonical JSON with a line end after each member of the outermost object, for the page. */
function byMember(document: Readonly<Record<string, unknown>>): string {
  const members = Object.keys(document).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(document[key])}`).join(",\n")}}`;
}
