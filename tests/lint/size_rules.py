#!/usr/bin/env python3
"""Checks that files stay small enough to be read. Split a long one by subject."""

import sys

from tree import files, read, report

LIMITS = {".cc": 600, ".h": 250, ".py": 600, "": 600, ".sh": 600}

# Files whose length is their subject, with the limit of each.
EXCEPTIONS = {
    "core/config/settings.h": 300,  # one line per key of the configuration
}


def main():
    problems = []
    for path in files(*LIMITS):
        limit = EXCEPTIONS.get(str(path), LIMITS[path.suffix])
        length = read(path).count("\n")
        if length > limit:
            problems.append(f"{path}: {length} lines, {limit} at most")
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
