import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder } from "../../../../tests/support/temporary-folder.ts";
import { readRequirementsFile } from "../requirements/requirements-file.ts";
import { formatRequirement } from "../standards/requirement.ts";
import { pipConfigFiles } from "./pip-settings.ts";
import { readIndexSettings } from "./read-index-settings.ts";
import { uvConfig, uvEnvironment } from "./uv-config.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  folder[Symbol.dispose]();
});

type World = {
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly indexUrl?: string;
  readonly extraIndexUrls?: readonly string[];
};

/** A machine of its own: home, context, system settings all below the test's folder. */
async function read(world: World) {
  for (const [name, text] of Object.entries(world.files ?? {})) {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true });
    writeFileSync(join(folder.path, name), text);
  }
  const contextDir = folder.at("context");
  mkdirSync(contextDir, { recursive: true });
  const env = { HOME: folder.at("home"), ...world.env };
  const inputLayers = [];
  if (world.files?.["context/requirements.txt"] !== undefined) {
    inputLayers.push(
      (await readRequirementsFile(join(contextDir, "requirements.txt"), { env, contextDir })).layer,
    );
  }
  return readIndexSettings({
    env,
    contextDir,
    systemDir: folder.at("etc"),
    inputLayers,
    extraIndexUrls: world.extraIndexUrls ?? [],
    ...(world.indexUrl === undefined ? {} : { indexUrl: world.indexUrl }),
  });
}

const urls = ({ settings }: Awaited<ReturnType<typeof read>>) =>
  settings.indexes.map(({ url, isDefault }) => `${url}${isDefault ? " default" : ""}`);

test("nothing configured leaves the index to the resolver, which is named nowhere", async () => {
  const { settings, notices } = await read({});
  expect(settings.indexes).toEqual([]);
  expect(settings).toMatchObject({ noIndex: false, strategy: "first-index", keyring: "disabled" });
  expect(notices).toEqual([]);
});

test("pip: user over system, [install] over [global], variables over all", async () => {
  const world = {
    files: {
      "etc/pip.conf": "[global]\nindex-url = https://system.example/\ntimeout = 1\nretries: 7\n",
      "home/.pip/pip.conf": "[global]\nindex-url = https://legacy.example/\n",
      "home/.config/pip/pip.conf":
        "# mine\n[global]\nindex-url = https://user.example/\nextra-index-url =\n    https://a.example/\n    https://b.example/\n" +
        "[install]\nindex_url = https://install.example/\n[list]\nindex-url = https://list.example/\n",
    },
  };
  expect(urls(await read(world))).toEqual([
    "https://a.example/",
    "https://b.example/",
    "https://install.example/ default",
  ]);
  const { settings } = await read({
    ...world,
    env: { PIP_INDEX_URL: "https://env.example/", PIP_DEFAULT_TIMEOUT: "180" },
  });
  expect(settings.indexes.at(-1)).toMatchObject({ url: "https://env.example/", where: "PIP_INDEX_URL" });
  expect(settings).toMatchObject({ timeoutSec: 180, retries: 7 });
});

test("PIP_CONFIG_FILE replaces the user's file, and the null device all files", async () => {
  const files = {
    "home/.config/pip/pip.conf": "[global]\nindex-url = https://user.example/\n",
    "own.conf": "[global]\nindex-url = https://own.example/\n",
  };
  expect(urls(await read({ files, env: { PIP_CONFIG_FILE: folder.at("own.conf") } }))).toEqual([
    "https://own.example/ default",
  ]);
  expect(urls(await read({ files, env: { PIP_CONFIG_FILE: "/dev/null" } }))).toEqual([]);
  const env = { HOME: "/nowhere", PIP_CONFIG_FILE: "/dev/null" };
  expect(pipConfigFiles({ env, contextDir: "/" })).toEqual([]);
});

