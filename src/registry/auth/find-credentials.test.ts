import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import type { BuildEvent } from "../../events.ts";
import { askHelper } from "./credential-helper.ts";
import { authFilePaths, createCredentialLookup } from "./find-credentials.ts";

const encoded = (text: string) => Buffer.from(text).toString("base64");

type Home = ReturnType<typeof temporaryFolder>;

function write(home: Home, path: string, content: unknown): void {
  mkdirSync(dirname(home.at(path)), { recursive: true });
  writeFileSync(home.at(path), typeof content === "string" ? content : JSON.stringify(content));
}

/** A helper on PATH that notes what it was asked and then runs `script`. */
function helper(home: Home, name: string, script: string): void {
  write(
    home,
    `bin/docker-credential-${name}`,
    `#!/bin/sh\n(cat; echo " $*") >> ${home.path}/asked\n${script}\n`,
  );
  chmodSync(home.at(`bin/docker-credential-${name}`), 0o755);
}

const envOf = (home: Home) => ({ HOME: home.path, PATH: `${home.at("bin")}:/usr/bin:/bin` });

test("files are asked in this order", () => {
  const env = { REGISTRY_AUTH_FILE: "/a.json", XDG_RUNTIME_DIR: "/run/u", HOME: "/h" };
  expect(authFilePaths(env)).toEqual([
    "/a.json",
    "/h/.docker/config.json",
    "/run/u/containers/auth.json",
    "/h/.config/containers/auth.json",
  ]);
  expect(authFilePaths({ DOCKER_CONFIG: "/d", XDG_CONFIG_HOME: "/c" })).toEqual([
    "/d/config.json",
    "/c/containers/auth.json",
  ]);
  expect(authFilePaths({})).toEqual([]);
});

test("the first file with credentials for the repository wins; missing and empty ones are none", async () => {
  using home = temporaryFolder();
  write(home, "auth.json", "");
  write(home, ".docker/config.json", { auths: { "other.example": { auth: encoded("no:no") } } });
  write(home, ".config/containers/auth.json", { auths: { "r.example/team": { auth: encoded("podman:p") } } });
  const env = { ...envOf(home), REGISTRY_AUTH_FILE: home.at("auth.json") };
  const lookup = createCredentialLookup(env, () => undefined);
  expect(await lookup("r.example", "team/app")).toMatchObject({
    username: "podman",
    from: home.at(".config/containers/auth.json"),
  });
  expect(await lookup("r.example", "alone")).toBeUndefined();
});

test("a helper is asked once, by argv, with the server on stdin", async () => {
  using home = temporaryFolder();
  helper(home, "good", `echo '{"ServerURL":"r.example","Username":"u","Secret":"s3cret"}'`);
  write(home, ".docker/config.json", { credHelpers: { "r.example": "good" } });
  const lookup = createCredentialLookup(envOf(home), () => undefined);
  const [found] = await Promise.all([lookup("r.example", "a"), lookup("r.example", "b")]);
  expect(found).toEqual({
    kind: "password",
    username: "u",
    password: "s3cret",
    from: "docker-credential-good",
  });
  expect(readFileSync(home.at("asked"), "utf8")).toBe("r.example get\n");
});

test("a helper may know an identity token, or nothing", async () => {
  using home = temporaryFolder();
  helper(home, "token", `echo '{"Username":"<token>","Secret":"t0ken"}'`);
  helper(home, "none", "echo 'credentials not found in native keychain'; exit 1");
  const ask = (name: string) => askHelper({ name, serverUrl: "r.example", env: envOf(home) });
  expect(await ask("token")).toMatchObject({ kind: "identity-token", token: "t0ken" });
  expect(await ask("none")).toBe("unknown");
  expect(await ask("absent")).toBe("missing");
});

test.for([
  { name: "fails", script: "echo s3cret; echo s3cret >&2; exit 3", reason: "exit 3" },
  { name: "babbles", script: "echo s3cret", reason: "not what the protocol says" },
  { name: "floods", script: "yes s3cret | head -c 1000000", reason: "too long" },
  { name: "hangs", script: "exec sleep 60", reason: "no answer in time" },
])("a helper that $name is an error without its words", async ({ name, script, reason }) => {
  using home = temporaryFolder();
  helper(home, name, script);
  const asked = askHelper({ name, serverUrl: "r.example", env: envOf(home), timeoutMs: 500 });
  await expect(asked).rejects.toMatchObject({
    code: "CREDENTIAL_HELPER_FAILED",
    exitCode: 3,
    message: expect.stringContaining(reason),
  });
  await expect(asked).rejects.not.toThrow("s3cret");
});

test("a helper's name is not a path", async () => {
  await expect(askHelper({ name: "../../bin/sh", serverUrl: "r.example", env: {} })).rejects.toMatchObject({
    code: "CREDENTIAL_HELPER_FAILED",
    exitCode: 2,
  });
});

test("a store for all registries that was left behind warns, one for this registry fails", async () => {
  using home = temporaryFolder();
  const events: BuildEvent[] = [];
  write(home, ".docker/config.json", { credsStore: "desktop", credHelpers: { "r.example": "gone" } });
  const lookup = createCredentialLookup(envOf(home), (event) => events.push(event));
  expect(await lookup("other.example", "app")).toBeUndefined();
  expect(events).toMatchObject([{ type: "warning", code: "CREDENTIAL_HELPER_MISSING" }]);
  await expect(lookup("r.example", "app")).rejects.toMatchObject({ code: "CREDENTIAL_HELPER_FAILED" });
});
