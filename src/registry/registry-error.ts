import { CambiumError } from "../errors.ts";

/** distribution-spec, error codes. Only these are taken from a registry: our codes are ours. */
const DISTRIBUTION_CODES = [
  "BLOB_UNKNOWN",
  "BLOB_UPLOAD_INVALID",
  "BLOB_UPLOAD_UNKNOWN",
  "DENIED",
  "DIGEST_INVALID",
  "MANIFEST_BLOB_UNKNOWN",
  "MANIFEST_INVALID",
  "MANIFEST_UNKNOWN",
  "NAME_INVALID",
  "NAME_UNKNOWN",
  "SIZE_INVALID",
  "TOOMANYREQUESTS",
  "UNAUTHORIZED",
  "UNSUPPORTED",
] as const;
type DistributionCode = (typeof DISTRIBUTION_CODES)[number];

/** What a status means where the registry gives no code. */
const CODE_OF_STATUS: Readonly<Record<number, DistributionCode>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  405: "UNSUPPORTED",
  413: "SIZE_INVALID",
  429: "TOOMANYREQUESTS",
};

const HINTS: Readonly<Partial<Record<string, string>>> = {
  DENIED:
    "The registry knows who asks and does not allow it: check the repository, its quota and your rights.",
  MANIFEST_UNKNOWN: "Check the name and the tag or digest.",
  NAME_UNKNOWN: "Check the name; some registries want a repository to be made before a push.",
  NAME_INVALID: "Check the name; registries differ in how deep names may be.",
  TOOMANYREQUESTS: "The registry limits how often it is asked: log in, wait, or use a mirror.",
  UNSUPPORTED: "The registry does not allow this, such as a write to a read-only mirror or a delete.",
  SIZE_INVALID: "The registry, or a proxy before it, takes no body of this size.",
};

/** A registry's answer that is no success, its body read up to a bound and without secrets. */
export type ErrorAnswer = { readonly status: number; readonly body: string };

/**
 * The error for it. `what` names registry, repository and what was asked for.
 * Distribution's codes where the registry gives one; else by status, and `REGISTRY_ANSWER` for the rest.
 */
export function registryError(what: string, answer: ErrorAnswer): CambiumError {
  const { code, message } = firstError(answer.body);
  const known = code ?? CODE_OF_STATUS[answer.status];
  const said = message === "" ? "" : `: ${message}`;
  const text = `${what}: the registry answered ${answer.status}${said}`;
  if (known !== undefined) return new CambiumError(known, text, { hint: HINTS[known] ?? GENERAL_HINT });
  return new CambiumError("REGISTRY_ANSWER", text, {
    hint: answer.status >= 500 ? "The registry failed: try again, or look at its log." : GENERAL_HINT,
  });
}

const GENERAL_HINT = "Check the reference, and what the registry allows.";

/** distribution-spec, error codes: `{"errors":[{"code","message","detail"}]}`. */
function firstError(body: string): { readonly code: DistributionCode | undefined; readonly message: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    // A proxy's page says nothing worth showing.
    return { code: undefined, message: /^\s*</.test(body) ? "" : oneLine(body) };
  }
  const errors =
    typeof parsed === "object" && parsed !== null && "errors" in parsed ? parsed.errors : undefined;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== "object" || first === null) return { code: undefined, message: "" };
  const given = "code" in first ? String(first.code) : "";
  const message = "message" in first ? oneLine(String(first.message)) : "";
  return { code: DISTRIBUTION_CODES.find((code) => code === given), message };
}

function oneLine(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 200);
}
