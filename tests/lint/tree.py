"""What the checks share: where the tree is, and which files belong to it."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def files(*suffixes):
    """The files of the project, tracked or new, as paths from the root; all without suffixes."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False)
    if listing.returncode == 0:
        names = [name for name in os.fsdecode(listing.stdout).split("\0") if name]
    else:  # an unpacked archive
        names = [os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _, found in os.walk(ROOT) for name in found
                 if not os.path.relpath(folder, ROOT).startswith((".git", "build"))]
    paths = sorted({pathlib.PurePosixPath(name) for name in names})
    return [path for path in paths
            if (ROOT / path).is_file() and (not suffixes or path.suffix in suffixes)]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def report(problems):
    """Prints the problems; the exit code."""
    for problem in problems:
        print(problem)
    return 1 if problems else 0
