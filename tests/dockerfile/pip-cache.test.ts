import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchPip, pipWheel, wheelPath } from "../python/corpus.ts";
import { tinySdist } from "../support/distributions.ts";
import { needs } from "../support/needs.ts";
import { digestIn } from "../support/project.ts";
import { type PythonIndex, startPythonIndex } from "../support/python-index.ts";
import { type Machine, moduleWheel } from "../support/registry-bases.ts";
import { type DebianWorld, startDebianWorld } from "./debian-world.ts";
import "../support/in-memory.ts";

/** A build backend whose wheels say when they were built, so that a second one would be another. */
const BACKEND = `import uuid, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "built-1.0-py3-none-any.whl"
    info = "built-1.0.dist-info/"
    with zipfile.ZipFile(folder + "/" + name, "w") as archive:
        archive.writestr("built.py", uuid.uuid4().hex)
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: built\\nVersion: 1.0\\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "RECORD", "")
    return name
`;

const dockerfile = (base: string, { url }: PythonIndex) => `FROM ${base}
COPY ${pipWheel.filename} /opt/
RUN <<EOF
  python3 -m venv --without-pip /opt/venv
  cd /opt/venv/lib/python3*/site-packages
  python3 -m zipfile --extract /opt/${pipWheel.filename} .
  printf '#!/opt/venv/bin/python\\nimport sys\\nfrom pip._internal.cli.main import main\\nsys.exit(main())\\n' > /opt/venv/bin/pip
  chmod 755 /opt/venv/bin/pip
EOF
ENV PATH=/opt/venv/bin:$PATH PIP_INDEX_URL=${url} PIP_TRUSTED_HOST=127.0.0.1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
`;

describe.runIf(needs("docker-registry", "runc", "root"))("pip install with a cache mount", () => {
  let debian: DebianWorld;
  let index: PythonIndex;

  beforeAll(async () => {
    await fetchPip();
    debian = await startDebianWorld();
    const files = [moduleWheel("plain"), tinySdist("built", "1.0", BACKEND)];
    index = await startPythonIndex(files, { isCacheable: true });
  });
  afterAll(async () => {
    await index?.[Symbol.asyncDispose]();
    await debian?.[Symbol.asyncDispose]();
  });

  test("after a comment in the requirements downloads nothing and builds no wheel again, here and where the mount went", async () => {
    const { world, builder, base } = debian;
    const requirements = "plain==1.0\nbuilt==1.0\n";
    const folder = world.project("pip", { Dockerfile: dockerfile(base, index) });
    copyFileSync(wheelPath(pipWheel), join(folder, pipWheel.filename));
    const build = async (name: string, text: string, machine = builder) => {
      writeFileSync(join(folder, "requirements.txt"), text);
      index.log.length = 0;
      const root = world.at(name);
      const flags = ["--progress", "plain", "--platform", "linux/amd64", "-o", `type=rootfs,dest=${root}`];
      const ran = await machine.run(["build", folder, ...flags]);
      digestIn(ran);
      const site = join(root, "opt/venv/lib/python3.13/site-packages");
      return {
        output: ran.stderr,
        /** What the index was asked for. */
        requests: index.log.map(({ path }) => path),
        plain: readFileSync(join(site, "plain/__init__.py"), "utf8"),
        built: readFileSync(join(site, "built.py"), "utf8"),
      };
    };

    const first = await build("first", requirements);
    expect(first.output).toContain("Building wheel for built");
    expect(first.requests).toContain("/files/built-1.0.tar.gz");
    expect(first.requests).toContain("/files/plain-1.0-py3-none-any.whl");

    const second = await build("second", `# a comment\n${requirements}`);
    expect(second.output).toContain("Successfully installed");
    expect(second.output).not.toContain("Building wheel");
    expect(second.requests).toEqual([]);
    expect(second.built).toBe(first.built);
    expect(second.plain).toBe(first.plain);

    const layout = world.at("pip-mount");
    const mount = async (machine: Machine, ...args: string[]) => {
      const ran = await machine.run(["mount", ...args], { cwd: folder });
      expect(ran.exitCode, ran.stderr).toBe(0);
    };
    await mount(builder, "snapshot", "/root/.cache/pip", "-o", layout);
    const fresh = world.machine("fresh");
    await mount(fresh, "restore", "/root/.cache/pip", layout);
    const elsewhere = await build("elsewhere", `# another comment\n${requirements}`, fresh);
    expect(elsewhere.output).toContain("Successfully installed");
    expect(elsewhere.output).not.toContain("Building wheel");
    expect(elsewhere.requests).toEqual([]);
    expect(elsewhere.built).toBe(first.built);
  });
});
