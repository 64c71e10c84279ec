import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { toolOf } from "./needs.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export type RealEngine = AsyncDisposable & {
  /** What leads to this engine and to no other of the machine. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs the engine's own client, `podman` or `ctr`; of Docker: gets a path of its API. */
  client(...args: string[]): string;
};

/** Leads to no engine of the machine; each test names its own. */
function nowhere(at: (...parts: string[]) => string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    HOME: at("home"),
    DOCKER_HOST: `unix://${at("no-docker")}`,
  };
}

/** Podman with a storage of its own; with `service`, its Engine API listens too. */
export async function startPodman(options: { readonly service: boolean }): Promise<RealEngine> {
  const folder = temporaryFolder();
  const storage = folder.at("storage.conf");
  const [root, runRoot] = [folder.at("root"), folder.at("run")];
  // vfs needs no filesystem with features of its own.
  writeFileSync(storage, `[storage]\ndriver = "vfs"\ngraphroot = "${root}"\nrunroot = "${runRoot}"\n`);
  const env = { ...nowhere(folder.at), CONTAINERS_STORAGE_CONF: storage };
  const socket = folder.at("podman.sock");
  const args = ["system", "service", "--time", "0", `unix://${socket}`];
  const child = options.service ? started("podman", args, folder.at("log"), env) : undefined;
  if (child !== undefined) await isThere(socket, child, folder.at("log"));
  return {
    env: options.service ? { ...env, CONTAINER_HOST: `unix://${socket}` } : env,
    // Service and program share the storage.
    client: (...words) => execFileSync(toolOf("podman"), words, { encoding: "utf8", env }),
    [Symbol.asyncDispose]: async () => {
      await stopped(child);
      folder[Symbol.dispose]();
    },
  };
}

/** dockerd with folders and a socket of its own, and without a network; asked by its API. */
export async function startDocker(): Promise<RealEngine> {
  const folder = temporaryFolder();
  const socket = folder.at("d.sock");
  const config = folder.at("config.json");
  writeFileSync(
    config,
    JSON.stringify({
      "data-root": folder.at("data"),
      "exec-root": folder.at("exec"),
      pidfile: folder.at("pid"),
      hosts: [`unix://${socket}`],
      // vfs needs no filesystem with features of its own.
      "storage-driver": "vfs",
      iptables: false,
      ip6tables: false,
      bridge: "none",
    }),
  );
  const child = started("dockerd", ["--config-file", config], folder.at("log"), process.env);
  await isThere(socket, child, folder.at("log"));
  return {
    env: { ...nowhere(folder.at), DOCKER_HOST: `unix://${socket}` },
    client: (path) =>
      execFileSync("curl", ["-sSf", "--unix-socket", socket, `http://localhost${path}`], {
        encoding: "utf8",
      }),
    [Symbol.asyncDispose]: async () => {
      await stopped(child);
      folder[Symbol.dispose]();
    },
  };
}

/** containerd with folders and a socket of its own. */
export async function startContainerd(): Promise<RealEngine> {
  const folder = temporaryFolder();
  const socket = folder.at("c.sock");
  const config = folder.at("config.toml");
  writeFileSync(
    config,
    [
      "version = 2",
      `root = "${folder.at("root")}"`,
      `state = "${folder.at("state")}"`,
      // Kubernetes' part looks for networks of the machine.
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      `[grpc]\naddress = "${socket}"`,
    ].join("\n"),
  );
  const child = started("containerd", ["--config", config], folder.at("log"), process.env);
  await isThere(socket, child, folder.at("log"));
  const env = { ...nowhere(folder.at), CONTAINERD_ADDRESS: socket, CONTAINERD_NAMESPACE: "test" };
  return {
    env,
    client: (...words) => execFileSync(toolOf("ctr"), words, { encoding: "utf8", env }),
    [Symbol.asyncDispose]: async () => {
      await stopped(child);
      folder[Symbol.dispose]();
    },
  };
}

function started(name: string, args: readonly string[], log: string, env: NodeJS.ProcessEnv): ChildProcess {
  const command = ["-c", 'log="$1"; shift; exec "$@" >"$log" 2>&1', "sh", log, toolOf(name), ...args];
  return spawn("/bin/sh", command, { env });
}

async function isThere(socket: string, child: ChildProcess, log: string): Promise<void> {
  for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt++) {
    if (existsSync(socket)) return;
    await pause(50);
  }
  throw new Error(`no ${socket}: ${readFileSync(log, "utf8")}`);
}

async function stopped(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}
