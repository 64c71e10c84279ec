// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Dockerfiles' variables.
import { expect, test } from "vitest";
import { mountFrom, readMount } from "./mounts.ts";

const where = "Dockerfile:2:5";
const plain = (value: string) => value;

test("fields have several names, types and keys no case, and commas may be quoted", () => {
  expect(
    readMount({ text: 'TYPE=Cache,"dst=/a,b",src=c,rw,sharing=LOCKED,mode=0700,uid=1', where }, plain),
  ).toEqual({
    type: "cache",
    target: "/a,b",
    source: "c",
    isReadOnly: false,
    sharing: "locked",
    mode: 0o700,
    uid: 1,
  });
  expect(readMount({ text: "type=tmpfs,destination=/t,size=1k", where }, plain)).toEqual({
    type: "tmpfs",
    target: "/t",
    sizeBytes: 1024,
  });
});

test("variables are put into each value", () => {
  const put = (value: string) => value.replace("$X", "cache").replace("$Y", "/y");
  expect(readMount({ text: "type=$X,target=$Y", where }, put)).toEqual({ type: "cache", target: "/y" });
});

test("the last from counts, and an empty one is none", () => {
  expect(mountFrom({ text: "from=a,target=/x,from=b", where })).toBe("b");
  expect(mountFrom({ text: "from=,target=/x", where })).toBeUndefined();
});

test.for([
  ["type=cache,target", "DOCKERFILE_FLAG", '"target" has no value', "Write target=VALUE."],
  ["type=bind,ro=perhaps", "DOCKERFILE_FLAG", 'neither true nor false: "ro=perhaps"', undefined],
  [
    "required,type=ssh",
    "DOCKERFILE_FLAG",
    "a mount of type bind has no required",
    "The type stands before it.",
  ],
  ["type=cache,size=1", "DOCKERFILE_FLAG", "a mount of type cache has no size", "The type stands before it."],
  ["type=tmpfs,size=lots", "DOCKERFILE_FLAG", 'not a size: "size=lots"', "Write it like size=64m."],
  ["type=cache,mode=8", "DOCKERFILE_FLAG", 'not an octal number: "mode=8"', undefined],
  ["type=cache,uid=x", "DOCKERFILE_FLAG", 'not a number: "uid=x"', undefined],
  ["type=bind,gid=1", "DOCKERFILE_FLAG", "a mount of type bind has no gid", undefined],
  ["type=secret", "DOCKERFILE_FLAG", "a secret without a name", "Write id=NAME."],
  ["type=secret,id=a,from=b", "DOCKERFILE_FLAG", "a mount of type secret has no from", undefined],
  [
    "type=cache,sharing=lock",
    "DOCKERFILE_FLAG",
    'unknown: "sharing=lock"',
    "Did you mean locked? Known: shared, private, locked.",
  ],
  ["tagret=/x", "DOCKERFILE_FLAG", 'unknown: "tagret=/x"', expect.stringContaining("Did you mean target?")],
] as const)("%s is refused", ([text, code, problem, hint]) => {
  expect(() => readMount({ text, where }, plain)).toThrow(
    expect.objectContaining({ code, message: `${where}: --mount: ${problem}`, hint }),
  );
});
