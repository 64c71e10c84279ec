import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder } from "../../../../tests/support/temporary-folder.ts";
import { formatRequirement } from "../standards/requirement.ts";
import { readRequirementsFile } from "./requirements-file.ts";
import { decodeRequirements, requirementsLines, shellWords } from "./requirements-lines.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  folder[Symbol.dispose]();
});

function write(files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true });
    writeFileSync(join(folder.path, name), content);
  }
}

async function read(files: Readonly<Record<string, string | Uint8Array>>, env: Record<string, string> = {}) {
  write(files);
  return readRequirementsFile(folder.at("requirements.txt"), { env, contextDir: folder.path });
}

const one = (text: string, env?: Record<string, string>) => read({ "requirements.txt": text }, env);
const hash = (digit: string) => digit.repeat(64);

test("comments, continuations, markers and hashes of a compiled file", async () => {
  const { wanted } = await one(
    [
      "# a comment \\",
      "numpy==2.1.0 \\",
      `    --hash=sha256:${hash("a")} \\`,
      `    --hash sha256:${hash("B")} \\`,
      `    --hash=sha512:${"c".repeat(128)}`,
      "    # via -r requirements.in",
      "requests[socks,security]>=2,<3 ; python_version < '3.12' # why#not",
      "",
      "\ttqdm",
    ].join("\r\n"),
  );
  expect(
    wanted.requirements.map(({ requirement, where }) => [formatRequirement(requirement), where]),
  ).toEqual([
    ["numpy==2.1.0", "requirements.txt:2"],
    ["requests[security,socks]<3,>=2 ; python_version < '3.12'", "requirements.txt:7"],
    ["tqdm", "requirements.txt:9"],
  ]);
  expect(wanted.requirements[0]!.hashes).toEqual([`sha256:${hash("a")}`, `sha256:${hash("b")}`]);
});

test("included files count from their own folder, constraints apart", async () => {
  const { wanted, files } = await read({
    "requirements.txt": "-r deep/base.txt\n-c=limits.txt\none\n",
    "deep/base.txt": "two\n--requirement ../more.txt\n",
    "more.txt": "three\n",
    "limits.txt": "two<9\n-r more.txt\n",
  });
  expect(wanted.requirements.map(({ where }) => where)).toEqual([
    "deep/base.txt:1",
    "more.txt:1",
    "more.txt:1",
    "requirements.txt:3",
  ]);
  expect(wanted.constraints.map(({ requirement }) => formatRequirement(requirement))).toEqual(["two<9"]);
  expect(files.map((path) => path.slice(folder.path.length + 1))).toEqual([
    "requirements.txt",
    "deep/base.txt",
    "more.txt",
    "limits.txt",
  ]);
});

test("index options are kept, each with its line and without credentials", async () => {
  const { layer, wanted } = await one(
    "-i https://u:p@index.example/simple\n--extra-index-url=https://extra.example/simple\n-f ./wheels\n" +
      "--trusted-host extra.example\n--pre\n--prefer-binary\n--only-binary :all:\n--no-binary one,two\n--require-hashes\n",
  );
  expect(layer.indexes).toEqual([
    {
      url: "https://index.example/simple",
      kind: "simple",
      isDefault: true,
      isExplicit: false,
      where: "requirements.txt:1",
    },
    {
      url: "https://extra.example/simple",
      kind: "simple",
      isDefault: false,
      isExplicit: false,
      where: "requirements.txt:2",
    },
    {
      url: `file://${folder.at("wheels")}`,
      kind: "links",
      isDefault: false,
      isExplicit: false,
      where: "requirements.txt:3",
    },
  ]);
  expect(layer.credentials).toEqual([{ url: "https://index.example/simple", username: "u", password: "p" }]);
  expect(layer).toMatchObject({
    insecureHosts: ["extra.example"],
    prerelease: "allow",
    noBinary: ["one", "two"],
  });
  expect(wanted.hashChecking).toBe("always");
});

test("wheels are required by URL, by path and by name and URL", async () => {
  const wheel = "my_pkg-1.0-py3-none-any.whl";
  const { wanted, layer } = await read({
    [`wheels/${wheel}`]: "",
    "requirements.txt":
      `./wheels/${wheel}[extra] ; python_version > '3'\nhttps://u:p@files.example/${wheel}#sha256=${hash("a")}\n` +
      `my-pkg @ https://files.example/${wheel} ; sys_platform == 'linux'\nmy.pkg@file://${folder.at("wheels", wheel)}\n`,
  });
  expect(wanted.requirements.map(({ requirement }) => formatRequirement(requirement))).toEqual([
    `my-pkg[extra] @ file://${folder.at("wheels", wheel)} ; python_version > '3'`,
    `my-pkg @ https://files.example/${wheel}#sha256=${hash("a")}`,
    `my-pkg @ https://files.example/${wheel} ; sys_platform == 'linux'`,
    `my-pkg @ file://${folder.at("wheels", wheel)}`,
  ]);
  expect(layer.credentials).toEqual([
    { url: `https://files.example/${wheel}`, username: "u", password: "p" },
  ]);
});

test("-e . and . mean the project itself", async () => {
  const { projects, wanted } = await one("-e .[web,Test]\n.\n");
  expect(projects.map(({ path, extras }) => [path, extras])).toEqual([
    [folder.path, ["web", "test"]],
    [folder.path, []],
  ]);
  expect(wanted.requirements).toEqual([]);
});

