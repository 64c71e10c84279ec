import { expect, test } from "vitest";
import { readPylock } from "./pylock.ts";

const SHA = "ab".repeat(32);
const HEAD = 'lock-version = "1.0"\ncreated-by = "test"\n';

function wheel(more = "", name = "a-1-py3-none-any.whl"): string {
  return `{ name = "${name}", url = "https://files.example/${name}", hashes = { sha256 = "${SHA}" }${more} }`;
}

function packageText(body: string): string {
  return `${HEAD}\n[[packages]]\nname = "a"\nversion = "1"\n${body}\n`;
}

test("the example of PEP 751 reads", () => {
  const lock = readPylock(
    `lock-version = '1.0'
environments = ["sys_platform == 'win32'", "sys_platform == 'linux'"]
requires-python = '== 3.12.*'
created-by = 'mousebender'
extras = ['Web']
dependency-groups = ['dev']
default-groups = ['dev']

[[packages]]
name = 'attrs'
version = '25.1.0'
requires-python = '>= 3.8'
marker = "'dev' in dependency_groups"

  [[packages.wheels]]
  name = 'attrs-25.1.0-py3-none-any.whl'
  upload-time = 2025-01-25T11:30:10.164985+00:00
  url = 'https://files.example/packages/attrs-25.1.0-py3-none-any.whl'
  size = 63152
  hashes = {sha256 = 'C75A69E28A550A7E93789579C22AA26B0F5B83B75DC4E08FE092980051E1090A'}

[[packages]]
name = 'Pkg.Name'
version = '1.0'
index = 'https://user:secret@index.example/simple'
wheels = [{path = 'wheels/pkg_name-1.0-py3-none-any.whl', hashes = {sha256 = '${SHA}', md5 = 'x'}}]
sdist = {url = 'https://user:secret@files.example/pkg%2Dname-1.0.tar.gz#frag', hashes = {sha256 = '${SHA}'}}

[tool.mousebender]
anything = 1
`,
    "pylock.toml",
    "/project",
  );
  expect(lock).toEqual({
    requiresPython: "== 3.12.*",
    environments: ["sys_platform == 'win32'", "sys_platform == 'linux'"],
    extras: ["web"],
    dependencyGroups: ["dev"],
    defaultGroups: ["dev"],
    notices: [],
    distributions: [
      {
        name: "attrs",
        version: "25.1.0",
        requiresPython: ">= 3.8",
        marker: "'dev' in dependency_groups",
        wheels: [
          {
            filename: "attrs-25.1.0-py3-none-any.whl",
            url: "https://files.example/packages/attrs-25.1.0-py3-none-any.whl",
            sizeBytes: 63152,
            sha256: "sha256:c75a69e28a550a7e93789579c22aa26b0f5b83b75dc4e08fe092980051e1090a",
          },
        ],
      },
      {
        name: "pkg-name",
        version: "1.0",
        index: "https://index.example/simple",
        wheels: [
          {
            filename: "pkg_name-1.0-py3-none-any.whl",
            path: "/project/wheels/pkg_name-1.0-py3-none-any.whl",
            sha256: `sha256:${SHA}`,
          },
        ],
        sdist: {
          filename: "pkg-name-1.0.tar.gz",
          url: "https://files.example/pkg%2Dname-1.0.tar.gz",
          sha256: `sha256:${SHA}`,
        },
      },
    ],
  });
});

test("a wheel from a URL keeps where it came from, without credentials", () => {
  const text = packageText(
    `archive = { url = "https://u:p@files.example/a-1-py3-none-any.whl", hashes = { sha256 = "${SHA}" } }`,
  );
  expect(readPylock(text, "pylock.toml").distributions[0]).toMatchObject({
    wheels: [{ filename: "a-1-py3-none-any.whl", url: "https://files.example/a-1-py3-none-any.whl" }],
    directUrl: {
      url: "https://files.example/a-1-py3-none-any.whl",
      archive_info: { hashes: { sha256: SHA } },
    },
  });
});

test("source trees are kept by what they are, so that only who needs one fails", () => {
  const needsBuild = (body: string) =>
    readPylock(packageText(body), "pylock.toml").distributions[0]?.needsBuild;
  expect(
    needsBuild(`vcs = { type = "git", url = "https://u:p@git.example/a", commit-id = "${"1".repeat(40)}" }`),
  ).toBe(`git+https://***@git.example/a@${"1".repeat(40)}`);
  expect(needsBuild('directory = { path = "../lib" }')).toBe("directory ../lib");
  expect(
    needsBuild(`archive = { url = "https://files.example/a.zip", hashes = { sha256 = "${SHA}" } }`),
  ).toBe("archive https://files.example/a.zip");
});

test("the project itself is left out, and that is told", () => {
  const lock = readPylock(packageText('directory = { path = ".", editable = true }'), "pylock.toml");
  expect(lock.distributions).toEqual([]);
  expect(lock.notices).toEqual([
    "pylock.toml: a is the project itself; its wheel is not taken from the lock",
  ]);
});

