import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pipFolder } from "./python.ts";

const SITE = "/opt/venv/lib/python3.11/site-packages";

export function writeFiles(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/**
 * A Dockerfile with everybody's line, `pip install -r requirements.txt` with a cache mount, and pip in the image as everybody's
 * base has it; `requirements.txt` is the caller's.
 * @param after further instructions
 */
export async function writePipProject(
  folder: string,
  { base, indexUrl }: { readonly base: string; readonly indexUrl: string },
  after = "",
): Promise<string> {
  writeFiles(folder, {
    Dockerfile: `FROM ${base}
RUN python3 -m venv --without-pip /opt/venv
COPY tools/pip ${SITE}
COPY tools/run-pip /opt/venv/bin/pip
ENV PATH="/opt/venv/bin:$PATH" PIP_INDEX_URL=${indexUrl} PIP_TRUSTED_HOST=127.0.0.1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
${after}`,
    "tools/run-pip":
      "#!/opt/venv/bin/python\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n",
  });
  chmodSync(join(folder, "tools/run-pip"), 0o755);
  cpSync(await pipFolder(), join(folder, "tools/pip"), { recursive: true });
  return folder;
}
