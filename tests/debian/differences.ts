import type { Suite } from "../../src/ecosystems/debian/lock.ts";

/**
 * Where a debootstrapped tree and ours may differ, each with its reason. `only`: which tree has the path (`both` means
 * that type, mode, owner, link or content differ). A rule that matches nothing fails the test.
 */
export type Difference = {
  readonly only: "debootstrap" | "ours" | "both";
  readonly path: RegExp;
  readonly reason: string;
  readonly suites?: readonly Suite[];
};

export const differences: readonly Difference[] = [
  {
    only: "debootstrap",
    path: /^usr\/share\/(man|info|locale)(\/|$)/,
    reason: "manual pages, info pages and message catalogues are left out unless kept",
  },
  {
    only: "debootstrap",
    path: /^usr\/share\/doc\//,
    reason: "of the documentation only copyright files, and links to them, are kept by default",
  },
  {
    only: "debootstrap",
    path: /^(etc\/alternatives\/|usr\/(local\/)?share\/man\/).*\.gz$/,
    reason: "alternatives of manual pages that are left out",
  },
  {
    only: "debootstrap",
    path: /(^|\/)__pycache__(\/|$)/,
    reason: "bytecode is a segment of its own, made elsewhere",
  },
  {
    only: "debootstrap",
    path: /^var\/lib\/dpkg\/(cmethopt|lock|lock-frontend|(status|diversions)-old|alternatives\/builtins\.7\.gz)$/,
    reason:
      "locks, backups and dselect's method, made when they are needed; the alternative of a page that is left out",
  },
  {
    only: "both",
    path: /^var\/lib\/dpkg\/(available|diversions|status|triggers\/File|info\/.*\.(list|md5sums))$/,
    reason: "compared by content in a test of its own: other order, other packages, and what is left out",
  },
  {
    only: "ours",
    path: /^var\/lib\/dpkg\/status\.d(\/|$)/,
    reason: "what scanners read instead of dpkg's status",
  },
  {
    only: "debootstrap",
    path: /^var\/(cache\/(debconf|ldconfig)\/|log\/(alternatives|bootstrap|dpkg)\.log$)/,
    reason: "debconf's database, ldconfig's auxiliary cache and logs of the installation",
  },
  {
    only: "debootstrap",
    path: /^dev\//,
    reason: "device nodes, which the runtime provides",
  },
  {
    only: "debootstrap",
    path: /^etc\/(hostname|resolv\.conf|fstab|apt\/sources\.list)$/,
    reason: "debootstrap copies the host's name and resolver and writes its mirror; a container gets its own",
  },
  {
    only: "debootstrap",
    path: /^etc\/(\.pwd\.lock|group-|passwd-)$/,
    reason: "lock and backups of the tools that edit accounts",
  },
  {
    only: "both",
    path: /^etc\/shadow$/,
    reason: "the day of the last password change is the constant 3653 instead of the day of the installation",
  },
  {
    only: "both",
    path: /^etc\/ld\.so\.cache$/,
    reason:
      "debootstrap's tree has libraries of further packages; the suite's own ldconfig run over our tree is the check",
  },
];
