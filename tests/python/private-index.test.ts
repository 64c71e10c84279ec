import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stripCredentials } from "../../src/ecosystems/python/index/credentials.ts";
import { readIndexSettings } from "../../src/ecosystems/python/index/read-index-settings.ts";
import { readRequirementsFile } from "../../src/ecosystems/python/requirements/requirements-file.ts";
import { resolvePython } from "../../src/ecosystems/python/resolve.ts";
import type { PythonTarget } from "../../src/ecosystems/python/target.ts";
import { tinyWheel } from "../support/distributions.ts";
import { startPythonIndex } from "../support/python-index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { realUv, resolveTools } from "../support/uv.ts";

const target: PythonTarget = {
  version: "3.11.2",
  platform: { os: "linux", architecture: "amd64" },
  glibc: [2, 36],
};
const user = "builder";
const secret = "s3cr3t-T0ken";
const credentials = { username: user, password: secret };

type Setting = {
  /** Files to write, by path below the test's folder. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly requirements?: string;
  readonly indexUrl?: string;
};

async function resolveWith(
  folder: { readonly path: string; at(...parts: string[]): string },
  setting: Setting,
) {
  for (const [path, text] of Object.entries(setting.files ?? {})) {
    mkdirSync(join(folder.at(path), ".."), { recursive: true });
    writeFileSync(folder.at(path), text);
  }
  mkdirSync(folder.at("context"), { recursive: true });
  writeFileSync(folder.at("context", "requirements.txt"), setting.requirements ?? "internal\n");
  const tools = await resolveTools(folder.at("store"), { HOME: folder.at("home"), ...setting.env });
  const place = { env: tools.env, contextDir: folder.at("context"), systemDir: "/nowhere" };
  const file = await readRequirementsFile(folder.at("context", "requirements.txt"), place);
  const read = { ...place, inputLayers: [file.layer], extraIndexUrls: [] };
  const found = await readIndexSettings({
    ...read,
    ...(setting.indexUrl === undefined ? {} : { indexUrl: setting.indexUrl }),
  });
  const request = { wanted: file.wanted, targets: [target], upgrade: false, index: found.settings };
  const result = await resolvePython(request, { ...tools, credentials: found.credentials });
  return { result, book: found.credentials };
}

/** Every byte below a folder, names included. */
function everythingIn(folder: string): string {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path}\n${readFileSync(path, "latin1")}`)
    .join("\n");
}

type Place = {
  readonly name: string;
  readonly setting: (index: { url: string; urlWithCredentials: string }) => Setting;
};

const places: readonly Place[] = [
  { name: "our own flag", setting: ({ urlWithCredentials }) => ({ indexUrl: urlWithCredentials }) },
  {
    name: "a requirements file",
    setting: ({ urlWithCredentials }) => ({ requirements: `-i ${urlWithCredentials}\ninternal\n` }),
  },
  {
    name: "a variable in a requirements file",
    setting: ({ url }) => ({
      requirements: `--index-url ${url.replace("//", "//$" + "{WHO}:$" + "{PASS}@")}\ninternal\n`,
      env: { WHO: user, PASS: secret },
    }),
  },
  {
    name: "PIP_INDEX_URL",
    setting: ({ urlWithCredentials }) => ({ env: { PIP_INDEX_URL: urlWithCredentials } }),
  },
  {
    name: "pip.conf",
    setting: ({ urlWithCredentials }) => ({
      files: { "home/.config/pip/pip.conf": `[global]\nindex-url = ${urlWithCredentials}\n` },
    }),
  },
  {
    name: ".netrc",
    setting: ({ url }) => ({
      env: { PIP_INDEX_URL: url },
      files: { "home/.netrc": `machine 127.0.0.1 login ${user} password ${secret}\n` },
    }),
  },
  {
    name: "UV_INDEX_<NAME>_PASSWORD",
    setting: ({ url }) => ({
      files: { "context/uv.toml": `[[index]]\nname = "my-own"\nurl = "${url}"\ndefault = true\n` },
      env: { UV_INDEX_MY_OWN_USERNAME: user, UV_INDEX_MY_OWN_PASSWORD: secret },
    }),
  },
  {
    name: "[tool.uv] with sources",
    setting: ({ urlWithCredentials }) => ({
      files: {
        "context/pyproject.toml": `[[tool.uv.index]]\nname = "own"\nurl = "${urlWithCredentials}"\nexplicit = true\n[tool.uv.sources]\ninternal = { index = "own" }\n`,
      },
      env: { UV_DEFAULT_INDEX: "http://127.0.0.1:9/simple/" },
    }),
  },
  {
    name: "a page of links",
    setting: ({ urlWithCredentials }) => ({
      env: { PIP_NO_INDEX: "yes", PIP_FIND_LINKS: urlWithCredentials.replace("/simple/", "/flat/") },
    }),
  },
];

test.for(places)("credentials from $name open the index and are written nowhere", async ({ setting }) => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([tinyWheel({ name: "internal", version: "1.0" })], {
    credentials,
  });
  const { result, book } = await resolveWith(folder, setting(index));
  expect(result.lock.distributions).toMatchObject([{ name: "internal", version: "1.0" }]);
  const [wheel] = result.lock.distributions[0]!.wheels;
  expect(book.credentialsFor(wheel!.url!)).toEqual(credentials);
  expect(JSON.stringify(result)).not.toContain(secret);
  const bytes = everythingIn(folder.at("store"));
  expect(bytes).not.toContain(secret);
  expect(bytes).not.toContain(Buffer.from(`${user}:${secret}`).toString("base64"));
});

test("a direct URL's credentials are used and stay out of lock and store", async () => {
  using folder = temporaryFolder();
  const wheel = tinyWheel({ name: "internal", version: "1.0" });
  await using index = await startPythonIndex([wheel], { credentials });
  const url = index.urlWithCredentials.replace("/simple/", `/files/${wheel.filename}`);
  const { result } = await resolveWith(folder, { requirements: `internal @ ${url}\n` });
  expect(result.lock.distributions).toMatchObject([
    { version: "1.0", directUrl: { url: stripCredentials(url) } },
  ]);
  expect(JSON.stringify(result)).not.toContain(secret);
  expect(everythingIn(folder.at("store"))).not.toContain(secret);
});

test("a keyring is asked when the settings say so", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([tinyWheel({ name: "internal", version: "1.0" })], {
    credentials,
  });
  mkdirSync(folder.at("bin"));
  const keyring = folder.at("bin", "keyring");
  // As keyring 25 answers, with and without --mode creds.
  writeFileSync(keyring, `#!/bin/sh\n[ "$1" = --mode ] && printf '${user}\\n'\nprintf '${secret}\\n'\n`);
  chmodSync(keyring, 0o755);
  const { env } = await resolveTools(folder.at("store"));
  const { result, book } = await resolveWith(folder, {
    env: { PATH: `${folder.at("bin")}:${env.PATH}`, PIP_KEYRING_PROVIDER: "subprocess" },
    indexUrl: index.url.replace("//", `//${user}@`),
  });
  expect(result.lock.distributions).toHaveLength(1);
  expect(book.credentialsFor(index.url)).toEqual(credentials);
});

