#!/usr/bin/env python3
"""Checks who includes whom, that every library has one door, and that no file is left out."""

import re
import sys

from tree import ROOT, files, read, report

CORE = ["core/base/", "core/model/"]

# Files under the longest prefix that fits may include these (and the standard library).
MAY_INCLUDE = {
    "core/": [],
    "core/base/": ["core/base/"],
    "core/model/": CORE,
    "core/json/": CORE + ["core/analysis/", "core/json/"],
    "core/config/": CORE + ["core/config/"],
    "core/ports/": CORE + ["core/ports/"],
    "core/net/": CORE + ["core/net/"],
    # Reads logs through a port alone.
    "core/align/": CORE + ["core/ports/", "core/align/"],
    "core/mysql/": CORE + ["core/config/", "core/ports/", "core/mysql/"],
    "core/probe/": CORE + ["core/config/", "core/ports/", "core/mysql/", "core/net/",
                           "core/probe/"],
    # Decisions are pure: no clock, no log, no lock.
    "core/analysis/": ["core/base/error.h", "core/base/result.h", "core/base/text.h", "core/model/",
                       "core/analysis/"],
    # The one place that turns a configuration into rules.
    "core/analysis/settings.": CORE + ["core/config/", "core/analysis/"],
    "core/plan/": ["core/base/error.h", "core/base/result.h", "core/base/text.h", "core/model/",
                   "core/plan/"],
    "core/doctor/": ["core/base/error.h", "core/base/result.h", "core/base/text.h", "core/model/",
                     "core/analysis/", "core/plan/", "core/doctor/"],
    "core/execute/": CORE + ["core/align/", "core/plan/", "core/ports/", "core/execute/"],
    # The one place (live_*) that joins the executor's port with real servers.
    "core/execute/live_": CORE + ["core/config/", "core/mysql/", "core/plan/",
                                          "core/ports/", "core/probe/", "core/execute/"],
    "core/engine/": CORE + ["core/analysis/", "core/ports/", "core/probe/", "core/engine/"],
    "storage/": CORE + ["core/analysis/", "core/json/", "core/config/", "core/ports/", "core/mysql/",
                        "storage/"],
    "ha/": CORE + ["core/analysis/", "core/json/", "core/config/", "core/net/", "core/ports/", "core/plan/",
            "core/execute/", "storage/", "ha/"],
    # What the log says is carried out in the database, and nowhere else (HA-6).
    "ha/raft/": CORE + ["core/ports/", "storage/", "ha/coordination.h", "ha/raft/"],
    "cmd/": ["core/", "storage/", "ha/", "cmd/"],
    "tests/": ["core/", "storage/", "ha/", "cmd/", "tests/"],
}

# Which files may include a library: replacing it, and where its exceptions stop, is their business.
DOORS = {
    r"mysql(/.*)?\.h|mysqld_error\.h|errmsg\.h": r"core/mysql/[^/]+\.cc",
    r"sqlite3\.h": r"storage/sqlite\.cc",
    r"nlohmann/.*": r"core/json/.*",
    r"yaml-cpp/.*": r"core/config/yaml\.cc",
    r"CLI/.*": r"cmd/cli/app\.cc",
    r"re2/.*": r"core/base/pattern\.cc",
    r"openssl/.*": r"core/(net|base)/[^/]+\.cc|ha/raft/(tls|frame)\.cc",
    r"raft(/.*)?\.h|raft/.*": r"ha/raft/engine\.c",
    r"uv\.h": r"ha/raft/.*",
    r"boost/.*": r"core/net/http_client\.cc|cmd/http/(client\.cc|server\.cc|stream\.h)",
    r"zlib\.h": r"cmd/http/gzip\.cc",
    r"zookeeper/.*": r"core/net/zookeeper\.cc",
    r"doctest/.*": r"tests/.*",
}

# Tests of several sources at once.
TESTS_OF_SEVERAL = {"tests/cmd/command/backend_commands_test.cc", "tests/storage/fixture_test.cc",
                    "tests/storage/stores_test.cc"}

# Made by the build.
GENERATED = {"cmd/version.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def allowed_prefixes(path):
    fitting = [prefix for prefix in MAY_INCLUDE if str(path).startswith(prefix)]
    return MAY_INCLUDE[max(fitting, key=len)] if fitting else None


def include_problems(path):
    allowed = allowed_prefixes(path)
    for bracket, name in INCLUDE.findall(read(path)):
        if bracket == '"':
            if name in GENERATED:
                continue
            if not (ROOT / name).is_file():
                yield f'{path}: "{name}" is not a path from the root'
            elif allowed is None or not name.startswith(tuple(allowed)):
                yield f'{path}: may not include "{name}"'
            continue
        for library, door in DOORS.items():
            if re.fullmatch(library, name) and not re.fullmatch(door, str(path)):
                yield f"{path}: may not include <{name}>, only {door} may"


def test_problems(path):
    """A test stands at the mirrored path of what it tests."""
    match = re.fullmatch(r"tests/((?:core|storage|ha|cmd)/.*)_test\.cc", str(path))
    if match and str(path) not in TESTS_OF_SEVERAL and not any(
            (ROOT / (match[1] + suffix)).is_file() for suffix in (".cc", ".h")):
        yield f"{path}: there is no {match[1]}.cc or .h"


def listing_problems(path):
    """A source that no meson.build lists is neither built nor tested."""
    if path.suffix != ".cc":
        return
    for folder in path.parents:
        listing = ROOT / folder / "meson.build"
        if listing.is_file() and f"'{path.relative_to(folder)}'" in listing.read_text():
            return
    yield f"{path}: no meson.build lists it"


def main():
    problems = []
    for path in files(".h", ".cc"):
        for check in (include_problems, test_problems, listing_problems):
            problems += check(path)
        if path.suffix == ".h" and "#pragma once" not in read(path):
            problems.append(f"{path}: no #pragma once")
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
