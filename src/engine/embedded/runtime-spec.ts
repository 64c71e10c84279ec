import type { ProcessUser } from "./accounts.ts";

/** `isPlain`: no more than the mount itself, as builds have it; otherwise setuid programs and devices in it do nothing. */
export type BindMount = {
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
  readonly isPlain?: boolean;
};
export type TmpfsMount = { readonly target: string; readonly sizeBytes?: number };
/** A limit of setrlimit(2) by its name in lower case, `nofile`; -1 is none. */
export type Ulimit = { readonly name: string; readonly soft: number; readonly hard: number };

/** Ids of the container as ids of the host, for a rootless run (runtime-spec, config-linux.md, user namespace). */
export type IdMapping = { readonly containerID: number; readonly hostID: number; readonly size: number };
export type IdMappings = { readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] };

/** Of a terminal, in characters. */
export type TerminalSize = { readonly rows: number; readonly columns: number };

export type SpecInput = {
  readonly rootfsDir: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ProcessUser;
  readonly hasTerminal: boolean;
  /** What its terminal begins with. */
  readonly terminalSize?: TerminalSize;
  readonly network: "host" | "none";
  /** In this order, so that one may lie in another. */
  readonly mounts: readonly (BindMount | TmpfsMount)[];
  /** False: no cgroup holds back device nodes, so none may be made. */
  readonly hasCgroup: boolean;
  /** Absent: run as root of the host, or of the user namespace that the runtime is started in. */
  readonly mappings?: IdMappings;
  readonly isInUserNamespace?: boolean;
  /**
   * `fixed`: nothing that the process starts has more, setuid programs included. `gained`: those do, as in Docker's
   * builds. `all`: root of the host in all but name (`--security=insecure`). Default `fixed`.
   */
  readonly privileges?: "fixed" | "gained" | "all";
  /** With all privileges: what root has here (`capabilityNames`). */
  readonly ownCapabilities?: readonly string[];
  /** `linux.seccomp`; not used with all privileges. */
  readonly seccomp?: Record<string, unknown>;
  readonly ulimits?: readonly Ulimit[];
  /** Of /dev/shm; 64 MiB by default. */
  readonly shmBytes?: number;
  /** Of the cgroup, from its file system's root; the runtime's choice by default. */
  readonly cgroupsPath?: string;
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

/** All capabilities in the order of their numbers (linux/capability.h). */
const CAPABILITY_NAMES =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE " +
  "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN " +
  "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE " +
  "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE";

/** Devices that an insecure step finds as in Docker: type, major, minor (Linux's devices.txt). */
const INSECURE_DEVICES: readonly (readonly [path: string, type: "c" | "b", major: number, minor: number])[] =
  [
    ["/dev/kmsg", "c", 1, 11],
    ["/dev/cuse", "c", 10, 203],
    ["/dev/fuse", "c", 10, 229],
    ["/dev/kvm", "c", 10, 232],
    ["/dev/net/tun", "c", 10, 200],
    ["/dev/loop-control", "c", 10, 237],
    ...Array.from({ length: 8 }, (_, n) => [`/dev/loop${n}`, "b", 7, n] as const),
  ];

const SHM_BYTES = 64 << 20;

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

/** Below 2^53, and more than the kernel's own bounds on every limit. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** gid of `tty` in Debian and nearly everywhere, as devpts wants it. */
const TTY_GID = 5;

type SpecMount = {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
};
export type RuntimeSpec = { readonly mounts: readonly SpecMount[] } & Readonly<Record<string, unknown>>;

/** The `config.json` of a bundle (runtime-spec 1.0.2, which runc 1.1 and crun 1.8 both read). */
export function runtimeSpec(input: SpecInput): RuntimeSpec {
  const { user, mappings, privileges = "fixed", ulimits = [], terminalSize: size } = input;
  const isOpen = privileges === "all";
  return {
    ociVersion: "1.0.2",
    root: { path: input.rootfsDir, readonly: false },
    hostname: "cambium",
    process: {
      terminal: input.hasTerminal,
      ...(size === undefined ? {} : { consoleSize: { height: size.rows, width: size.columns } }),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      args: input.args,
      env: input.env,
      cwd: input.cwd,
      capabilities: capabilitiesOf(input),
      noNewPrivileges: privileges === "fixed",
      ...(ulimits.length === 0 ? {} : { rlimits: ulimits.map(rlimit) }),
    },
    mounts: [
      ...systemMounts(input),
      ...input.mounts.map((mount) => ("source" in mount ? bindMount(mount) : tmpfsMount(mount))),
    ],
    linux: {
      namespaces: namespaceTypes(input).map((type) => ({ type })),
      ...(mappings === undefined ? {} : { uidMappings: mappings.uids, gidMappings: mappings.gids }),
      ...(!isRootless(input) && input.hasCgroup ? { resources: { devices: deviceRules(isOpen) } } : {}),
      ...(input.cgroupsPath === undefined ? {} : { cgroupsPath: input.cgroupsPath }),
      ...(input.seccomp === undefined || isOpen ? {} : { seccomp: input.seccomp }),
      ...(isOpen && !isRootless(input) ? { devices: INSECURE_DEVICES.map(deviceNode) } : {}),
      maskedPaths: isOpen ? [] : MASKED_PATHS,
      readonlyPaths: isOpen ? [] : READONLY_PATHS,
    },
  };
}

/** The names of a capability set as /proc/<pid>/status writes it, in hex. */
export function capabilityNames(hex: string): string[] {
  const bits = BigInt(`0x${hex}`);
  return CAPABILITY_NAMES.split(" ").flatMap((name, bit) =>
    (bits >> BigInt(bit)) & 1n ? [`CAP_${name}`] : [],
  );
}

function isRootless({ mappings, isInUserNamespace }: SpecInput): boolean {
  return mappings !== undefined || isInUserNamespace === true;
}

/** Only root has any in effect; others come to those of the bounding set through setuid programs at most. */
function capabilitiesOf(input: SpecInput): Record<string, readonly string[]> {
  if (input.privileges === "all") {
    const all = input.ownCapabilities ?? CAPABILITIES;
    return { bounding: all, effective: all, permitted: all, inheritable: all, ambient: all };
  }
  const mayMakeNodes = input.hasCgroup || isRootless(input);
  const bounding = mayMakeNodes ? CAPABILITIES : CAPABILITIES.filter((name) => name !== "CAP_MKNOD");
  const own = input.user.uid === 0 ? bounding : [];
  return { bounding, effective: own, permitted: own };
}

function deviceRules(isOpen: boolean): Record<string, unknown>[] {
  if (!isOpen) return [{ allow: false, access: "rwm" }];
  return ["c", "b"].map((type) => ({ allow: true, type, access: "rwm" }));
}

function deviceNode([path, type, major, minor]: (typeof INSECURE_DEVICES)[number]): Record<string, unknown> {
  return { path, type, major, minor, fileMode: 0o600, uid: 0, gid: 0 };
}

function rlimit({ name, soft, hard }: Ulimit): Record<string, unknown> {
  const value = (limit: number) => (limit < 0 ? UNLIMITED : limit);
  return { type: `RLIMIT_${name.toUpperCase()}`, soft: value(soft), hard: value(hard) };
}

function namespaceTypes(input: SpecInput): string[] {
  const types = ["pid", "ipc", "uts", "mount"];
  if (input.network === "none") types.push("network");
  if (input.mappings !== undefined) types.push("user");
  return types;
}

function systemMounts(input: SpecInput): SpecMount[] {
  const hasTtyGroup = input.mappings === undefined || input.mappings.gids.some((map) => covers(map, TTY_GID));
  const ttyGroup = hasTtyGroup ? [`gid=${TTY_GID}`] : [];
  const safe = ["nosuid", "noexec", "nodev"];
  // The kernel mounts a sysfs only for who owns the network namespace, which a rootless run in the host's does not.
  const canMountSysfs = !isRootless(input) || input.network === "none";
  const sysMode = input.privileges === "all" ? "rw" : "ro";
  const shm = input.shmBytes ?? SHM_BYTES;
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
    { destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...safe, "mode=1777", `size=${shm}`] },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: safe },
    canMountSysfs
      ? { destination: "/sys", type: "sysfs", source: "sysfs", options: [...safe, sysMode] }
      : { destination: "/sys", type: "none", source: "/sys", options: ["rbind", ...safe, sysMode] },
  ];
}

function covers(map: IdMapping, id: number): boolean {
  return id >= map.containerID && id < map.containerID + map.size;
}

function tmpfsMount({ target, sizeBytes }: TmpfsMount): SpecMount {
  const size = sizeBytes === undefined ? [] : [`size=${sizeBytes}`];
  return { destination: target, type: "tmpfs", source: "tmpfs", options: ["nosuid", ...size] };
}

/** Rootless, the kernel keeps the flags of the mount behind; asking for these two anyway is always allowed. */
function bindMount({ source, target, isReadOnly, isPlain }: BindMount): SpecMount {
  const safe = isPlain === true ? [] : ["nosuid", "nodev"];
  const options = ["rbind", "rprivate", ...safe, isReadOnly ? "ro" : "rw"];
  return { destination: target, type: "bind", source, options };
}
