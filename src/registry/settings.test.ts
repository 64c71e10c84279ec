import { expect, test } from "vitest";
import { parseReference } from "../image/reference.ts";
import { originOf, sourcesOf } from "./endpoint.ts";
import { NO_REGISTRY_SETTINGS, parseMirrors, parseRegistryHost } from "./settings.ts";

test("a mirror alone is Docker Hub's; others name their registry", () => {
  const text = "mirror.example:5000, quay.io=http://10.0.0.1:80/quay/cache,";
  expect(parseMirrors(text, "test")).toEqual([
    { registry: "docker.io", host: "mirror.example:5000", isPlainHttp: false, prefix: "" },
    { registry: "quay.io", host: "10.0.0.1:80", isPlainHttp: true, prefix: "quay/cache" },
  ]);
});

test.for([
  "ftp://mirror.example",
  "a b",
  "quay.io=",
  "=mirror.example",
  "https://user:secret@mirror.example",
])("%s is no mirror", (text) => {
  expect(() => parseMirrors(text, "CAMBIUM_REGISTRY_MIRRORS")).toThrow(
    expect.objectContaining({
      code: "REGISTRY_MIRROR_SYNTAX",
      message: expect.not.stringContaining("secret"),
    }),
  );
});

test.for(["http://registry.example", "registry.example/app", ""])("%j is no registry host", (text) => {
  expect(() => parseRegistryHost(text, "--registry-insecure")).toThrow(
    expect.objectContaining({ code: "REGISTRY_HOST_SYNTAX" }),
  );
});

test.for([
  { name: "debian", apiHost: "registry-1.docker.io", repository: "library/debian", transport: "https" },
  { name: "localhost:5000/app", apiHost: "localhost:5000", repository: "app", transport: "http" },
  { name: "127.0.0.1:5000/a/b", apiHost: "127.0.0.1:5000", repository: "a/b", transport: "http" },
  { name: "[::1]:5000/app", apiHost: "[::1]:5000", repository: "app", transport: "http" },
  {
    name: "127.0.0.1.example.com/app",
    apiHost: "127.0.0.1.example.com",
    repository: "app",
    transport: "https",
  },
  { name: "lab.example/app", apiHost: "lab.example", repository: "app", transport: "any" },
])("$name is asked at $apiHost over $transport", ({ name, ...endpoint }) => {
  const settings = { ...NO_REGISTRY_SETTINGS, insecureHosts: ["lab.example"] };
  expect(originOf(parseReference(name, "test"), settings)).toMatchObject(endpoint);
});

test("mirrors are read first, under their own host and prefix, and only for their registry", () => {
  const settings = { insecureHosts: [], mirrors: parseMirrors("quay.io=mirror.example/quay", "test") };
  const places = (name: string) =>
    sourcesOf(parseReference(name, "test"), settings).map((place) => `${place.registry}/${place.repository}`);
  expect(places("quay.io/team/app")).toEqual(["mirror.example/quay/team/app", "quay.io/team/app"]);
  expect(places("debian")).toEqual(["docker.io/library/debian"]);
});
