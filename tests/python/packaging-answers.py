"""Answers questions with `packaging`: JSON on stdin, JSON on stdout. The first argument is the wheel to import it from."""

import json
import sys

sys.path.insert(0, sys.argv[1])

from packaging import _manylinux, tags  # noqa: E402
from packaging.markers import InvalidMarker, Marker, UndefinedComparison  # noqa: E402
from packaging.requirements import InvalidRequirement, Requirement  # noqa: E402
from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: E402
from packaging.utils import canonicalize_name  # noqa: E402
from packaging.version import InvalidVersion, Version  # noqa: E402


def version(text):
    try:
        return str(Version(text))
    except InvalidVersion:
        return None


def order(pair):
    a, b = map(Version, pair)
    return (a > b) - (a < b)


def specifier(case):
    try:
        return SpecifierSet(case["specifier"]).contains(case["version"], prereleases=True)
    except InvalidSpecifier:
        return None


def marker(case):
    environment = dict(case["environment"])
    if case["isLock"]:
        environment["extras"] = set(case["extras"])
        environment["dependency_groups"] = set(case["groups"])
    else:
        environment["extra"] = case["extras"][0] if case["extras"] else ""
    try:
        return Marker(case["text"]).evaluate(environment, "lock_file" if case["isLock"] else "metadata")
    except (InvalidMarker, UndefinedComparison):
        return None


def requirement(text):
    try:
        parsed = Requirement(text)
    except (InvalidRequirement, UndefinedComparison):
        return None
    return {
        "name": canonicalize_name(parsed.name),
        "extras": sorted(set(map(canonicalize_name, parsed.extras))),
        "specifier": sorted(set(s.operator for s in parsed.specifier)),
        "url": parsed.url,
        "marker": parsed.marker is not None,
    }


def compatible(target):
    glibc = _manylinux._GLibCVersion(*target["glibc"])
    _manylinux._get_glibc_version = lambda: glibc
    _manylinux._get_manylinux_module = lambda: None
    _manylinux._have_compatible_abi = lambda executable, archs: True
    machine = target["machine"]
    platforms = [*_manylinux.platform_tags([machine]), f"linux_{machine}"]
    python = tuple(target["python"])
    interpreter = f"cp{python[0]}{python[1]}"
    found = [
        *tags.cpython_tags(python, [interpreter], platforms),
        *tags.compatible_tags(python, interpreter, platforms),
    ]
    return [str(tag) for tag in found]


questions = json.load(sys.stdin)
answer = {
    "versions": version,
    "orders": order,
    "specifiers": specifier,
    "markers": marker,
    "requirements": requirement,
    "tags": compatible,
}
json.dump({key: [answer[key](case) for case in cases] for key, cases in questions.items()}, sys.stdout)
