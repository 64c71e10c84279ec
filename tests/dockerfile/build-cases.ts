/** A Dockerfile that both builders build on `debian`, our computed bookworm with Python, compared by tree and config. */
export type DockerfileCase = {
  readonly name: string;
  /** `FROM debian` is the base. */
  readonly dockerfile: string;
  /** The context: content by path; a path with a slash at its end is a folder. */
  readonly files?: Readonly<Record<string, string | ContextLink | ContextMode>>;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
};

export type ContextLink = { readonly link: string };
export type ContextMode = { readonly content: string; readonly mode: number };

const app = { "app.py": 'print("hello")\n', "data/one.txt": "1\n", "data/deep/two.txt": "2\n" };

export const cases: readonly DockerfileCase[] = [
  {
    name: "each instruction that only sets the config",
    dockerfile: `FROM debian
LABEL a=1 "b c"="d e" f="g\\"h"
LABEL multi="one \\
two"
ENV A=1 B="two words" C=three\\ words
ENV OLD style value
EXPOSE 80 443/tcp 53/udp 8000-8002
VOLUME /data /more
VOLUME ["/var/lib/x", "/var/lib/y"]
STOPSIGNAL SIGINT
USER 1000:1000
WORKDIR /srv
WORKDIR app
SHELL ["/bin/bash", "-c"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=1m --retries=2 CMD python3 -V || exit 1
MAINTAINER someone <someone@registry.example>
ONBUILD RUN echo child
ENTRYPOINT ["python3"]
CMD ["-V"]
`,
  },
  {
    name: "shell forms of entrypoint and cmd, and none",
    dockerfile: `FROM debian
HEALTHCHECK NONE
ENTRYPOINT exec python3 -V
CMD echo $HOME
`,
  },
  {
    name: "a run writes files",
    dockerfile: "FROM debian\nRUN echo hello > /hello && mkdir -p /a/b/c && chmod 700 /a/b\n",
  },
  {
    name: "a run in exec form and as another user",
    dockerfile: `FROM debian
RUN ["/bin/sh", "-c", "id > /tmp/id && chmod 666 /tmp/id"]
USER nobody
RUN id >> /tmp/id && touch /tmp/mine
USER 1234:2345
RUN touch /tmp/numbers
`,
  },
  {
    name: "heredocs",
    dockerfile: `FROM debian
RUN <<EOF
set -e
echo "one $HOME" > /one
echo two > /two
EOF
RUN <<'PY' python3
open("/three", "w").write("$HOME")
PY
RUN <<EOF
#!/usr/bin/env python3
open("/four", "w").write("4")
EOF
COPY <<five.txt <<-"six.txt" /heredocs/
five \${PATH}
five.txt
	six \${PATH}
six.txt
`,
  },
  {
    name: "whiteouts over files and directories",
    dockerfile: `FROM debian
RUN mkdir -p /gone/deep /stay && touch /gone/deep/file /stay/a /stay/b /plain
RUN rm -r /gone /stay/a /plain && mkdir /plain && touch /plain/now-a-directory
RUN rm -r /plain && echo file > /plain
`,
  },
  {
    name: "a directory replaced by another of the same name",
    dockerfile: `FROM debian
RUN mkdir /d && touch /d/old /d/older
RUN rm -r /d && mkdir /d && touch /d/new
`,
  },
  {
    name: "symlinks, hard links and moved directories",
    dockerfile: `FROM debian
RUN mkdir /real && echo 1 > /real/file && ln -s real /link && ln -s /real/file /abs && ln -s ../nowhere /dangling
RUN ln /real/file /real/hard && ln /real/file /hard
RUN mv /real /moved && ln -sfn moved /link
`,
  },
  {
    name: "modes, owners, set-ids, sticky and devices",
    dockerfile: `FROM debian
RUN install -d -m 1777 /sticky && install -d -m 2775 -o 5 -g 6 /setgid && install -m 4755 /bin/true /setuid
RUN chown 1000:1000 /etc/hostname 2>/dev/null || true; touch /owned && chown 12345:54321 /owned && chmod 0 /owned
RUN mkfifo /fifo
`,
  },
  {
    name: "capabilities and odd names",
    dockerfile: `FROM debian
RUN python3 - <<'PY'
import os
os.makedirs("/odd")
for name in [b"new\\nline", b"back\\\\slash", b"quote\\"s'", b"-dash", b"space s", "üñï".encode(), b"\\xff\\xfe", b"*", b"\\t"]:
    with open(b"/odd/" + name, "wb") as f:
        f.write(name)
os.setxattr("/odd/*", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
PY
`,
  },
  {
    name: "sparse and empty files",
    dockerfile: "FROM debian\nRUN truncate -s 3M /sparse && printf end >> /sparse && : > /empty\n",
  },
  {
    name: "arguments and their scopes",
    dockerfile: `ARG TAG=debian
ARG GLOBAL=global
FROM \${TAG} AS first
ARG GLOBAL
ARG LOCAL=local
ARG GIVEN
RUN echo "$GLOBAL $LOCAL $GIVEN" > /args
ENV LOCAL=\${LOCAL}-env
RUN echo "$LOCAL" > /env
FROM first
RUN echo "[$GLOBAL] [$LOCAL] [$GIVEN]" > /args2
ARG TARGETPLATFORM TARGETARCH
RUN echo "$TARGETPLATFORM $TARGETARCH" > /platform
`,
    args: { GIVEN: "from outside" },
  },
  {
    name: "expansion in every form",
    dockerfile: `FROM debian
ARG EMPTY=""
ARG FILE=archive.tar.gz
ENV A=\${UNSET:-default} B=\${EMPTY:-default} C=\${EMPTY-default} D=\${FILE:+yes} E=\${UNSET+no} F=\\$FILE
ENV G=\${FILE%.gz} H=\${FILE%%.*} I=\${FILE#*.} J=\${FILE##*.} K=\${FILE/tar/zip} L=\${FILE//a/o}
WORKDIR /\${FILE%%.*}
LABEL file="$FILE" single='$FILE'
COPY app.py /\${UNSET:-app}/
`,
    files: app,
  },
  {
    name: "copy of files and folders",
    dockerfile: "FROM debian\nCOPY app.py /app/\nCOPY data /data\nCOPY data/deep/ /flat/\nCOPY . /all\n",
    files: app,
  },
  {
    name: "copy with wildcards, several sources and excludes",
    dockerfile: `FROM debian
COPY a*.txt b?.txt /wild/
COPY --exclude=*.log --exclude=skip logs /logs/
COPY --parents x/y/*.txt ./x/./z /parents/
`,
    files: {
      "a1.txt": "a1",
      "a2.txt": "a2",
      "b1.txt": "b1",
      "bb1.txt": "no",
      "logs/one.log": "no",
      "logs/keep.txt": "yes",
      "logs/skip/in": "no",
      "x/y/1.txt": "1",
      "x/y/2.md": "no",
      "x/z/3.txt": "3",
    },
  },
  {
    name: "copy with owner and mode",
    dockerfile: `FROM debian
COPY --chown=1000:1000 data /by-number
COPY --chown=nobody data /by-name
COPY --chown=www-data:users --chmod=640 app.py /with-mode
COPY --chmod=u=rwX,go=rX data /symbolic
`,
    files: app,
  },
  {
    name: "copy keeps modes and links of the context",
    dockerfile: "FROM debian\nCOPY . /ctx\n",
    files: {
      "run.sh": { content: "#!/bin/sh\n", mode: 0o755 },
      secret: { content: "s", mode: 0o600 },
      "to-file": { link: "run.sh" },
      "to-nowhere": { link: "missing" },
      "folder/": "",
      "folder-link": { link: "folder" },
    },
  },
  {
    name: "copy through and over symlinked directories",
    dockerfile: `FROM debian
RUN mkdir /real && ln -s real /link && ln -s /real/file /file-link && mkdir /over && touch /over/old
COPY app.py /link/
COPY app.py /link/sub/
COPY data /link
COPY data/one.txt /file-link
COPY data /over
`,
    files: app,
  },
  {
    name: "linked copies",
    dockerfile: `FROM debian
RUN mkdir /real && ln -s real /link
COPY --link app.py /linked/
COPY --link --chown=7:8 data /linked/data
`,
    files: app,
  },
  {
    name: "copy from a stage, through links, by name and number",
    dockerfile: `FROM debian AS build
RUN mkdir -p /out/bin && echo tool > /out/bin/tool && chmod 755 /out/bin/tool && ln -s bin/tool /out/tool && ln -s out /through
RUN ln /out/bin/tool /out/hard && chown -R 11:12 /out
FROM debian
COPY --from=build /out /whole
COPY --from=0 /through/bin /followed
COPY --from=build /out/tool /one
COPY --from=build --chown=1:1 /out/bin/* /owned/
`,
  },
  {
    name: "a file over a folder below and a folder over a file",
    dockerfile: `FROM debian AS build
RUN mkdir /tree && touch /tree/f
FROM debian
RUN mkdir -p /a && touch /b
COPY --from=build /tree/f /a/f
RUN rm /b && mkdir /b
COPY --from=build /tree /b
`,
  },
  {
    name: "stages that nobody needs are not built",
    dockerfile: `FROM debian AS broken
RUN exit 1
FROM debian AS middle
RUN echo middle > /middle
FROM middle
RUN echo end > /end
`,
  },
  {
    name: "a target in the middle",
    dockerfile:
      "FROM debian AS one\nRUN echo 1 > /one\nFROM one AS two\nRUN echo 2 > /two\nFROM two\nRUN exit 1\n",
    target: "two",
  },
  {
    name: "scratch with one file",
    dockerfile: 'FROM scratch\nCOPY app.py /\nENV A=b\nCMD ["/app.py"]\n',
    files: app,
  },
  {
    name: "scratch from a stage",
    dockerfile: `FROM debian AS build
RUN mkdir -p /root-fs/etc && echo x > /root-fs/etc/x
FROM scratch
COPY --from=build /root-fs /
WORKDIR /made/deep
`,
  },
  {
    name: "bind mounts from context and stage",
    dockerfile: `FROM debian AS build
RUN mkdir /from && echo stage > /from/file
FROM debian
RUN --mount=type=bind,target=/ctx cat /ctx/app.py > /copied
RUN --mount=type=bind,source=data,target=/d ls -R /d > /listed
RUN --mount=type=bind,from=build,source=/from,target=/from cat /from/file >> /copied
RUN --mount=type=bind,target=/ctx,rw echo x > /ctx/new && ls /ctx > /rw
`,
    files: app,
  },
  {
    name: "tmpfs and cache mounts leave nothing",
    dockerfile: `FROM debian
RUN --mount=type=tmpfs,target=/scratch echo x > /scratch/x && ls /scratch > /seen
RUN --mount=type=cache,target=/cache/deep echo x > /cache/deep/x && ls /cache/deep >> /seen
`,
  },
  {
    name: "mount points that were there keep what they had",
    dockerfile: `FROM debian
RUN mkdir /cache && echo below > /cache/below
RUN --mount=type=cache,target=/cache ls /cache > /empty
RUN cat /cache/below > /again
`,
  },
  {
    name: "network none",
    dockerfile:
      "FROM debian\nRUN --network=none python3 -c \"import os; open('/net', 'w').write(' '.join(sorted(os.listdir('/sys/class/net'))))\"\n",
  },
  {
    name: "add of archives",
    dockerfile: "FROM debian AS make\nRUN true\nFROM debian\nADD app.py /added/\nADD data /added/data\n",
    files: app,
  },
  {
    name: "onbuild of a stage's own image is not run",
    dockerfile: "FROM debian AS base\nONBUILD RUN echo never > /never\nFROM base\nRUN echo here > /here\n",
  },
  {
    name: "workdir makes folders for the user",
    dockerfile:
      "FROM debian\nUSER nobody\nWORKDIR /made/for/nobody\nRUN pwd > /tmp/pwd && ls -ld . | cut -c1-10 >> /tmp/pwd\n",
  },
  {
    name: "environment of a run",
    dockerfile: `FROM debian
ENV B=2
ARG A=1
RUN env | grep -v -e ^PWD -e ^SHLVL -e ^_= -e ^HOSTNAME -e ^OTEL_ -e ^TRACEPARENT | sort > /env
USER nobody
RUN env | grep -e ^HOME -e ^PATH | sort > /tmp/env
`,
  },
  {
    name: "users made by the image's own tools",
    dockerfile: `FROM debian
RUN python3 - <<'PY'
for line, name in [("app:x:1000:1000::/home/app:/bin/sh\\n", "/etc/passwd"), ("app:x:1000:\\n", "/etc/group")]:
    open(name, "a").write(line)
PY
RUN install -d -o app -g app /home/app
USER app
WORKDIR /home/app
RUN echo mine > file
COPY --chown=app:app app.py .
`,
    files: app,
  },
  {
    name: "ignore files",
    dockerfile: "FROM debian\nCOPY . /ctx\n",
    files: { ...app, ".dockerignore": "*.py\ndata/deep\n!keep.py\n", "keep.py": "k" },
  },
  {
    name: "continuations, comments and case",
    dockerfile: `# a comment
from debian as Base
  # indented
run echo one \\
  # inside
  && echo two > /two \\

  && echo three > /three
From base
copy app.py /x
`,
    files: app,
  },
  {
    name: "another escape character",
    dockerfile: "# escape=`\nFROM debian\nENV P=c:\\dir\\\nRUN echo one > /one && `\n  echo two > /two\n",
  },
  {
    name: "another shell",
    dockerfile:
      'FROM debian\nSHELL ["/bin/bash", "-euo", "pipefail", "-c"]\nRUN shopt -s nullglob; echo "$BASH_VERSINFO" > /bash\n',
  },
  {
    name: "timestamps and caches that python leaves",
    dockerfile:
      "FROM debian\nCOPY app.py /app/mod.py\nRUN PYTHONDONTWRITEBYTECODE=1 python3 -c \"import sys; sys.path.insert(0, '/app'); import mod\"\n",
    files: app,
  },
  {
    name: "python from a virtual environment of a builder stage",
    dockerfile: `FROM debian AS build
RUN mkdir -p /opt/env/lib && echo "x = 1" > /opt/env/lib/mod.py && ln -s /usr/bin/python3 /opt/env/python
FROM debian
COPY --from=build /opt/env /opt/env
ENV PYTHONPATH=/opt/env/lib PYTHONDONTWRITEBYTECODE=1
RUN /opt/env/python -c "import mod; open('/result', 'w').write(str(mod.x))"
ENTRYPOINT ["/opt/env/python"]
`,
  },
  {
    name: "many layers",
    dockerfile: `FROM debian\n${Array.from({ length: 40 }, (_, i) => `RUN echo ${i} > /f${i % 7}`).join("\n")}\n`,
  },
];
