import { expect, test } from "vitest";
import { parseCacheFrom, parseCacheTo } from "./cache-spec.ts";

const registry = (reference: string) => ({ place: { kind: "registry", reference } });
const folder = (path: string) => ({ place: { kind: "folder", path } });

test.for([
  ["registry.example/app:cache", registry("registry.example/app:cache")],
  ["type=registry,ref=app", registry("app")],
  ["./cache", folder("./cache")],
  ["../cache", folder("../cache")],
  ["/var/cache", folder("/var/cache")],
  ["type=local,src=cache", folder("cache")],
  ["app,stage=one,stage=two", { ...registry("app"), stages: ["one", "two"] }],
] as const)("%s is where to look", ([text, expected]) => {
  expect(parseCacheFrom(text, "--cache-from")).toEqual(expected);
});

const all = { mounts: "all", mode: "max" };
test.for([
  ["app", { ...registry("app"), ...all }],
  ["type=local,dest=/cache,mode=min", { ...folder("/cache"), ...all, mode: "min" }],
  ["type=registry,ref=app,mode=max,compression=zstd,ignore-error=true", { ...registry("app"), ...all }],
  ["./c,mounts=none", { ...folder("./c"), ...all, mounts: "none" }],
  [
    "./c,mounts=/root/.cache/pip,/var/cache/apt",
    { ...folder("./c"), ...all, mounts: ["/root/.cache/pip", "/var/cache/apt"] },
  ],
  ["./c,mounts=a=b", { ...folder("./c"), ...all, mounts: ["a=b"] }],
  ["./c,mounts=a,stage=one", { ...folder("./c"), ...all, mounts: ["a"], stages: ["one"] }],
] as const)("%s is where it goes", ([text, expected]) => {
  expect(parseCacheTo(text, "--cache-to")).toEqual(expected);
});

test.for([
  ["", `not key=value: ""`],
  ["type=inline", 'unknown type "inline"'],
  ["type=s3,ref=x", 'unknown type "s3"'],
  ["type=registry", "ref is missing"],
  ["type=local", "dest is missing"],
  ["type=local,src=x", 'unknown key "src"'],
  ["app,type=registry", "it names two places"],
  ["app,other", 'not key=value: "other"'],
  ["app,mode=most", 'mode "most" is neither min nor max'],
  ["app,mounts=all,x", "mounts is all, none, or ids"],
  ["type=local,dest=a,dest=b", "dest stands twice"],
] as const)("%j is refused: %s", ([text, problem]) => {
  expect(() => parseCacheTo(text, "--cache-to")).toThrow(
    expect.objectContaining({
      code: "CACHE_SYNTAX",
      exitCode: 2,
      message: expect.stringContaining(problem),
    }),
  );
});
