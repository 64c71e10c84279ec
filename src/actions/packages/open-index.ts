import type { Credentials } from "../../fetch/settings.ts";
import { createIndexAccess, type IndexAccess, type IndexRequest } from "../../solve/index-access.ts";
import { mirrorsOf } from "../../solve/mirrors.ts";
import type { Session } from "../session.ts";

/** The package indexes that a project, or the user alone, names; read when something first needs one. */
export function openIndex(
  request: Omit<IndexRequest, "onOpen" | "fallbackInterpreter"> & { readonly debianMirror?: string },
  { bench, http }: Session,
): IndexAccess {
  return createIndexAccess(
    {
      ...request,
      onOpen: ({ caFile, proxy }, credentials) => {
        http.credentials = (url): Credentials | undefined => credentials.credentialsFor(url);
        // pip and uv have settings for what other programs take from the environment.
        if (caFile !== undefined) http.env.SSL_CERT_FILE = caFile;
        if (proxy !== undefined) http.env.HTTPS_PROXY = proxy;
      },
      fallbackInterpreter: async () => {
        const { debianInterpreter } = await import("../../solve/debian-interpreter.ts");
        return debianInterpreter(mirrorsOf(request), bench);
      },
    },
    bench,
  );
}
