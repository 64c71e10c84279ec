import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf } from "../../../layer/digest.ts";
import { parseProjectName } from "../name.ts";
import { evaluateMarker, markerEnvironment, parseMarker } from "../standards/marker.ts";
import type { PythonTarget } from "../target.ts";
import { mergeTargets } from "./merge-targets.ts";

const targets: readonly PythonTarget[] = [
  { version: "3.11.2", platform: { os: "linux", architecture: "amd64" }, glibc: [2, 36] },
  { version: "3.11.2", platform: { os: "linux", architecture: "arm64" }, glibc: [2, 36] },
  { version: "3.13.5", platform: { os: "linux", architecture: "amd64" }, glibc: [2, 41] },
  { version: "3.13.5", platform: { os: "linux", architecture: "arm64" }, glibc: [2, 41] },
];

const release = (name: string, version: string, file: string) => ({
  name: parseProjectName(name, "test"),
  version,
  marker: "python_version > '3'",
  wheels: [{ filename: file, sha256: digestOf(file) }],
});

const holds = (marker: string, target: PythonTarget) =>
  evaluateMarker(parseMarker(marker, "test"), markerEnvironment(target));

test("each target finds in the merged lock exactly what was resolved for it, in any order of targets", () => {
  const name = fc.constantFrom("a", "b", "c");
  const choice = fc.dictionary(name, fc.constantFrom("1", "2", "3"));
  const input = fc.tuple(
    fc.shuffledSubarray([...targets], { minLength: 1 }),
    fc.array(choice, { minLength: 4, maxLength: 4 }),
  );
  fc.assert(
    fc.property(input, ([some, choices]) => {
      const resolutions = some.map((target, index) => ({
        target,
        distributions: Object.entries(choices[index]!).map(([key, version]) =>
          release(key, version, `${key}-${index}`),
        ),
      }));
      const lock = mergeTargets(resolutions);
      for (const [index, target] of some.entries()) {
        const found = lock.distributions.filter(
          ({ marker }) => marker === undefined || holds(marker, target),
        );
        expect(Object.fromEntries(found.map((one) => [one.name, one.version]))).toEqual({
          ...choices[index],
        });
        expect(found).toHaveLength(Object.keys(choices[index]!).length);
        expect(
          found.every(({ name, wheels }) => wheels.some(({ filename }) => filename === `${name}-${index}`)),
        ).toBe(true);
        expect(lock.environments!.filter((marker) => holds(marker, target))).toHaveLength(1);
      }
      expect(
        mergeTargets([...resolutions].reverse()).distributions.map(({ name, version }) => [name, version]),
      ).toEqual(lock.distributions.map(({ name, version }) => [name, version]));
    }),
  );
});

test("what all targets share has no marker, and a file that two of them name stands once", () => {
  const distributions = [release("a", "1", "a.whl")];
  const lock = mergeTargets(targets.map((target) => ({ target, distributions })));
  expect(lock.distributions).toEqual([
    { name: "a", version: "1", wheels: [{ filename: "a.whl", sha256: digestOf("a.whl") }] },
  ]);
});

test("an environment of no target holds nowhere", () => {
  const lock = mergeTargets([{ target: targets[0]!, distributions: [] }]);
  expect(targets.map((target) => holds(lock.environments![0]!, target))).toEqual([true, false, false, false]);
});
