import { chmodSync, copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toolOf } from "../tests/support/needs.ts";
import { pipFolder } from "./python.ts";

/** The two ways of the same Dockerfile that Cambium is compared with. */
export type Peer = "pip" | "uv";

/**
 * A context for BuildKit: the project, the installer beside it, and a Dockerfile as people write it. The environment is
 * made without pip.
 */
export async function writePeer(
  peer: Peer,
  folder: string,
  input: {
    readonly base: string;
    readonly requirements: readonly string[];
    readonly indexUrl: string;
    readonly hasBytecode: boolean;
  },
): Promise<void> {
  const tools = join(folder, "tools");
  mkdirSync(tools, { recursive: true });
  if (peer === "pip") cpSync(await pipFolder(), join(tools, "pip"), { recursive: true });
  else {
    copyFileSync(toolOf("uv"), join(tools, "uv"));
    chmodSync(join(tools, "uv"), 0o755);
  }
  writeFileSync(join(folder, "requirements.txt"), `${input.requirements.join("\n")}\n`);
  writeFileSync(join(folder, "app.py"), 'print("hello")\n');
  const mounts = "--mount=type=bind,source=tools,target=/tools";
  const install =
    peer === "pip"
      ? `${mounts} PYTHONPATH=/tools/pip /opt/venv/bin/python -m pip install --no-cache-dir ${input.hasBytecode ? "--compile" : "--no-compile"} --disable-pip-version-check --index-url ${input.indexUrl} -r requirements.txt`
      : `--mount=type=cache,target=/root/.cache/uv ${mounts} UV_LINK_MODE=copy /tools/uv pip install ${input.hasBytecode ? "--compile-bytecode " : ""}--python /opt/venv/bin/python --default-index ${input.indexUrl} -r requirements.txt`;
  writeFileSync(
    join(folder, "Dockerfile"),
    [
      `FROM ${input.base}`,
      "WORKDIR /app",
      "RUN python3 -m venv --without-pip /opt/venv",
      'ENV PATH="/opt/venv/bin:$PATH" VIRTUAL_ENV=/opt/venv',
      "COPY requirements.txt .",
      `RUN ${install}`,
      "COPY app.py .",
      'CMD ["python", "app.py"]',
      "",
    ].join("\n"),
  );
}
