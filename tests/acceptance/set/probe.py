"""Looks at the image from inside, with a pip and a uv that are lent, and prints what it saw as one JSON document."""

import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys

OUTSIDE = {"/proc", "/sys", "/dev", "/lent", "/run", "/tmp"}
site = next(path for path in sys.path if path.endswith("site-packages"))


def modules(distribution):
    """Names to import: top-level modules and packages; of a namespace, which has no code of its own, what is below."""
    found = set()
    for file in distribution.files:
        parts = file.parts
        if parts[0] == ".." or parts[0].endswith((".dist-info", ".libs")):
            continue
        name = parts[-1].split(".")[0]
        if file.suffix not in (".py", ".so") or not name.isidentifier():
            continue
        package = []
        for part in parts[:-1]:
            package.append(part)
            if os.path.exists(os.path.join(site, *package, "__init__.py")):
                break
        else:
            package.append(name)
        if all(part.isidentifier() for part in package):
            found.add(".".join(package))
    return found


def attempt(name):
    try:
        importlib.import_module(name)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def tree():
    """Path to type, size and time of everything that belongs to the image."""
    seen = {}
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in OUTSIDE]
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            stat = os.lstat(path)
            is_folder = os.path.isdir(path) and not os.path.islink(path)
            seen[path] = [is_folder, stat.st_mode, *([] if is_folder else [stat.st_size, stat.st_mtime_ns])]
    return seen


def output(*argv, user=None, **extra):
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "UV_NO_CACHE": "1", "UV_OFFLINE": "1", **extra}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, user=user, cwd="/app")
    return {"exitCode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def pip(*argv):
    return output("python", "-m", "pip", "--no-cache-dir", "--disable-pip-version-check", *argv, PYTHONPATH="/lent/pip")


def looked_up(paths):
    """How many ELF files there are, and what the image's own loader cannot find for each."""
    count, missing = 0, {}
    for path in paths:
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            if file.read(4) != b"\x7fELF":
                continue
        count += 1
        # A program that is linked statically, or a file for another machine, makes it fail: then it says so itself.
        listed = output("/lib64/ld-linux-x86-64.so.2", "--list", path)
        lines = (listed["stdout"] + listed["stderr"]).splitlines()
        names = [line.split("=>")[0].strip() for line in lines if "not found" in line and "=>" in line]
        if names:
            missing[path] = sorted(names)
    return {"count": count, "unresolved": missing}


before = tree()
distributions = {d.metadata["Name"]: d for d in importlib.metadata.distributions()}
wanted = {name: sorted(modules(d)) for name, d in distributions.items()}
report = {
    "python": platform.python_version(),
    "modules": wanted,
    "failures": {name: problem for names in wanted.values() for name in names if (problem := attempt(name))},
    "program": output("python", "app.py", user="app"),
    "elf": looked_up(before),
    "pipCheck": pip("check"),
    "pipList": pip("list", "--format", "json"),
    "uvList": output("/lent/uv", "pip", "list", "--format", "json"),
    "uvCheck": output("/lent/uv", "pip", "check"),
    "scripts": [output("ninja", "--version"), output("flask", "--version"), output("wheel", "version")],
}
untouched = tree()
report["touched"] = sorted(path for path in untouched if untouched[path] != before.get(path))
six = [os.path.normpath(file.locate()) for file in distributions["six"].files]
report["uninstall"] = pip("uninstall", "-y", "six")
after = tree()
report["six"] = sorted(str(path) for path in six)
report["removed"] = sorted(untouched.keys() - after.keys())
report["changed"] = sorted(path for path in after if after[path] != untouched.get(path))
report["pipCheckAfter"] = pip("check")
print(json.dumps(report))