test("a refusal shows the index without the password, and says where credentials can stand", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([], { credentials: { username: user, password: "another" } });
  const url = index.url.replace("//", `//${user}:${secret}@`);
  const failed = resolveWith(folder, { indexUrl: url });
  await expect(failed).rejects.toMatchObject({
    code: "RESOLUTION_FAILED",
    hint: expect.stringContaining(".netrc"),
  });
  const error = (await failed.catch((thrown: unknown) => thrown)) as Error;
  expect(`${error.message}\n${error.stack}`).not.toContain(secret);
  expect(everythingIn(folder.at("store"))).not.toContain(secret);
});

test("uv's arguments hold no secret, and it sees no configuration of the host", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([tinyWheel({ name: "internal", version: "1.0" })], {
    credentials,
  });
  const { path: uv } = await realUv();
  mkdirSync(folder.at("bin"));
  const record = folder.at("record");
  // Stands before the real uv and notes what ps and a look into the folder would show.
  writeFileSync(
    folder.at("bin", "uv"),
    `#!/bin/sh\n{ tr '\\0' ' ' < /proc/$$/cmdline; echo; env; cat uv.toml *.txt 2>/dev/null; } >> ${record}.$1\nexec ${uv} "$@"\n`,
  );
  chmodSync(folder.at("bin", "uv"), 0o755);
  await resolveWith(folder, {
    env: { PATH: `${folder.at("bin")}:/usr/bin:/bin`, UV_OFFLINE: "0", PIP_PRE: "1", SOME_TOKEN: secret },
    indexUrl: index.urlWithCredentials,
  });
  const seen = readFileSync(`${record}.pip`, "utf8").split("\n");
  expect(seen[0]).toContain("pip compile - ");
  expect(seen[0]).not.toContain(secret);
  const holding = seen.filter((line) => line.includes(secret)).map((line) => line.split("=")[0]);
  expect(holding).toEqual(["UV_INDEX_INDEX_1_PASSWORD"]);
  expect(seen).toContain('prerelease = "allow"');
  expect(seen.filter((line) => /^(UV_OFFLINE|PIP_|SOME_TOKEN)/.test(line))).toEqual([]);
});
