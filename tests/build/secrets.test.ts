import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { cambium, type Ran } from "../support/command.ts";
import { tinyWheel } from "../support/distributions.ts";
import { digestIn, requirementsFiles, type Workplace, workplace } from "../support/project.ts";
import { type PythonIndex, startPythonIndex } from "../support/python-index.ts";
import "../support/in-memory.ts";

const credentials = { username: "builder", password: "s3cr3t-T0ken" };
/** What must not be found: the password, the pair as a header has it, and the password as a URL may escape it. */
const forbidden = [
  credentials.password,
  Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64"),
  "s3cr3t%2DT0ken",
];

const ways: readonly {
  readonly name: string;
  readonly requirements: (url: string) => string;
  readonly args?: (url: string) => string[];
  readonly env?: (url: string) => Record<string, string>;
}[] = [
  { name: "the requirements file", requirements: (url) => `--index-url ${url}\nalpha\n` },
  { name: "PIP_INDEX_URL", requirements: () => "alpha\n", env: (url) => ({ PIP_INDEX_URL: url }) },
  { name: "UV_DEFAULT_INDEX", requirements: () => "alpha\n", env: (url) => ({ UV_DEFAULT_INDEX: url }) },
  { name: "--default-index", requirements: () => "alpha\n", args: (url) => ["--default-index", url] },
  { name: "--index", requirements: () => "alpha\n", args: (url) => ["--index", url, "--default-index", url] },
  {
    name: "a requirement's own URL",
    requirements: (url) => `alpha @ ${url.replace("/simple/", "/files/alpha-1.0-py3-none-any.whl")}\n`,
  },
];

/** Files below a folder whose bytes, as they are or after gunzip, hold what is forbidden. */
function betrayers(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const raw = readFileSync(path);
      const isGzip = raw[0] === 0x1f && raw[1] === 0x8b;
      const texts = [Buffer.from(path), raw, ...(isGzip ? [gunzipSync(raw)] : [])];
      return forbidden.some((secret) => texts.some((text) => text.includes(secret)));
    });
}

function expectSilent(...runs: readonly Ran[]): void {
  for (const { stdout, stderr } of runs) {
    for (const secret of forbidden) expect(stdout + stderr).not.toContain(secret);
  }
}

async function privateIndex(): Promise<PythonIndex> {
  return startPythonIndex([tinyWheel({ name: "alpha", version: "1.0" })], { credentials });
}

/** The project's own inputs hold the secret, so they stand apart from what is searched, and are not copied. */
async function projectOf(place: Workplace, requirements: string): Promise<string> {
  return place.project("project", await requirementsFiles(requirements));
}

test.for(ways)("credentials from $name are used and found nowhere", async ({ requirements, args, env }) => {
  await using index = await privateIndex();
  using place = await workplace();
  const url = index.urlWithCredentials;
  const project = await projectOf(place, requirements(url));
  const out = place.at("out");
  mkdirSync(out);
  const options = { env: env?.(url) ?? {} };
  const flags = args?.(url) ?? [];
  const outputs = [
    "-o",
    `type=oci,dest=${join(out, "layout")}`,
    "-o",
    `type=docker,dest=${join(out, "image.tar")}`,
  ];
  const built = await place.build(
    project,
    [...flags, ...outputs, "-t", "app:1", "--progress", "json"],
    options,
  );
  digestIn(built);
  const shared = { store: place.store, ...options };
  const lockArgs = ["lock", project, "--output", join(out, "cambium.lock"), "--progress", "json", ...flags];
  const lock = await cambium(lockArgs, shared);
  const again = await place.build(project, [...flags, "--upgrade"], options);
  const plan = await cambium(["plan", project, ...flags], shared);
  const inspect = await cambium(["inspect", "app:1"], shared);
  for (const ran of [lock, again, plan, inspect]) expect(ran.exitCode, ran.stderr).toBe(0);
  expectSilent(built, lock, again, plan, inspect);
  expect(index.log.filter(({ status, hasCredentials }) => status === 200 && hasCredentials)).not.toEqual([]);
  expect(readdirSync(out)).toEqual(expect.arrayContaining(["cambium.lock", "image.tar", "layout"]));
  expect(betrayers(place.store)).toEqual([]);
  expect(betrayers(out)).toEqual([]);
  expect(betrayers(place.at("home"))).toEqual([]);
});

test.for([
  { name: "are refused", password: "s3cr3t-T0ken-of-yesterday", path: "/simple/" },
  { name: "go to an index that is not there", password: "s3cr3t-T0ken", path: "/nowhere/" },
])("when credentials $name, the error does not show them", async ({ password, path }) => {
  await using index = await privateIndex();
  using place = await workplace();
  const url = index.origin.replace("//", `//builder:${password}@`) + path;
  const project = await projectOf(place, "alpha\n");
  const ran = await place.build(project, ["--default-index", url]);
  expect(ran.exitCode).toBeGreaterThan(0);
  expect(ran.stderr).toMatch(/^hint: /m);
  expectSilent(ran);
  expect(betrayers(place.store)).toEqual([]);
});

test("credentials of a mirror of Debian that is not there are not shown or kept", async () => {
  using place = await workplace();
  const { "cambium.lock": _, ...files } = await requirementsFiles("");
  const ran = await place.build(place.project("project", files), [
    "--debian-mirror",
    `http://${credentials.username}:${credentials.password}@127.0.0.1:9/debian`,
  ]);
  expect(ran.exitCode).toBe(3);
  expectSilent(ran);
  expect(betrayers(place.store)).toEqual([]);
});

test("the search finds a secret, packed and plain", async () => {
  using place = await workplace();
  mkdirSync(place.at("found"));
  writeFileSync(place.at("found", "plain"), `x ${credentials.password} y`);
  writeFileSync(place.at("found", "packed"), gzipSync(`x ${forbidden[1]} y`));
  writeFileSync(place.at("found", "clean"), "nothing");
  expect(betrayers(place.at("found")).sort()).toEqual([
    place.at("found", "packed"),
    place.at("found", "plain"),
  ]);
});
