import { pathToFileURL } from "node:url";
import { canonicalJson } from "../canonical-json.ts";
import type { IndexLayer } from "../ecosystems/python/index/index-layer.ts";
import type { WantedRequirement } from "../ecosystems/python/requirements/wanted.ts";
import { formatRequirement } from "../ecosystems/python/standards/requirement.ts";
import type { PythonTarget } from "../ecosystems/python/target.ts";
import type { Base, Definition } from "../graph/definition.ts";
import { type Digest, digestOf } from "../layer/digest.ts";
import { formatPlatform } from "../platform.ts";
import type { PythonInputs } from "./python-inputs.ts";

type Inputs = {
  readonly definition: Definition;
  readonly inputs: PythonInputs | undefined;
  /** Absolute: the project's folder. */
  readonly root: string;
};

/**
 * Digest of what the project says; no host facts, so that a lock made on one machine fits on another:
 * `{"debian":{"packages":[…],"suite":"bookworm","variant":"standard"},"python":{"requirements":["numpy>=2"],…}}`
 */
export function inputsDigest(request: Inputs): Digest {
  return digestOf(canonicalJson({ ...baseInputs(request.definition.base), python: pythonDocument(request) }));
}

/**
 * Digest of what decides the Python part alone: what is asked for, and the targets it is resolved for. Another base with
 * the same Python and C library has the same one, so nothing is resolved again for it:
 * `{"python":{"requirements":["numpy>=2"],…},"targets":[{"glibc":[2,36],"platform":"linux/amd64","version":"3.11.2"}]}`
 */
export function pythonInputsDigest(request: Inputs, targets: readonly PythonTarget[]): Digest {
  const described = targets.map(({ version, platform, glibc }) => ({
    ...{ version, glibc },
    platform: formatPlatform(platform),
  }));
  return digestOf(canonicalJson({ python: pythonDocument(request), targets: described }));
}

function pythonDocument({ inputs, root }: Inputs) {
  if (inputs?.kind !== "wanted") return undefined;
  // A file of the project is the same in every checkout.
  const portable = (text: string) => text.replaceAll(`${pathToFileURL(root).href}/`, "file:./");
  const lines = (all: readonly WantedRequirement[]) =>
    all
      .map(({ requirement, hashes }) => [portable(formatRequirement(requirement)), ...hashes].join(" "))
      .sort();
  return {
    requirements: lines(inputs.wanted.requirements),
    constraints: lines(inputs.wanted.constraints),
    overrides: lines(inputs.wanted.overrides),
    requiresPython: inputs.wanted.requiresPython,
    settings: inputs.layers.map((layer) => settingsOf(layer, portable)),
  };
}

function baseInputs(base: Base) {
  if (base.kind === "image") return { base: { image: base.reference, packages: base.packages } };
  const { suite, variant, packages } = base;
  return { debian: { suite, variant, packages } };
}

/** What of a project's own index settings decides which releases are chosen; no credentials, no way of fetching. */
function settingsOf(layer: IndexLayer, portable: (text: string) => string) {
  const { sources, strategy, prerelease, prereleasePackages, resolution, noIndex, noBinary } = layer;
  const { excludeNewer, excludeNewerPackages } = layer;
  return {
    indexes: layer.indexes.map(({ url, kind, isDefault, isExplicit }) => ({
      url: portable(url),
      ...{ kind, isDefault, isExplicit },
    })),
    ...{ sources, strategy, prerelease, prereleasePackages, resolution, noIndex, noBinary },
    ...{ excludeNewer, excludeNewerPackages },
    constraints: layer.constraints?.map(({ requirement }) => portable(formatRequirement(requirement))),
    overrides: layer.overrides?.map(({ requirement }) => portable(formatRequirement(requirement))),
  };
}
