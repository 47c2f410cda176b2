#!/usr/bin/env python3
"""No two files of one library or test program hide something of one name: several files are compiled as one.

Looks at what stands at the beginning of a line inside anonymous namespaces: types, constants, and functions
with the same parameters. Nor does one hide a function of core/base/text.h, which the others use.
"""
import re
import sys
from pathlib import Path

from tree import files, read, report

LIBRARIES = ("core", "storage", "ha", "cmd")
TESTS = ("core", "storage", "ha", "cmd")  # the sanitizers' builds compile several of these as one, too
NAMED = re.compile(r"^(?:struct|class|enum class|enum|using(?! std\b| \w+::))\s+(\w+)\b(?!\s*;)|^const(?:expr)?\s[^=({]*?\b(k\w+)\b")
FUNCTION = re.compile(r"^(?!\s|return|using|struct|class|enum|template|namespace|\}|#|/)[\w:<>,&*\s\[\]]+?[\s&*](\w+)\(([^{;]*?)\)"
                      r"(?:\s*(?:const|noexcept))*\s*\{", re.M)
NAMESPACE = re.compile(r"^namespace ((?:\w|::)* ?)\{", re.M)


def types_of(parameters):
    """The parameters without their names and defaults, so that one signature looks the same everywhere."""
    types = []
    for parameter in re.split(r",(?![^<(]*[>)])", parameters):
        parameter = re.sub(r"/\*.*?\*/", "", parameter.split("=")[0]).strip()
        types.append(re.sub(r"\s+", " ", re.sub(r"([&*\s])\w+$", r"\1", parameter)).strip())
    return ", ".join(types)


def hidden(text):
    """Of one file -> {what it hides, with its named namespace: line}."""
    found, name = {}, ""
    depth_starts = [m for m in NAMESPACE.finditer(text)]
    for i, start in enumerate(depth_starts):
        named = start[1].strip()
        if named:
            name = named
            continue
        end = text.find("\n}  // namespace\n", start.end())
        body, line = text[start.end():end], text.count("\n", 0, start.end()) + 1
        for match in FUNCTION.finditer(body):
            found[f"{name}: {match[1]}({types_of(match[2])})"] = line + body.count("\n", 0, match.start())
        for number, row in enumerate(body.split("\n")):
            if match := NAMED.match(row):
                found[f"{name}: {match[1] or match[2]}"] = line + number
    return found


def program(path):
    """Which library or test program the file is part of; None where files are compiled one by one."""
    top, second = path.parts[0], path.parts[1]
    if top in LIBRARIES:
        return top
    if top == "tests" and second == "scenarios":
        return "tests/core"
    return f"tests/{second}" if top == "tests" and second in TESTS else None


def main():
    problems = []
    common = set(re.findall(r"^[\w:<>&\s]*?\b(\w+)\(", read(Path("core/base/text.h")), re.M))
    for library in [*LIBRARIES, *(f"tests/{name}" for name in TESTS)]:
        seen = {}
        for path in files(".cc"):
            if program(path) != library:
                continue
            for what, line in hidden(read(path)).items():
                if re.search(r": (\w+)", what)[1] in common and path.parts[0] in LIBRARIES and "(" in what:
                    problems.append(f"{path}:{line}: {what.partition(': ')[2]} hides the one of core/base/text.h")
                if what in seen:
                    problems.append(f"{path}:{line}: {what.partition(': ')[2]} is also in {seen[what]}")
                seen[what] = f"{path}:{line}"
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