test("a requirements file goes before our flags, those before uv, uv before pip", async () => {
  const files: Record<string, string> = {
    "home/.config/pip/pip.conf":
      "[global]\nindex-url = https://pip.example/\nextra-index-url = https://pip-extra.example/\npre = true\n",
  };
  expect(urls(await read({ files }))).toEqual(["https://pip-extra.example/", "https://pip.example/ default"]);
  files["context/uv.toml"] = 'extra-index-url = ["https://uv-extra.example/"]\nprerelease = "disallow"\n';
  const withUv = await read({ files });
  expect(urls(withUv)).toEqual([
    "https://uv-extra.example/",
    "https://pip-extra.example/",
    "https://pip.example/ default",
  ]);
  expect(withUv.settings.prerelease).toBe("disallow");
  expect(urls(await read({ files, indexUrl: "https://flag.example/" }))).toEqual([
    "https://uv-extra.example/",
    "https://flag.example/ default",
  ]);
  files["context/requirements.txt"] =
    "--extra-index-url https://file-extra.example/\n-i https://file.example/\n--pre\n";
  const all = await read({ files, indexUrl: "https://flag.example/" });
  expect(urls(all)).toEqual([
    "https://file-extra.example/",
    "https://uv-extra.example/",
    "https://file.example/ default",
  ]);
  expect(all.settings.prerelease).toBe("allow");
});

test("uv: variables over the project over the user, named and explicit indexes with sources", async () => {
  const { settings } = await read({
    files: {
      "context/pyproject.toml": [
        "[tool.uv]",
        'index-strategy = "unsafe-best-match"',
        'constraint-dependencies = ["numpy<3"]',
        'override-dependencies = ["six==1.17.0"]',
        'no-binary-package = ["Psycopg2"]',
        "[[tool.uv.index]]",
        'name = "torch"',
        'url = "https://u:p@torch.example/whl/cpu"',
        "explicit = true",
        "ignore-error-codes = [403]",
        "[tool.uv.sources]",
        'Torch = [{ index = "torch", marker = "sys_platform == \'linux\'" }]',
      ].join("\n"),
      "home/.config/uv/uv.toml":
        'prerelease = "allow"\nindex-strategy = "first-index"\nexclude-newer = 2026-01-01T00:00:00Z\n',
    },
    env: { UV_PRERELEASE: "explicit", UV_INDEX: "own=https://own.example/simple https://other.example/?a=b" },
  });
  expect(settings.indexes.map(({ name, url, isExplicit }) => [name, url, isExplicit])).toEqual([
    ["own", "https://own.example/simple", false],
    ["index-1", "https://other.example/?a=b", false],
    ["torch", "https://torch.example/whl/cpu", true],
  ]);
  expect(settings).toMatchObject({
    strategy: "unsafe-best-match",
    prerelease: "explicit",
    excludeNewer: "2026-01-01T00:00:00.000Z",
    noBinary: ["psycopg2"],
    sources: { torch: [{ index: "torch", marker: "sys_platform == 'linux'" }] },
    credentials: [{ url: "https://torch.example/whl/cpu", username: "u", password: "p" }],
  });
  expect(settings.constraints.map(({ requirement }) => formatRequirement(requirement))).toEqual(["numpy<3"]);
  expect(settings.overrides.map(({ requirement }) => formatRequirement(requirement))).toEqual([
    "six==1.17.0",
  ]);
  const config = uvConfig(settings);
  expect(config).not.toContain("u:p");
  expect(config).toContain('name = "torch"');
  expect(config).toContain("ignore-error-codes = [ 403 ]");
});

test("uv.toml hides [tool.uv] beside it, and a parent's settings count for a folder without", async () => {
  const files = {
    "uv.toml": 'index-url = "https://parent.example/"\n',
    "context/pyproject.toml": '[project]\nname = "x"\n',
  };
  expect(urls(await read({ files }))).toEqual(["https://parent.example/ default"]);
  const more = {
    ...files,
    "context/pyproject.toml": '[tool.uv]\nindex-url = "https://project.example/"\n',
    "context/uv.toml": 'index-url = "https://own.example/"\n',
  };
  expect(urls(await read({ files: more }))).toEqual(["https://own.example/ default"]);
  expect(urls(await read({ files: more, env: { UV_NO_CONFIG: "1" } }))).toEqual([]);
});

test("a missing folder of links costs a notice, as with pip", async () => {
  const { settings, notices } = await read({
    env: { PIP_FIND_LINKS: `${folder.at("gone")} https://links.example/` },
  });
  expect(settings.indexes).toMatchObject([{ url: "https://links.example/", kind: "links" }]);
  expect(notices).toEqual([`PIP_FIND_LINKS: there is no ${folder.at("gone")}; it is left out`]);
});

