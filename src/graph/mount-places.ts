/** Where a RUN finds what no file says a place for, as BuildKit has it. */
export const SECRET_FOLDER = "/run/secrets";
/** With a number behind: which one of its step it is, from 0. */
export const AGENT_SOCKET = "/run/buildkit/ssh_agent";
/** What a command that is a text is handed to. */
export const DEFAULT_SHELL: readonly string[] = ["/bin/sh", "-c"];
