import { canonicalJson } from "../../src/canonical-json.ts";
import type {
  CopyStep,
  RunStep,
  Stage,
  StageConfig,
  StageGraph,
  Step,
  StepMount,
} from "../../src/graph/stages.ts";
import type { OracleCopy, OracleMount, OracleRun } from "./oracle.ts";

/** Our graph in the words of BuildKit's, so that both can be compared. */
export function asOracle(graph: StageGraph) {
  const steps = graph.stages.flatMap((stage) => stage.steps);
  const runs = steps.filter((step) => step.op === "run");
  const copies = steps.filter((step) => step.op === "copy");
  const target = graph.stages[graph.target]!;
  return {
    config: configOf(target.config),
    author: target.config.author,
    history: historyOf(graph, target),
    runs: sorted(runs.map((step) => runOf(step, graph.proxies))),
    copies: sorted(copies.flatMap(copiesOf)),
    folders: sorted(
      steps.flatMap((step) => (step.op === "workdir" ? [`${step.path} ${ownerOf(step.user)}`] : [])),
    ),
    // BuildKit has one op for equal files.
    inline: sorted([...new Set([...copies.flatMap(inlineOf), ...runs.flatMap(scriptsOf)])]),
    remotes: sorted(copies.flatMap(remotesOf)),
  };
}

export function sorted<Item>(items: readonly Item[]): Item[] {
  return items.toSorted((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
}

function configOf(config: StageConfig): Record<string, unknown> {
  return withoutEmpty({
    User: config.user,
    ExposedPorts: keys(config.exposedPorts),
    Env: config.env.map(([name, value]) => `${name}=${value}`),
    Entrypoint: config.entrypoint,
    Cmd: config.cmd,
    Volumes: keys(config.volumes),
    WorkingDir: config.workdir,
    Labels: config.labels,
    StopSignal: config.stopSignal,
    Healthcheck: config.healthcheck,
    Shell: config.shell,
    OnBuild: config.onBuild,
  });
}

function keys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** Go leaves out what is empty. */
export function withoutEmpty(members: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = (value: unknown) =>
    value === undefined ||
    value === null ||
    value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(members).filter(([, value]) => !isEmpty(value)));
}

function historyOf(graph: StageGraph, stage: Stage): { text: string; isEmpty: boolean }[] {
  const base = stage.base.kind === "stage" ? historyOf(graph, graph.stages[stage.base.stage]!) : [];
  const own: { text: string; isEmpty: boolean }[] = [];
  for (let place = 0; place <= stage.steps.length; place++) {
    for (const { beforeStep, text } of stage.config.emptyHistory)
      if (beforeStep === place) own.push({ text, isEmpty: true });
    const step: Step | undefined = stage.steps[place];
    if (step !== undefined) own.push({ text: step.text, isEmpty: false });
  }
  return [...base, ...own];
}

function runOf(step: RunStep, proxies: StageGraph["proxies"]): OracleRun {
  const proxy = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].map(
    (name) => proxies.find(([other]) => other === name)?.[1] ?? "",
  );
  const pipes = step.scripts.map(
    (): OracleMount => ({ type: "BIND", target: "/dev/pipes/", source: "/", readOnly: true }),
  );
  return {
    argv: step.argv,
    env: step.env.map(([name, value]) => `${name}=${value}`),
    cwd: step.cwd,
    user: step.user,
    network: { default: "UNSET", host: "HOST", none: "NONE" }[step.network],
    security: step.security.toUpperCase(),
    mounts: sorted([...pipes, ...step.mounts.flatMap(mountOf)]),
    secrets: step.mounts.flatMap((mount) =>
      mount.type === "secret" && mount.env !== undefined
        ? [`${mount.id} ${mount.env} ${!mount.isRequired}`]
        : [],
    ),
    proxy: proxies.length === 0 ? null : proxy,
  };
}

