import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluateMarker, formatMarker, type Marker, markerEnvironment, parseMarker } from "./marker.ts";

const bookworm = markerEnvironment({
  version: "3.11.2",
  platform: { os: "linux", architecture: "amd64" },
  glibc: [2, 36],
});

test("the environment is the target's, and nothing of the machine that builds", () => {
  const arm = markerEnvironment({
    version: "3.13.5",
    platform: { os: "linux", architecture: "arm64" },
    glibc: [2, 41],
  });
  expect(arm).toEqual({
    implementation_name: "cpython",
    implementation_version: "3.13.5",
    os_name: "posix",
    platform_machine: "aarch64",
    platform_python_implementation: "CPython",
    platform_release: "",
    platform_system: "Linux",
    platform_version: "",
    python_full_version: "3.13.5",
    python_version: "3.13",
    sys_platform: "linux",
  });
});

test.each([
  ["python_version >= '3.9'", true],
  ["python_version < '3.9'", false],
  ["'3.9' <= python_version", true],
  ["python_version in '3.10, 3.11'", true],
  ["python_version not in '3.10, 3.11'", false],
  ["python_full_version == '3.11.*'", true],
  ["python_full_version ~= '3.11.1'", true],
  ["python_version > '3.11'", false],
  ["implementation_version >= '3.11.3'", false],
  ["os_name == 'posix' and sys_platform == 'linux'", true],
  ["os.name == 'posix' and sys.platform != 'linux'", false],
  ["platform.python_implementation == 'CPython'", true],
  ["python_implementation == 'CPython'", true],
  ["platform_machine in 'x86_64 AMD64'", true],
  ["'64' in platform_machine", true],
  ["sys_platform < 'zzz'", false],
  ["sys_platform <= 'linux'", true],
  ["platform_release >= '4'", false],
  ["platform_version == ''", true],
  ["os_name == 'nt' or os_name == 'posix' and python_version < '3'", false],
  ["(os_name == 'nt' or os_name == 'posix') and python_version > '3'", true],
  ['os_name=="posix"and(python_version>"3")', true],
  ["extra == 'Web_Server'", true],
  ["extra != 'web-server'", false],
  ["extra == 'docs'", false],
  ["'web.server' in extras", true],
  ["'web' not in extras and 'dev' in dependency_groups", true],
  ["'docs' in dependency_groups", false],
])("%s is %s", (text, expected) => {
  const selection = { extras: ["web-server"], groups: ["dev"] };
  expect(evaluateMarker(parseMarker(text, "test"), bookworm, selection)).toBe(expected);
});

test.each([
  ["", 1],
  ["python_version", 15],
  ["python_version => '3'", 16],
  ["pythonversion >= '3'", 1],
  ["python_version >= 3", 19],
  ["python_version >= '3' and", 26],
  ["python_version >= '3' xor os_name == 'nt'", 23],
  ["(os_name == 'nt'", 17],
  ["'a' == 'b'", 1],
  ["os_name == sys_platform", 1],
  ["os_name ~= 'posix'", 9],
  ["python_version ~= '3'", 16],
  ["extra >= 'a'", 7],
  ["extras == 'a'", 8],
  ["extras in 'a'", 8],
  ["os_name == 'nt", 12],
])("%j is refused with its column", (text, column) => {
  expect(() => parseMarker(text, "uv.lock:9")).toThrow(
    expect.objectContaining({
      code: "MARKER_SYNTAX",
      message: expect.stringContaining(`uv.lock:9: column ${column}: expected`),
    }),
  );
});

test("a thousand parentheses are refused before the stack ends", () => {
  const text = `${"(".repeat(1000)}os_name == 'nt'${")".repeat(1000)}`;
  expect(() => parseMarker(text, "test")).toThrow(expect.objectContaining({ code: "MARKER_SYNTAX" }));
});

test("a marker printed and read again is the same marker", () => {
  const comparison = fc.constantFrom<Marker>(
    ...[
      "os_name == 'nt'",
      "'3.9' <= python_version",
      "'it' in extras",
      "extra != 'x'",
      'platform_version == "it\'s"',
    ].map((text) => parseMarker(text, "test")),
  );
  const { marker } = fc.letrec<{ marker: Marker }>((tie) => ({
    marker: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      comparison,
      fc.record({
        kind: fc.constantFrom("and", "or"),
        parts: fc.array(tie("marker"), { minLength: 2, maxLength: 3 }),
      }),
    ),
  }));
  const environments = [bookworm, { ...bookworm, os_name: "nt" }, { ...bookworm, platform_version: "it's" }];
  fc.assert(
    fc.property(marker, fc.subarray(["x", "it"]), (tree, extras) => {
      const again = parseMarker(formatMarker(tree), "test");
      for (const environment of environments) {
        const selection = { extras, groups: [] };
        expect(evaluateMarker(again, environment, selection)).toBe(
          evaluateMarker(tree, environment, selection),
        );
      }
    }),
  );
});
