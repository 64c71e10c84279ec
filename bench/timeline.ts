import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GIT, unpackSource } from "../tests/support/debian-source.ts";
import { startDockerRegistry } from "../tests/support/docker-registry.ts";
import { copyStore, emptyFolder, workFolder } from "./folders.ts";
import { type Arm, measureCommands } from "./harness.ts";
import { build, command, openSite, type Site } from "./project.ts";
import { type Bench, type BenchResult, ratioFigure, shareFigure } from "./result.ts";

const ROUNDS = 3;

/** git of Debian's source package; without what takes further libraries. */
const MAKE =
  "make -j2 NO_OPENSSL=1 NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_PERL=1 NO_PYTHON=1 NO_TCLTK=1 'CC=ccache gcc'";

const project = (flags: string) => `
debian: { suite: bookworm, variant: distroless }
apt: [zlib1g]
stages:
  build:
    debian: bookworm
    apt: [gcc, libc6-dev, make, ccache, zlib1g-dev]
    workdir: /src
    steps:
      - run: gcc --version > /compiler
      - copy: git:/src/
      - run:
          command: ${MAKE} ${flags} git
          mounts: [{ type: cache, target: /root/.cache/ccache }]
copy:
  - { from: /src/git, to: /usr/local/bin/, stage: build }
cmd: [/usr/local/bin/git, --version]
`;

/** A C project on machines that are new each time: what a cache mount saves that came along, and what it costs. */
export const bench: Bench = {
  name: "timeline",
  needs: ["root", "runc", "docker-registry"],
  run: timeline,
};

async function timeline(): Promise<BenchResult> {
  using work = workFolder("timeline");
  await using site = await openSite(work.path, []);
  await using registry = await startDockerRegistry();
  const folder = join(work.path, "project");
  await unpackSource(GIT, join(folder, "git"));
  const write = (flags: string) => writeFileSync(join(folder, "cambium.yaml"), project(flags));
  write("");
  await lock(site, folder, join(work.path, "lock-store"));
  let machines = 0;
  const buildOnNew = (...args: string[]) =>
    build(site, "bundle", folder, emptyFolder(join(work.path, `store-${machines++}`)), { args });
  const cache = `${registry.address}/cache:1`;
  console.error("  fills the cache");
  await buildOnNew("--cache-to", cache);
  const change = (round: number) =>
    appendFileSync(join(folder, "git/help.c"), `int changed_in_round_${round};\n`);
  const arms: Arm[] = [
    { name: "no cache", prepare: () => write(""), run: () => buildOnNew() },
    {
      name: "exporting",
      prepare: () => write(""),
      run: (round) => buildOnNew("--cache-to", `${registry.address}/cache-${round}:1`),
    },
    {
      name: "one file changed",
      prepare: (round) => {
        write("");
        change(round);
      },
      run: () => buildOnNew("--cache-from", cache),
    },
    {
      name: "useless cache",
      prepare: () => write("'CFLAGS=-g -O2 -Wall -fno-ident'"),
      run: () => buildOnNew("--cache-from", cache),
    },
  ];
  const [none, exporting, changed, useless] = await measureCommands(arms, {
    rounds: ROUNDS,
    warmsUp: false,
  });
  return {
    name: "timeline",
    title: "A C project on new machines",
    notes: [
      "git 2.39.5 of Debian's source package, compiled by `make -j2` with ccache in a cache mount; gcc, make and ccache are computed layers of `apt:`. Each build has an empty store. Registry, and a mirror of Debian, on loopback. “One file changed”: the compiler's version is a hit, the source is copied anew, make runs and finds ccache warm. “Useless cache”: other compiler flags, so ccache was brought and knows nothing.",
    ],
    figures: [
      ratioFigure("one file changed, with a cache, against none", changed!, none!, 5),
      shareFigure("exporting to a cache, of the time without", exporting!, none!, 1.05),
      shareFigure("a cache of no use, of the time without", useless!, none!, 1.05),
    ],
    measurements: [none!, exporting!, changed!, useless!],
  };
}

async function lock(site: Site, folder: string, store: string): Promise<void> {
  await copyStore(site.preparedStore, store);
  await command(site, "bundle", ["lock", folder], store);
}
