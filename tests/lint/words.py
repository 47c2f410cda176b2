#!/usr/bin/env python3
"""Checks that the text of the project speaks of the project alone: no paths of one machine, no
registries (their place is the machine's own configuration), no unfinished business."""

import re
import sys

from tree import files, read, report

# Each is written so that it does not match itself.
FORBIDDEN = {
    r"(?<![\w.])/[w]ork/": "a path of one machine",
    r"(?<![\w.])/[r]oot/": "a path of one machine",
    r"/home/[a-z]": "a path of one machine",
    r"\b[s]hared/(spec|design|sandbox|recipes)\b": "a path of one machine",
    r"[\w.-]*\b(debian[.]org|ubuntu[.]com|pypi[.]org|npmjs[.](org|com)|crates[.]io|"
    r"golang[.]org|dl[.]mysql|repo[.]mysql|repo[.]mariadb)\b": "a host of a registry",
    r"(?i)\b([c]laude|[a]nthropic|[o]penai|[c]opilot|[c]hatgpt)\b": "a tool",
    r"\bT[O]DO\b|\bFI[X]ME\b|\bX{3}\b": "unfinished business",
}


def main():
    problems = []
    for path in files():
        for number, line in enumerate(read(path).split("\n"), 1):
            for pattern, what in FORBIDDEN.items():
                if found := re.search(pattern, line):
                    problems.append(f"{path}:{number}: {found[0]!r} names {what}")
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
