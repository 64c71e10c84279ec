import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { wantedRequirement } from "../ecosystems/python/requirements/wanted.ts";
import type { Definition } from "../graph/definition.ts";
import { inputsDigest } from "./inputs-digest.ts";
import type { PythonInputs } from "./python-inputs.ts";

const definition: Definition = {
  base: { kind: "debian", suite: "bookworm", variant: "standard", keep: [], packages: [] },
  python: { source: { kind: "requirements", paths: ["requirements.txt"] }, extras: [], groups: [] },
  files: [],
  users: [],
  config: { env: [], labels: {}, exposedPorts: [], volumes: [] },
};

function inputs(root: string, change: Partial<PythonInputs["layers"][number]> = {}): PythonInputs {
  const url = pathToFileURL(`${root}/wheels`).href;
  const place = `${root}/requirements.txt:1`;
  return {
    kind: "wanted",
    wanted: {
      requirements: [
        wantedRequirement("numpy>=2", place, []),
        wantedRequirement(`tool @ ${url}/tool-1-py3-none-any.whl`, place, []),
      ],
      constraints: [],
      overrides: [],
    },
    layers: [
      {
        indexes: [{ url: `${url}/`, kind: "flat", isDefault: false, isExplicit: false, where: place }],
        credentials: [],
        ...change,
      },
    ],
  };
}

const digest = (root: string, change = {}) =>
  inputsDigest({ definition, inputs: inputs(root, change), root });

describe("what a lock is made for", () => {
  test("is the same in every checkout, whatever its folder", () => {
    expect(digest("/home/a/project")).toBe(digest("/builds/project 2"));
  });

  test.each([
    ["prerelease", { prerelease: "allow" }],
    ["resolution", { resolution: "lowest" }],
    ["excludeNewer", { excludeNewer: "2026-01-01" }],
    ["noBinary", { noBinary: ["numpy"] }],
    ["strategy", { strategy: "unsafe-best-match" }],
  ])("changes with the project's %s", (_, change) => {
    expect(digest("/p", change)).not.toBe(digest("/p"));
  });

  test("holds no credentials", () => {
    const secret = { credentials: [{ url: "https://index.example/", username: "user", password: "secret" }] };
    expect(digest("/p", secret)).toBe(digest("/p"));
  });

  test("changes with the base and its packages", () => {
    const other = { ...definition, base: { ...definition.base, packages: ["libgomp1"] } };
    expect(inputsDigest({ definition: other, inputs: undefined, root: "/p" })).not.toBe(
      inputsDigest({ definition, inputs: undefined, root: "/p" }),
    );
  });
});
