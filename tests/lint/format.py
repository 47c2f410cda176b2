#!/usr/bin/env python3
"""Checks that every C++ file is as clang-format 14 writes it."""

import shutil
import subprocess
import sys

from tree import ROOT, files


def main():
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool:
        print("clang-format-14 is missing: install clang-format-14")
        return 1
    names = [str(path) for path in files(".h", ".cc")]
    return subprocess.run([tool, "--dry-run", "-Werror", *names], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
