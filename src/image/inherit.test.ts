import { expect, test } from "vitest";
import type { ImageSettings } from "./config.ts";
import { inheritSettings } from "./inherit.ts";

const nothing: ImageSettings = { env: [], labels: {}, exposedPorts: [], volumes: [] };

test("an environment on no base has the runtime's PATH behind its own", () => {
  expect(inheritSettings(undefined, nothing, "/opt/venv").env).toEqual([
    ["PATH", "/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["VIRTUAL_ENV", "/opt/venv"],
    ["LANG", "C.UTF-8"],
    ["PYTHONUNBUFFERED", "1"],
  ]);
  expect(inheritSettings(undefined, nothing, undefined).env).toHaveLength(1);
});

test("the base's variables keep their place, its PATH comes behind the environment, one's own word is last", () => {
  const base = { Env: ["PATH=/usr/local/bin:/usr/bin", "LANG=de_DE.UTF-8", "GPG_KEY=A=B"] };
  const own = { ...nothing, env: [["LANG", "C"] as const, ["X", "1"] as const] };
  expect(inheritSettings(base, own, "/opt/venv").env).toEqual([
    ["PATH", "/opt/venv/bin:/usr/local/bin:/usr/bin"],
    ["LANG", "C"],
    ["GPG_KEY", "A=B"],
    ["VIRTUAL_ENV", "/opt/venv"],
    ["PYTHONUNBUFFERED", "1"],
    ["X", "1"],
  ]);
});

test("what is not said comes from the base, what is said replaces it", () => {
  const base = {
    User: "app",
    WorkingDir: "/srv",
    Entrypoint: ["/init"],
    Cmd: ["serve"],
    StopSignal: "SIGINT",
    Labels: { a: "1", b: "1" },
    ExposedPorts: { "80/tcp": {} },
    Volumes: { "/data": {} },
    Healthcheck: { Test: ["CMD", "true"] },
    Shell: ["/bin/bash", "-c"],
  };
  expect(inheritSettings(base, nothing, undefined)).toEqual({
    env: [["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]],
    workdir: "/srv",
    user: "app",
    entrypoint: ["/init"],
    cmd: ["serve"],
    stopSignal: "SIGINT",
    labels: { a: "1", b: "1" },
    exposedPorts: ["80/tcp"],
    volumes: ["/data"],
    healthcheck: { Test: ["CMD", "true"] },
    shell: ["/bin/bash", "-c"],
  });
  const own = { ...nothing, workdir: "/app", user: "0", labels: { b: "2" }, exposedPorts: ["8000/tcp"] };
  expect(inheritSettings(base, { ...own, cmd: ["python"] }, undefined)).toMatchObject({
    workdir: "/app",
    user: "0",
    entrypoint: ["/init"],
    cmd: ["python"],
    labels: { a: "1", b: "2" },
    exposedPorts: ["80/tcp", "8000/tcp"],
  });
});

test("an entrypoint of one's own drops the base's cmd, and empty texts are nothing", () => {
  const base = { User: "", WorkingDir: "", Entrypoint: ["/init"], Cmd: ["serve"] };
  const made = inheritSettings(base, { ...nothing, entrypoint: ["/mine"] }, undefined);
  expect(made.entrypoint).toEqual(["/mine"]);
  expect(made).not.toHaveProperty("cmd");
  expect(made).not.toHaveProperty("user");
  expect(made).not.toHaveProperty("workdir");
});
