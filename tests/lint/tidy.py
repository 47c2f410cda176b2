#!/usr/bin/env python3
"""Runs clang-tidy 14 over the sources: tidy.py BUILD-DIRECTORY [--seconds N] [FILE...].

A file that passed is not looked at again while nothing it is made of has changed. Latest changes go
first. With --seconds no file is begun after so many seconds, and the number of those left out is
told: a file takes some ten seconds, all of them longer than anybody waits for."""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import time

from tree import ROOT, files

FOLDERS = ("core/", "storage/", "ha/", "cmd/")


def changed_first(paths):
    """The files in the order of their latest change: not yet committed, then commit by commit."""
    log = subprocess.run(
        ["git", "-c", "safe.directory=*", "log", "-n", "50", "--format=", "--name-only"],
        cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    status = subprocess.run(
        ["git", "-c", "safe.directory=*", "status", "--porcelain", "-uall"],
        cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    order = {}
    for name in status + log:
        order.setdefault(name, len(order))
    return sorted(paths, key=lambda path: order.get(str(path), len(order)))


def commands_of(build):
    entries = json.loads((build / "compile_commands.json").read_text())
    return {(pathlib.Path(entry["directory"]) / entry["file"]).resolve(): entry["command"]
            for entry in entries}


def dependencies_of(build):
    """What each source was made of, as the build recorded it: source -> files of ours."""
    listing = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True,
                             check=False).stdout
    made_of = {}
    for block in listing.split("\n\n"):
        names = [(build / line.strip()).resolve() for line in block.split("\n")
                 if line.startswith("    ")]
        ours = [name for name in names if name.is_relative_to(ROOT)]
        if ours:
            made_of[ours[0]] = ours
    return made_of


def fingerprint(command, parts):
    text = hashlib.sha256(command.encode())
    for part in [ROOT / ".clang-tidy", *parts]:
        text.update(part.read_bytes())
    return text.hexdigest()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    arguments.add_argument("--seconds", type=int)
    arguments.add_argument("files", nargs="*")
    options = arguments.parse_args()

    tool = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if not tool:
        print("clang-tidy-14 is missing: install clang-tidy-14")
        return 1
    wanted = [pathlib.PurePosixPath(name) for name in options.files] or \
        changed_first(path for path in files(".cc") if str(path).startswith(FOLDERS))
    commands, made_of = commands_of(options.build), dependencies_of(options.build)
    stamps = options.build / "lint-tidy"
    stamps.mkdir(exist_ok=True)
    end = time.monotonic() + options.seconds if options.seconds else None

    def check(path):
        """None: passed. "": left out. Else what clang-tidy said."""
        source = (ROOT / path).resolve()
        if source not in commands:
            return f"{path}: not in compile_commands.json\n"
        stamp = stamps / str(path).replace("/", "__")
        print_now = fingerprint(commands[source], made_of.get(source, [source]))
        if stamp.is_file() and stamp.read_text() == print_now:
            return None
        if end and time.monotonic() > end:
            return ""
        run = subprocess.run([tool, "-p", options.build, "--quiet", source], cwd=ROOT,
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            return run.stdout + run.stderr
        stamp.write_text(print_now)
        return None

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(check, wanted))
    left_out = answers.count("")
    said = [answer for answer in answers if answer]
    print("".join(said), end="")
    print(f"clang-tidy: {len(wanted) - left_out - len(said)} files good, {len(said)} bad, "
          f"{left_out} left out for lack of time")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
