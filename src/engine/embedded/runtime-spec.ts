import type { ProcessUser } from "./accounts.ts";

export type BindMount = { readonly source: string; readonly target: string; readonly isReadOnly: boolean };

/** Ids of the container as ids of the host, for a rootless run (runtime-spec, config-linux.md, user namespace). */
export type IdMapping = { readonly containerID: number; readonly hostID: number; readonly size: number };
export type IdMappings = { readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] };

export type SpecInput = {
  readonly rootfsDir: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ProcessUser;
  readonly hasTerminal: boolean;
  readonly network: "host" | "none";
  readonly mounts: readonly BindMount[];
  /** False: no cgroup holds back device nodes, so none may be made. */
  readonly hasCgroup: boolean;
  /** Absent: run as root of the host. */
  readonly mappings?: IdMappings;
};

/** What Docker leaves to a container's root: enough for package tools and servers, not for the host. */
const CAPABILITIES = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** Files of /proc and /sys that tell of the host or change it; Docker's lists. */
const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];
const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** gid of `tty` in Debian and nearly everywhere, as devpts wants it. */
const TTY_GID = 5;

/** The `config.json` of a bundle (runtime-spec 1.0.2, which runc 1.1 and crun 1.8 both read). */
export function runtimeSpec(input: SpecInput): Record<string, unknown> {
  const { user, mappings } = input;
  return {
    ociVersion: "1.0.2",
    root: { path: input.rootfsDir, readonly: false },
    hostname: "cambium",
    process: {
      terminal: input.hasTerminal,
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      args: input.args,
      env: input.env,
      cwd: input.cwd,
      capabilities: capabilitiesOf(input),
      noNewPrivileges: true,
    },
    mounts: [...systemMounts(input), ...input.mounts.map(bindMount)],
    linux: {
      namespaces: namespaceTypes(input).map((type) => ({ type })),
      ...(mappings === undefined ? {} : { uidMappings: mappings.uids, gidMappings: mappings.gids }),
      ...(mappings === undefined && input.hasCgroup
        ? { resources: { devices: [{ allow: false, access: "rwm" }] } }
        : {}),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
    },
  };
}

/** Only root has any in effect; others may come to those of the bounding set through nothing, as privileges are fixed. */
function capabilitiesOf({ user, hasCgroup, mappings }: SpecInput): Record<string, readonly string[]> {
  const mayMakeNodes = hasCgroup || mappings !== undefined;
  const bounding = mayMakeNodes ? CAPABILITIES : CAPABILITIES.filter((name) => name !== "CAP_MKNOD");
  const own = user.uid === 0 ? bounding : [];
  return { bounding, effective: own, permitted: own };
}

function namespaceTypes(input: SpecInput): string[] {
  const types = ["pid", "ipc", "uts", "mount"];
  if (input.network === "none") types.push("network");
  if (input.mappings !== undefined) types.push("user");
  return types;
}

function systemMounts(input: SpecInput): Record<string, unknown>[] {
  const hasTtyGroup = input.mappings === undefined || input.mappings.gids.some((map) => covers(map, TTY_GID));
  const ttyGroup = hasTtyGroup ? [`gid=${TTY_GID}`] : [];
  const safe = ["nosuid", "noexec", "nodev"];
  // The kernel mounts a sysfs only for who owns the network namespace, which a rootless run in the host's does not.
  const canMountSysfs = input.mappings === undefined || input.network === "none";
  return [
    { destination: "/proc", type: "proc", source: "proc", options: safe },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", ...ttyGroup],
    },
    { destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...safe, "mode=1777", "size=65536k"] },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: safe },
    canMountSysfs
      ? { destination: "/sys", type: "sysfs", source: "sysfs", options: [...safe, "ro"] }
      : { destination: "/sys", type: "none", source: "/sys", options: ["rbind", ...safe, "ro"] },
  ];
}

function covers(map: IdMapping, id: number): boolean {
  return id >= map.containerID && id < map.containerID + map.size;
}

/** Rootless, the kernel keeps the flags of the mount behind; asking for these two anyway is always allowed. */
function bindMount({ source, target, isReadOnly }: BindMount): Record<string, unknown> {
  const options = ["rbind", "rprivate", "nosuid", "nodev", isReadOnly ? "ro" : "rw"];
  return { destination: target, type: "bind", source, options };
}