test.for<[string, string, string]>([
  ["a missing file", "-r gone.txt\n", "REQUIREMENTS_MISSING"],
  ["a file by URL", "-r https://files.example/r.txt\n", "REQUIREMENTS_MISSING"],
  ["a loop", "-r requirements.txt\n", "REQUIREMENTS_LOOP"],
  ["a repository", "git+https://u:hidden@code.example/x.git@v1#egg=x\n", "REQUIREMENT_VCS"],
  ["a named repository", "x @ git+ssh://git@code.example/x.git\n", "REQUIREMENT_VCS"],
  ["an sdist", "https://u:hidden@files.example/x-1.0.tar.gz\n", "REQUIREMENT_SDIST"],
  ["a URL of something else", "x @ https://u:hidden@files.example/x\n", "REQUIREMENT_SYNTAX"],
  ["another editable", "-e ./other\n", "REQUIREMENT_EDITABLE"],
  ["an editable wheel", "-e one==1\n", "REQUIREMENT_EDITABLE"],
  ["a missing path", "./gone-1.0-py3-none-any.whl\n", "REQUIREMENT_FILE_MISSING"],
  ["a short hash", "one==1 --hash=sha256:abc\n", "REQUIREMENT_HASH"],
  ["an old hash", `one==1 --hash=md5:${"a".repeat(32)}\n`, "REQUIREMENT_HASH"],
  ["only a sha512", `one==1 --hash=sha512:${"a".repeat(128)}\n`, "REQUIREMENT_HASH"],
  ["an unknown option", "--frobnicate\n", "REQUIREMENTS_SYNTAX"],
  ["an option without value", "--index-url\n", "REQUIREMENTS_SYNTAX"],
  ["an option behind a requirement", "one --pre\n", "REQUIREMENTS_SYNTAX"],
  ["an open quote", "--find-links 'x\n", "REQUIREMENTS_SYNTAX"],
  ["two indexes", "-i https://a.example/\n-i https://b.example/\n", "INDEX_SETTING_CONFLICT"],
  ["an index by ftp", "-i ftp://u:hidden@a.example/\n", "INDEX_URL"],
  ["sdists for all", "--no-binary :all:\n", "INDEX_SETTING_UNSUPPORTED"],
  ["an unset variable", "-i https://$" + "{NOT_SET}@a.example/\n", "REQUIREMENTS_VARIABLE"],
  ["no requirement", "==1.0\n", "REQUIREMENT_SYNTAX"],
  ["a bad specifier", "one=>1\n", "REQUIREMENT_SYNTAX"],
])("%s is refused with file and line", async ([_, text, code]) => {
  write({ "other/setup.py": "" });
  const failed = one(`# first\n${text}`);
  const line = text.startsWith("-i https://a") && text.includes("b.example") ? 3 : 2;
  await expect(failed).rejects.toMatchObject({
    code,
    exitCode: 2,
    message: expect.stringContaining(`:${line}`),
  });
  expect(((await failed.catch((thrown: unknown) => thrown)) as Error).message).not.toContain("hidden");
});

test("a loop names the way around", async () => {
  const files = { "requirements.txt": "-r a.txt\n", "a.txt": "-c b.txt\n", "b.txt": "\n-r a.txt\n" };
  await expect(read(files)).rejects.toMatchObject({
    message: "b.txt:2: the file includes itself: a.txt -> b.txt -> a.txt",
  });
});

test.for<[string, Uint8Array]>([
  ["a UTF-8 mark", Buffer.from("\uFEFFone\n")],
  ["UTF-16 with a mark", Buffer.from("\uFEFFone\n", "utf16le")],
  ["UTF-16 the other way", Buffer.from("\uFEFFone\n", "utf16le").swap16()],
  ["a declared Latin-1", Buffer.from("# -*- coding: latin-1 -*-\none # caf\u00e9\n", "latin1")],
])("a file with %s is read", async ([_, bytes]) => {
  const { wanted } = await read({ "requirements.txt": bytes });
  expect(wanted.requirements.map(({ requirement }) => requirement.name)).toEqual(["one"]);
});

test("bytes that are no text are refused by name, whatever the locale", () => {
  const bytes = Buffer.from("one # caf\u00e9\n", "latin1");
  expect(() => decodeRequirements(bytes, "requirements.txt")).toThrow(
    /requirements\.txt: cannot be read as utf-8/,
  );
  expect(() => decodeRequirements(Buffer.from("fffe00006f000000", "hex"), "x")).toThrow(/UTF-32/);
});

test("variables are taken from the environment given, in capitals only", () => {
  const text = "one==$" + "{VERSION} $VERSION $" + "{lower}";
  expect(requirementsLines(text, "r", { VERSION: "1" })).toEqual([
    { number: 1, text: "one==1 $VERSION $" + "{lower}" },
  ]);
});

test("words are split as a shell does", () => {
  expect(shellWords(`a 'b c' "d \\" e"f \\  g''`, "r")).toEqual(["a", "b c", 'd " ef', " ", "g"]);
});

test("no text hangs or escapes with another error than ours", async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "\\\n",
      "#",
      " ",
      "-",
      "--hash=",
      "one",
      "==1",
      "@",
      "[",
      "]",
      ";",
      "'",
      '"',
      "\n",
      "-e",
      ".",
    ),
    fc.string({ maxLength: 4 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      const error = await one(pieces.join("")).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error !== undefined) expect(error).toMatchObject({ name: "CambiumError", exitCode: 2 });
    }),
    { numRuns: 300 },
  );
});
