import { readFileSync } from "node:fs";
import { usageError } from "../../errors.ts";
import { lentSources } from "../../solve/mirrors.ts";
import type { RunSettings } from "../../solve/steps/run-steps.ts";
import type { StagesSettings } from "../settings.ts";
import { mountProject } from "./mount-project.ts";

const BUNDLE_HINT =
  "It is a PEM file with all certificates that are to be trusted, as /etc/ssl/certs/ca-certificates.crt.";

/** What the machine lends to steps, whoever wrote them. @throws CambiumError `CA_BUNDLE_UNREADABLE`. */
export function stepSettings(settings: StagesSettings): RunSettings {
  const { contextDir, debianMirror, dockerfile, env, sourceDateEpoch, tags = [] } = settings;
  const { secrets, sshSockets, caBundle, network, allowsInsecure, onError } = dockerfile;
  return {
    lent: {
      ...{ secrets, sshSockets, env },
      project: mountProject({ dockerfile, contextDir, tags }),
      aptSources: lentSources({ ...(debianMirror !== undefined && { debianMirror }) }),
      ...(caBundle !== undefined && { caBundle: readBundle(caBundle) }),
    },
    ...(onError === "shell" && { shell: { isTaken: false } }),
    ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    ...{ network, allowsInsecure },
  };
}

function readBundle(file: string): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw usageError("CA_BUNDLE_UNREADABLE", `cannot read the CA bundle ${file}`, BUNDLE_HINT, error);
  }
  if (bytes.includes("-----BEGIN CERTIFICATE-----")) return bytes;
  throw usageError("CA_BUNDLE_UNREADABLE", `no certificate in the CA bundle ${file}`, BUNDLE_HINT);
}