function mountOf(mount: StepMount): OracleMount[] {
  const { type, target } = mount;
  if (target === undefined) return [];
  const source = (path: string | undefined) =>
    path === undefined || path === "." ? {} : { source: `/${path}` };
  if (mount.type === "bind")
    return [{ type: "BIND", target, ...source(mount.source), readOnly: mount.isReadOnly }];
  if (mount.type === "tmpfs") {
    return [
      {
        type: "TMPFS",
        target,
        readOnly: false,
        ...(mount.sizeBytes !== undefined && { size: mount.sizeBytes }),
      },
    ];
  }
  if (mount.type === "cache") {
    const sharing = (mount.sharing ?? "shared").toUpperCase();
    return [
      {
        type: "CACHE",
        target,
        ...source(mount.source),
        readOnly: mount.isReadOnly,
        id: `/${mount.id}`,
        sharing,
      },
    ];
  }
  const { id, mode, uid, gid, isRequired } = mount;
  return [
    {
      type: type.toUpperCase(),
      target,
      readOnly: false,
      id,
      ...(mode !== 0 && { mode }),
      ...(uid !== 0 && { uid }),
      ...(gid !== 0 && { gid }),
      ...(!isRequired && { optional: true }),
    },
  ];
}

function copiesOf(step: CopyStep): OracleCopy[] {
  const isOctal = step.chmod !== undefined && /^[0-7]+$/.test(step.chmod);
  const common = {
    target: step.destination,
    mode: step.chmod === undefined ? -1 : isOctal ? Number.parseInt(step.chmod, 8) : 0,
    modeStr: isOctal ? "" : (step.chmod ?? ""),
    owner: step.owner === undefined ? "" : ownerOf(step.owner),
    exclude: step.exclude.length === 0 ? null : step.exclude,
  };
  return step.sources.flatMap((source): OracleCopy[] => {
    if (source.kind === "inline")
      return [{ ...common, source: `/${source.name}`, unpack: false, include: null }];
    if (source.kind === "git") return [{ ...common, source: "/", unpack: false, include: null }];
    if (source.kind === "http")
      return [{ ...common, source: `/${source.name}`, unpack: source.isUnpacked, include: null }];
    if (source.kind === "generated") throw new TypeError("a Dockerfile says nothing of such files");
    return source.paths.map((path) => {
      const [parent, pattern] = step.keepsParents ? pivoted(path) : [path, undefined];
      return {
        ...common,
        source: parent === "." ? "/" : `/${parent}`,
        unpack: source.isUnpacked,
        include: pattern === undefined ? null : [pattern],
      };
    });
  });
}

function pivoted(path: string): [parent: string, pattern: string] {
  const at = path.indexOf("/./");
  return at === -1 ? [".", path] : [path.slice(0, at), path.slice(at + 3)];
}

function ownerOf(owner: string): string {
  if (owner === "") return "";
  const [user = "", group = ""] = owner.split(":");
  return `${user}:${group}`;
}

function inlineOf(step: CopyStep): string[] {
  return step.sources.flatMap((source) =>
    source.kind === "inline" ? [`/${source.name}\n${source.content}`] : [],
  );
}

function scriptsOf(step: RunStep): string[] {
  return step.scripts.map(({ path, content }) => `${path.replace("/dev/pipes", "")}\n${content}`);
}

/** URLs with their checksums, as BuildKit names such sources. */
function remotesOf(step: CopyStep): (readonly [string, string])[] {
  return step.sources.flatMap((source) => {
    if (source.kind === "http") return [[source.url, source.checksum ?? ""] as const];
    if (source.kind !== "git") return [];
    const bare = source.url.replace(/^[a-z]+:\/\//, "").replace(/^[^@/]+@([^:]+):/, "$1/");
    const folder = source.subdirectory === undefined ? "" : `:${source.subdirectory}`;
    const fragment = `${source.ref ?? ""}${folder}`;
    return [[`git://${bare}${fragment === "" ? "" : `#${fragment}`}`, source.checksum ?? ""] as const];
  });
}
