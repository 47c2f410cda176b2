#!/usr/bin/env python3
"""Checks that every header compiles alone: headers.py BUILD-DIRECTORY.

The header that a source includes first is proved by the build. One that compiled here is not
compiled again while neither it nor what it includes has changed."""

import concurrent.futures
import json
import pathlib
import shlex
import subprocess
import sys

from tree import ROOT, files, read, report


def compile_command(build):
    """The compiler and the flags that matter to a header, from the build's own description."""
    entries = json.loads((build / "compile_commands.json").read_text())
    words = shlex.split(entries[0]["command"])
    compiler = words[:next(i for i, word in enumerate(words) if word.startswith("-"))]
    flags = []
    for entry in entries:
        for word in shlex.split(entry["command"]):
            if word.startswith(("-std=", "-isystem", "-D", "-pthread")) and word not in flags:
                flags.append(word)
    return compiler + flags + ["-I" + str(ROOT), "-Wall", "-Wextra", "-Werror"]


def is_first_in_its_source(header):
    source = header.with_suffix(".cc")
    if not (ROOT / source).is_file():
        return False
    first = next((line for line in read(source).split("\n") if line.startswith("#include")), "")
    return first == f'#include "{header}"'


def is_fresh(stamp, header):
    """The stamp is the list of files that the header was made of."""
    if not stamp.is_file():
        return False
    made = stamp.stat().st_mtime
    depends = stamp.read_text().replace("\\\n", " ").split(":", 1)[-1].split()
    return all(pathlib.Path(name).is_file() and pathlib.Path(name).stat().st_mtime <= made
               for name in [ROOT / header, *depends])


def check(command, stamps, header):
    stamp = stamps / (str(header).replace("/", "__") + ".d")
    if is_fresh(stamp, header):
        return None
    stamp.unlink(missing_ok=True)
    made = stamp.with_suffix(".new")
    run = subprocess.run(
        [*command, "-fsyntax-only", "-MMD", "-MF", made, "-x", "c++", "-include", ROOT / header,
         "/dev/null"], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        made.unlink(missing_ok=True)
        return f"{header} does not compile alone:\n{run.stderr}"
    made.rename(stamp)
    return None


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    command = compile_command(build)
    stamps = build / "lint-headers"
    stamps.mkdir(exist_ok=True)
    headers = [path for path in files(".h") if not is_first_in_its_source(path)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda header: check(command, stamps, header), headers)
    return report([answer for answer in answers if answer])


if __name__ == "__main__":
    sys.exit(main())
