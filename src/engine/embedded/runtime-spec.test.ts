import { expect, test } from "vitest";
import { knowsVolatile, overlayMount } from "./overlay.ts";
import { capabilityNames, runtimeSpec, type SpecInput } from "./runtime-spec.ts";
import { seccompProfile } from "./seccomp.ts";

const input: SpecInput = {
  ...{
    rootfsDir: "/r",
    args: ["/bin/true"],
    env: [],
    cwd: "/",
    hasTerminal: false,
    hasCgroup: true,
    mounts: [],
  },
  user: { uid: 0, gid: 0, additionalGids: [], home: "/" },
  network: "host",
};
type Shape = {
  readonly process: {
    readonly noNewPrivileges: boolean;
    readonly capabilities: Record<string, readonly string[]>;
    readonly rlimits?: readonly unknown[];
  };
  readonly linux: Record<string, unknown>;
};
const specOf = (more: Partial<SpecInput>) => runtimeSpec({ ...input, ...more }) as unknown as Shape;

test("a build step may gain privileges through setuid programs, an image's process may not", () => {
  expect(specOf({}).process.noNewPrivileges).toBe(true);
  expect(specOf({ privileges: "gained" }).process.noNewPrivileges).toBe(false);
  const bob = specOf({ privileges: "gained", user: { uid: 7, gid: 7, additionalGids: [], home: "/" } });
  expect(bob.process.capabilities.effective).toEqual([]);
  expect(bob.process.capabilities.bounding).toHaveLength(14);
});

test("an insecure step has what root has, without filter, masks and device rules", () => {
  const seccomp = seccompProfile("amd64")!;
  const spec = specOf({ privileges: "all", ownCapabilities: ["CAP_SYS_ADMIN"], seccomp });
  expect(spec.process.capabilities.ambient).toEqual(["CAP_SYS_ADMIN"]);
  expect(spec.linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
  expect(spec.linux).not.toHaveProperty("seccomp");
  expect(specOf({ privileges: "gained", seccomp }).linux).toHaveProperty("seccomp", seccomp);
});

test("limits are written as setrlimit has them, none as a very large one", () => {
  const ulimits = [{ name: "nofile", soft: 10, hard: -1 }];
  expect(specOf({ ulimits }).process.rlimits).toEqual([
    { type: "RLIMIT_NOFILE", soft: 10, hard: Number.MAX_SAFE_INTEGER },
  ]);
});

test("in a user namespace neither cgroup nor a further namespace is asked for", () => {
  const { linux } = specOf({ isInUserNamespace: true });
  expect(linux).not.toHaveProperty("resources");
  expect(linux.namespaces).not.toContainEqual({ type: "user" });
});

test("capability sets are read as the kernel writes them", () => {
  expect(capabilityNames("00000000a80425fb")).toHaveLength(14);
  expect(capabilityNames("00000000a80425fb")).toContain("CAP_SETFCAP");
  expect(capabilityNames("000001ffffffffff")).toHaveLength(41);
  expect(capabilityNames("0")).toEqual([]);
});

test("the profile allows calls with conditions only where they are met", () => {
  const { syscalls, defaultAction } = seccompProfile("amd64") as {
    defaultAction: string;
    syscalls: { names: string[]; action: string; args?: unknown }[];
  };
  expect(defaultAction).toBe("SCMP_ACT_ERRNO");
  const free = new Set(
    syscalls.flatMap(({ names, args, action }) => (args || action !== "SCMP_ACT_ALLOW" ? [] : names)),
  );
  for (const name of ["execve", "chroot", "mknod", "ptrace", "arch_prctl"])
    expect(free, name).toContain(name);
  for (const name of [
    "mount",
    "unshare",
    "setns",
    "bpf",
    "clone",
    "clone3",
    "socket",
    "init_module",
    "keyctl",
  ]) {
    expect(free, name).not.toContain(name);
  }
  expect(seccompProfile("pdp11")).toBeUndefined();
});

test("a mount names its layers from the top, and says when they are too many", () => {
  const changes = { upper: "u", work: "w" };
  expect(overlayMount("kernel", ["a", "b"], changes, "m")).toEqual({
    ...{ type: "overlay", source: "overlay", target: "m" },
    options: "lowerdir=b:a,upperdir=u,workdir=w,redirect_dir=off,metacopy=off,index=off",
  });
  expect(overlayMount("kernel-user", ["a"], changes, "m", true).options).toBe(
    "lowerdir=a,upperdir=u,workdir=w,userxattr,index=off,volatile",
  );
  expect(["5.9.1", "5.10.0-8-amd64", "6.1", "4.20"].map(knowsVolatile)).toEqual([false, true, true, false]);
  const names = (count: number) => Array.from({ length: count }, () => "0123456789abcdef01234567");
  expect(() => overlayMount("kernel", names(127), changes, "m")).not.toThrow();
  expect(() => overlayMount("kernel", names(200), changes, "m")).toThrow(
    expect.objectContaining({ code: "ENGINE_LAYERS" }),
  );
});

test("a terminal begins with the size that is said", () => {
  expect(specOf({ hasTerminal: true, terminalSize: { rows: 33, columns: 101 } }).process).toMatchObject({
    terminal: true,
    consoleSize: { height: 33, width: 101 },
  });
  expect(specOf({ hasTerminal: true }).process).not.toHaveProperty("consoleSize");
});