test("no-index leaves the links", async () => {
  const { settings } = await read({
    env: {
      PIP_NO_INDEX: "1",
      PIP_INDEX_URL: "https://index.example/",
      PIP_FIND_LINKS: "https://links.example/",
    },
  });
  expect(settings).toMatchObject({ noIndex: true, indexes: [{ url: "https://links.example/" }] });
  expect(urls(await read({ env: { PIP_NO_INDEX: "1" }, indexUrl: "https://flag.example/" }))).toEqual([
    "https://flag.example/ default",
  ]);
});

test("certificates, proxy and hosts reach uv as variables, and nothing else of the caller does", async () => {
  const env = {
    PIP_CERT: "/ca.pem",
    PIP_CLIENT_CERT: "/client.pem",
    PIP_PROXY: "proxy.example:3128",
    PIP_TRUSTED_HOST: "a.example b.example:8080",
    UV_CACHE_DIR: "/elsewhere",
    UV_PYTHON: "3.9",
    SECRET: "x",
    https_proxy: "http://other.example/",
  };
  const { settings } = await read({ env });
  const passed = uvEnvironment(settings, { ...env, PATH: "/bin", LANG: "xx" }, "/cache");
  expect(passed).toEqual({
    PATH: "/bin",
    SSL_CERT_FILE: "/ca.pem",
    SSL_CLIENT_CERT: "/client.pem",
    HTTP_PROXY: "http://proxy.example:3128",
    HTTPS_PROXY: "http://proxy.example:3128",
    ALL_PROXY: "http://proxy.example:3128",
    UV_CACHE_DIR: "/cache",
    UV_PYTHON_DOWNLOADS: "never",
    UV_NO_WRAP: "1",
    NO_COLOR: "1",
  });
  expect(uvConfig(settings)).toContain('allow-insecure-host = [ "a.example", "b.example:8080" ]');
});

test.for<[string, World, string, string]>([
  [
    "a pip option",
    { files: { "home/.config/pip/pip.conf": "[global]\n\nno-deps = yes\n" } },
    "INDEX_SETTING_UNSUPPORTED",
    "pip.conf:3: no-deps",
  ],
  ["a pip variable", { env: { PIP_PLATFORM: "any" } }, "INDEX_SETTING_UNSUPPORTED", "PIP_PLATFORM: platform"],
  ["sdists for all", { env: { PIP_NO_BINARY: ":all:" } }, "INDEX_SETTING_UNSUPPORTED", "PIP_NO_BINARY"],
  [
    "a uv setting",
    {
      files: {
        "context/pyproject.toml": '[project]\nname = "x"\n[tool.uv]\n\nexclude-dependencies = ["a"]\n',
      },
    },
    "INDEX_SETTING_UNSUPPORTED",
    "pyproject.toml:5: tool.uv.exclude-dependencies",
  ],
  ["a uv variable", { env: { UV_TORCH_BACKEND: "auto" } }, "INDEX_SETTING_UNSUPPORTED", "UV_TORCH_BACKEND"],
  [
    "a wrong type",
    { files: { "context/uv.toml": 'no-index = false\nindex-url = ["x"]\n' } },
    "SETTING_TYPE",
    "uv.toml:2: index-url is not a string",
  ],
  ["a wrong word", { env: { UV_PRERELEASE: "maybe" } }, "SETTING_VALUE", '"maybe" is not one of'],
  ["a wrong switch", { env: { PIP_PRE: "maybe" } }, "SETTING_VALUE", "PIP_PRE"],
  ["broken TOML", { files: { "context/uv.toml": "index-url = \n" } }, "SETTINGS_SYNTAX", "uv.toml:1:"],
  ["broken INI", { files: { "etc/pip.conf": "[global]\nindex-url\n" } }, "SETTINGS_SYNTAX", "pip.conf:2"],
  ["no URL", { env: { PIP_INDEX_URL: "ftp://u:hidden@x.example/" } }, "INDEX_URL", '"ftp://x.example/"'],
  ["a broken URL", { env: { PIP_INDEX_URL: "https://[" } }, "INDEX_URL", "PIP_INDEX_URL"],
  [
    "an unknown index",
    { files: { "context/pyproject.toml": '[tool.uv.sources]\ntorch = { index = "gone" }\n' } },
    "INDEX_UNKNOWN",
    '"gone"',
  ],
])("%s is refused and named", async ([_, world, code, text]) => {
  const failed = read(world);
  await expect(failed).rejects.toMatchObject({ code, exitCode: 2, message: expect.stringContaining(text) });
  expect(((await failed.catch((thrown: unknown) => thrown)) as Error).message).not.toContain("hidden");
});
