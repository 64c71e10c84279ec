import { readFileSync } from "node:fs";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { environmentError, messageOf } from "../errors.ts";
import type { HttpSettings } from "./settings.ts";

/**
 * As the tools beside us read it: SSL_CERT_FILE replaces the built-in authorities (OpenSSL), NODE_EXTRA_CA_CERTS adds
 * to them (Node). Made once: parsing 140 certificates for each connection would be waste.
 * @throws CambiumError `CA_UNREADABLE`.
 */
export function secureContextFrom(env: HttpSettings["env"]): SecureContext | undefined {
  const replaced = env.SSL_CERT_FILE;
  const added = env.NODE_EXTRA_CA_CERTS;
  if (!replaced && !added) return undefined;
  const ca = replaced ? [certificates("SSL_CERT_FILE", replaced)] : [...rootCertificates];
  if (added && added !== replaced) ca.push(certificates("NODE_EXTRA_CA_CERTS", added));
  return createSecureContext({ ca });
}

function certificates(name: string, path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    throw environmentError(
      "CA_UNREADABLE",
      `cannot read the certificates that ${name} names: ${path}: ${messageOf(error)}`,
      `Correct ${name} or unset it.`,
      error,
    );
  }
}
