import { expect, test } from "vitest";
import { credentialsIn, helperFor, parseAuthFile } from "./auth-file.ts";

const encoded = (text: string) => Buffer.from(text).toString("base64");
const fileOf = (content: unknown) => parseAuthFile(JSON.stringify(content), "/home/u/.docker/config.json");

test("the most specific entry wins, as Podman has it", () => {
  const file = fileOf({
    auths: {
      "registry.example": { auth: encoded("host:1") },
      "registry.example/team": { auth: encoded("team:2") },
      "registry.example/team/app": { auth: encoded("app:3") },
    },
  });
  const user = (repository: string) => {
    const found = credentialsIn(file, "registry.example", repository);
    return found?.kind === "password" ? found.username : undefined;
  };
  expect(user("team/app")).toBe("app");
  expect(user("team/other")).toBe("team");
  expect(user("teamwork/app")).toBe("host");
  expect(credentialsIn(file, "other.example", "team/app")).toBeUndefined();
});

test.for(["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"])(
  "%s holds Docker Hub's credentials",
  (key) => {
    const file = fileOf({ auths: { [key]: { auth: encoded("u:p") } } });
    expect(credentialsIn(file, "docker.io", "library/debian")).toMatchObject({
      username: "u",
      password: "p",
    });
  },
);

test.for([
  { entry: { auth: encoded("u:p:q\0\0") }, is: { kind: "password", username: "u", password: "p:q" } },
  { entry: { username: "u", password: "p" }, is: { kind: "password", username: "u", password: "p" } },
  { entry: { auth: encoded("u:"), identitytoken: "t" }, is: { kind: "identity-token", token: "t" } },
  { entry: { registrytoken: "t" }, is: { kind: "registry-token", token: "t" } },
  { entry: {}, is: undefined },
  { entry: null, is: undefined },
])("$entry is read as $is.kind", ({ entry, is }) => {
  const found = credentialsIn(fileOf({ auths: { "https://r.example/v2/": entry } }), "r.example", "app");
  if (is === undefined) expect(found).toBeUndefined();
  else expect(found).toMatchObject(is);
});

test("a helper of the registry goes before the store of all", () => {
  const file = fileOf({ credHelpers: { "r.example": "one" }, credsStore: "all" });
  expect(helperFor(file, "r.example")).toEqual({ name: "one", serverUrl: "r.example", isSpecific: true });
  expect(helperFor(file, "docker.io")).toEqual({
    name: "all",
    serverUrl: "https://index.docker.io/v1/",
    isSpecific: false,
  });
  expect(helperFor(fileOf({}), "r.example")).toBeUndefined();
});

test.for([
  '{"auths": {"r.example": {"password": hunter2',
  '{"auths": ["hunter2"]}',
  '{"auths":{"r.example":{"auth":7}}}',
])("a damaged file is named and not quoted: %s", (text) => {
  expect(() => parseAuthFile(text, "/p/auth.json")).toThrow(
    expect.objectContaining({
      code: "CREDENTIALS_UNREADABLE",
      message: expect.stringMatching(/^(?!.*hunter2).*\/p\/auth\.json/),
    }),
  );
});

test("an entry that is no pair is named and not shown", () => {
  const file = fileOf({ auths: { "r.example": { auth: encoded("hunter2") } } });
  expect(() => credentialsIn(file, "r.example", "app")).toThrow(
    expect.objectContaining({
      code: "CREDENTIALS_UNREADABLE",
      message: expect.stringContaining("r.example"),
    }),
  );
});
