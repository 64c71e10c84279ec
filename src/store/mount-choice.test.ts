import { expect, test } from "vitest";
import { type MountChoice, nextToRemove } from "./mount-choice.ts";

const mounts = [
  { name: "a", id: "/cache", usedMs: 30, sizeBytes: 5, isInUse: false },
  { name: "b", id: "/other", usedMs: 10, sizeBytes: 3, isInUse: false },
  { name: "c", usedMs: 20, sizeBytes: 2, isInUse: false },
  { name: "d", id: "/cache", usedMs: 5, sizeBytes: 4, isInUse: true },
];

/** All that go, in their order. */
function removed(choice: MountChoice): string[] {
  const names: string[] = [];
  for (let left = [...mounts]; ; ) {
    const next = nextToRemove(left, choice);
    if (next === undefined) return names;
    names.push(next.name);
    left = left.filter((mount) => mount !== next);
  }
}

test.for([
  ["without conditions all but those in use, the least recently used first", {}, ["b", "c", "a"]],
  ["by age", { beforeMs: 20 }, ["b"]],
  ["by id, of whatever project", { ids: ["/cache"] }, ["a"]],
  ["by name, also without an id", { ids: ["c", "b"] }, ["b", "c"]],
  ["by size, no more than needed; what is in use counts but stays", { maxBytes: 11 }, ["b"]],
  ["by size to nothing", { maxBytes: 0 }, ["b", "c", "a"]],
  ["not at all below the size", { maxBytes: 14 }, []],
  ["by all together", { maxBytes: 0, beforeMs: 25, ids: ["/other", "/cache"] }, ["b"]],
] as const)("removes %s", ([, choice, names]) => {
  expect(removed(choice)).toEqual(names);
});
