import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tinySdist, tinyWheel } from "../support/distributions.ts";
import { pylockFiles, requirementsFiles, workplace } from "../support/project.ts";
import { type PythonIndex, startPythonIndex } from "../support/python-index.ts";
import { expectFailure, type Failure, type Reference, startReference } from "../support/reference.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const canary = folder.at("canary-ran");
const setupPy = `open(${JSON.stringify(canary)}, "w").write("ran")\n`;

let index: PythonIndex;
let reference: Reference;

beforeAll(async () => {
  reference = await startReference();
  index = await startPythonIndex([
    tinyWheel({ name: "alpha", version: "1.0" }),
    tinyWheel({ name: "alpha", version: "2.0", requires: ["beta>=3"] }),
    tinyWheel({ name: "beta", version: "1.0" }),
    tinyWheel({ name: "gamma", version: "1.0", requires: ["alpha==2.0"] }),
    tinySdist("canary", "1.0", setupPy),
  ]);
});
afterAll(async () => {
  await index[Symbol.asyncDispose]();
  await reference[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const zeros = "0".repeat(64);

const requirements: readonly (Failure & { readonly name: string; readonly text: string })[] = [
  {
    name: "a --hash that no file has",
    text: `alpha==1.0 --hash=sha256:${zeros}\n`,
    exitCode: 1,
    code: "HASH_UNMATCHED",
    quotes: ["alpha 1.0", `sha256:${zeros}`, "alpha-1.0-py3-none-any.whl has sha256:"],
    hint: /^hint: Correct the --hash values/m,
  },
  {
    name: "a line without --hash beside one that has it",
    text: `alpha==1.0 --hash=sha256:${zeros}\nbeta\n`,
    exitCode: 2,
    code: "HASH_UNPINNED",
    quotes: ["requirements.txt:2", "beta"],
    hint: /^hint: Write beta==VERSION with its --hash/m,
  },
  {
    name: "requirements that contradict each other",
    text: "gamma\nbeta<3\n",
    exitCode: 1,
    code: "RESOLUTION_FAILED",
    quotes: ["gamma", "alpha==2.0", "beta>=3", "beta<3"],
    hint: /^hint: Change the requirement/m,
  },
  {
    name: "a project that the index does not have",
    text: "no-such-project\n",
    exitCode: 1,
    code: "RESOLUTION_FAILED",
    quotes: ["no-such-project was not found"],
    hint: /^hint: \S/m,
  },
  {
    name: "a line that is no requirement",
    text: "alpha==1.0\nbeta => 1\n",
    exitCode: 2,
    code: "REQUIREMENT_SYNTAX",
    quotes: ["requirements.txt:2", "beta => 1"],
    hint: /^hint: \S/m,
  },
  {
    name: "a project with nothing but a setup.py, which must not run",
    text: "canary\n",
    exitCode: 1,
    code: "RESOLUTION_FAILED",
    quotes: ["canary==1.0 has no usable wheels"],
    hint: /^hint: Cambium takes wheels and builds nothing yet/m,
  },
];

test.for(requirements)("$name: named, with the way out", async ({ text, ...failure }) => {
  using place = await workplace();
  const project = place.project("broken", await requirementsFiles(text));
  expectFailure(await place.build(project, ["--default-index", index.url]), failure);
  expect(existsSync(canary)).toBe(false);
  await reference.expectUnharmed(place);
});

test("an sdist that a lock pins is named and not run either", async () => {
  using place = await workplace();
  const sdist = tinySdist("canary", "1.0", setupPy);
  const lock = `lock-version = "1.0"
created-by = "test"

[[packages]]
name = "canary"
version = "1.0"
sdist = { url = "${index.origin}/files/${sdist.filename}", hashes = { sha256 = "${zeros}" } }
`;
  const files = { ...(await pylockFiles([])), "pylock.toml": lock };
  expectFailure(await place.build(place.project("broken", files), ["--default-index", index.url]), {
    exitCode: 1,
    code: "WHEEL_MISSING",
    quotes: ["pylock.toml", "canary 1.0"],
    hint: /^hint: \S/m,
  });
  expect(existsSync(canary)).toBe(false);
  await reference.expectUnharmed(place);
});

const specs: readonly (Failure & { readonly name: string; readonly yaml: string })[] = [
  {
    name: "an unknown key",
    yaml: "debian: trixie\nworkdri: /srv\n",
    exitCode: 2,
    code: "SPEC_UNKNOWN_KEY",
    quotes: ["cambium.yaml:2:1", '"workdri"'],
    hint: /^hint: Did you mean "workdir"\?/m,
  },
  {
    name: "an unknown key within another",
    yaml: "debian:\n  suite: trixie\n  varient: distroless\n",
    exitCode: 2,
    code: "SPEC_UNKNOWN_KEY",
    quotes: ["cambium.yaml:3:3", '"varient" in debian'],
    hint: /^hint: Did you mean "variant"\?/m,
  },
  {
    name: "an unknown value",
    yaml: "debian: bookwurm\n",
    exitCode: 2,
    code: "SPEC_INVALID",
    quotes: ["cambium.yaml:1:9", '"bookwurm"', "bookworm, trixie"],
    hint: /^hint: \S/m,
  },
  {
    name: "text that is no YAML",
    yaml: "debian: [trixie\nworkdir: /srv\n",
    exitCode: 2,
    code: "SPEC_SYNTAX",
    quotes: ["cambium.yaml:2"],
    hint: /^hint: \S/m,
  },
];

test.for(specs)(
  "cambium.yaml with $name: line, nearest, and nothing written",
  async ({ yaml, ...failure }) => {
    using place = await workplace();
    expectFailure(await place.build(place.project("broken", { "cambium.yaml": yaml })), failure);
    await reference.expectUnharmed(place);
  },
);