test("a newer minor version is read, and that is told", () => {
  const lock = readPylock('lock-version = "1.3"\ncreated-by = "x"\npackages = []', "pylock.toml");
  expect(lock.notices).toEqual(["pylock.toml: lock-version 1.3 is newer than 1.0, read as 1.0"]);
});

test.each([
  ["", "LOCK_FIELD", "pylock.toml: lock-version: "],
  ['lock-version = "2.0"', "LOCK_VERSION", '"2.0"'],
  ["lock-version = 1.0\n", "LOCK_FIELD", "pylock.toml:1: lock-version: "],
  [`${HEAD}packages = {}`, "LOCK_FIELD", "pylock.toml:3: packages: "],
  [`${HEAD}packages = [[\n`, "LOCK_SYNTAX", "pylock.toml:"],
  [`${HEAD}a = 1\na = 2`, "LOCK_SYNTAX", "pylock.toml:4:"],
  [`${HEAD}packages = []\nconstructor = 1`, "LOCK_SYNTAX", "pylock.toml:4:"],
  [`${HEAD}packages = []\nx = ${"[".repeat(5000)}`, "LOCK_SYNTAX", "pylock.toml:4:"],
  [`${HEAD}packages = []\nrequires-python = "3"`, "SPECIFIER_SYNTAX", "requires-python"],
  [`${HEAD}packages = []\nenvironments = ["x"]`, "MARKER_SYNTAX", "environments: column 1"],
  [`${HEAD}packages = []\nextras = ["a b"]`, "PROJECT_NAME", "a b"],
  [packageText("wheels = 3"), "LOCK_FIELD", "pylock.toml:4: packages[0].wheels: "],
  [packageText(`wheels = [${wheel(", size = -1")}]`), "LOCK_FIELD", "packages[0].wheels[0].size: "],
  [
    packageText(`wheels = [${wheel()}]\nvcs = { type = "git", commit-id = "1" }`),
    "LOCK_FIELD",
    "exactly one of",
  ],
  [packageText(""), "LOCK_FIELD", "it has: none"],
  [
    packageText('wheels = [{ url = "https://f.example/a.whl", hashes = { md5 = "1" } }]'),
    "LOCK_FIELD",
    "no sha256",
  ],
  [
    packageText('wheels = [{ url = "https://f.example/a.whl", hashes = { sha256 = "1" } }]'),
    "LOCK_FIELD",
    "not a sha256",
  ],
  [
    packageText(`wheels = [{ url = "ftp://f.example/a.whl", hashes = { sha256 = "${SHA}" } }]`),
    "LOCK_FIELD",
    "ftp:",
  ],
  [
    packageText(`wheels = [{ url = "javascript:1", hashes = { sha256 = "${SHA}" } }]`),
    "LOCK_FIELD",
    "not an http",
  ],
  [
    packageText(`wheels = [{ path = "a.whl", hashes = { sha256 = "${SHA}" } }]`),
    "LOCK_FIELD",
    "a path where only URLs",
  ],
  [packageText(`wheels = [${wheel("", "../../etc/passwd")}]`), "LOCK_FIELD", "not a file name"],
  [packageText(`wheels = [${wheel("", "..")}]`), "LOCK_FIELD", "not a file name"],
  [
    packageText(`wheels = [${wheel()}]\nmarker = "os_name = 1"`),
    "MARKER_SYNTAX",
    "pylock.toml:4: marker of a: column 9",
  ],
  [packageText(`wheels = [${wheel()}]\nindex = "x:y"`), "LOCK_FIELD", "packages[0].index: not a URL"],
  [`${HEAD}[[packages]]\nname = "a"\nsdist = ${wheel("", "a.tar.gz")}`, "LOCK_FIELD", "a has no version"],
  [`${HEAD}[[packages]]\nname = "a b"\nversion = "1"\nwheels = []`, "PROJECT_NAME", "a b"],
  [`${HEAD}[[packages]]\nname = "a"\nversion = "one"\nwheels = []`, "VERSION_SYNTAX", "one"],
])("what is wrong is named with its place: %#", (text, code, message) => {
  expect(() => readPylock(text, "pylock.toml")).toThrow(
    expect.objectContaining({ code, exitCode: 2, message: expect.stringContaining(message) }),
  );
});

test("the second package's error has the second package's line", () => {
  const text = `${packageText(`wheels = [${wheel()}]`)}\n[[packages]]\nname = "b"\nversion = 2\n`;
  expect(() => readPylock(text, "pylock.toml")).toThrow(
    expect.objectContaining({ message: expect.stringContaining("pylock.toml:9: packages[1].version: ") }),
  );
});

test("a file of a hundred million characters is refused unread", () => {
  expect(() => readPylock(" ".repeat(1e8), "pylock.toml")).toThrow(
    expect.objectContaining({ code: "LOCK_LIMIT" }),
  );
});
