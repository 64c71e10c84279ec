import { expect, test } from "vitest";
import { debian, image, isImage } from "./builder.ts";
import { parseSpecYaml } from "./yaml.ts";

test("the builder and the YAML that says the same give the same definition", () => {
  const built = image(debian("bookworm"))
    .apt("libgomp1")
    .python({ requirements: "requirements.txt" })
    .copy(".", "/app")
    .env({ LOG_LEVEL: "info", RETRIES: 3 })
    .workdir("/app")
    .user("app")
    .entrypoint("python")
    .cmd("app.py", "--all")
    .label({ version: "1.0" })
    .expose(8000)
    .volume("/data")
    .stopSignal("SIGINT")
    .tags("demo", "demo:1")
    .platforms("linux/arm64");
  const written = parseSpecYaml(
    `
debian: bookworm
apt: [libgomp1]
python: { requirements: requirements.txt }
copy: .:/app
env: { LOG_LEVEL: info, RETRIES: 3 }
workdir: /app
user: app
entrypoint: [python]
cmd: [app.py, --all]
label: { version: 1.0 }
expose: 8000
volume: /data
stopSignal: SIGINT
tags: [demo, "demo:1"]
platforms: [linux/arm64]
`,
    "cambium.yaml",
  );
  expect(built.toLoadedSpec()).toEqual(written);
});

test("each call gives a new image and leaves the old one alone", () => {
  const base = image(debian("trixie")).apt("curl");
  const a = base.apt("libgomp1").env({ A: 1 });
  const b = base.copy("x");
  expect(base.toDefinition()).toMatchObject({ base: { packages: ["curl"] }, files: [] });
  expect(a.toDefinition().base.packages).toEqual(["curl", "libgomp1"]);
  expect(b.toDefinition().files).toHaveLength(1);
  expect(Object.isFrozen(base)).toBe(true);
});

test("a list that the caller changes later does not reach the image", () => {
  const from = ["a"];
  const built = image().copy(from, "/x/");
  from.push("b");
  expect(built.toDefinition().files).toMatchObject([{ sources: ["a"] }]);
});

test("a base may be left open", () => {
  expect(image().toLoadedSpec().settings.isBaseSet).toBe(false);
  expect(image(debian("trixie", { variant: "distroless" })).toDefinition().base).toMatchObject({
    variant: "distroless",
  });
});

test.for([
  [() => image().expose("abc"), '.expose(…): expose[0]: expected a port such as 8000 or 53/udp, got "abc"'],
  [() => image().apt("Not A Package"), ".apt(…): apt[0]: expected a Debian package name"],
  [() => debian("jessie" as "trixie"), 'debian("jessie"): debian: expected one of bookworm, trixie'],
  [() => image().python({ requirments: "x" } as object), '.python(…): unknown key "requirments" in python'],
  [() => image().python({}).toDefinition(), ".python(…): python: expected exactly one source, got none"],
  [() => image().workdir("app"), ".workdir(…): workdir: expected an absolute path"],
  [() => image({ frm: "x" } as object), 'image(…): unknown key "frm"'],
] as const)("%#: a mistake names the call", ([call, message]) => {
  expect(call).toThrowError(message);
});

test("an image is known by its brand and not by its class", () => {
  expect(isImage(image())).toBe(true);
  expect(isImage({ toLoadedSpec: () => ({}) })).toBe(false);
  expect(isImage(null)).toBe(false);
});
