import { formatPlatform, type Platform } from "../../platform.ts";

/** ARGs that are there without being given: of the machine that builds, of the image, and the stage that is asked for. */
export function platformArgs(
  build: Platform,
  target: Platform,
  stage: string,
  given: ReadonlyMap<string, string>,
): Map<string, string> {
  const args = { ...argsOf("BUILD", build), ...argsOf("TARGET", target), TARGETSTAGE: stage };
  return new Map(Object.entries(args).map(([name, value]) => [name, given.get(name) ?? value]));
}

/** Of the platforms there are here none has a variant that is written, nor an OS version. */
function argsOf(side: string, platform: Platform): Record<string, string> {
  return {
    [`${side}PLATFORM`]: formatPlatform(platform),
    [`${side}OS`]: platform.os,
    [`${side}OSVERSION`]: "",
    [`${side}ARCH`]: platform.architecture,
    [`${side}VARIANT`]: "",
  };
}

const PROXIES: readonly string[] = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/**
 * The proxies among the build arguments, which every RUN gets without an ARG, each name in both cases. Of two spellings
 * of one name the last in the order of bytes counts.
 */
export function proxyVariables(
  given: ReadonlyMap<string, string>,
): readonly (readonly [name: string, value: string])[] {
  return PROXIES.flatMap((name) => {
    const spelling = [...given.keys()]
      .filter((key) => key.toLowerCase() === name)
      .sort()
      .at(-1);
    const value = spelling === undefined ? undefined : given.get(spelling);
    return value === undefined || value === ""
      ? []
      : ([
          [name.toUpperCase(), value],
          [name, value],
        ] as const);
  });
}
