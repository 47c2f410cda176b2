"""Runs the test suites one after another and adds up what they counted.

Each suite has a log, a time limit that kills what it started, and a line that says how it went. The
servers that it started are taken down, whatever happens.
"""
import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "tests/live"))
from servers import Cluster  # noqa: E402
from software import MirrorProblem, Problem, Software  # noqa: E402

LOGS = TREE / "build/logs"
PREFIX = f"t{os.getpid()}-"  # of the names of all clusters that this run starts
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
DOCTEST = re.compile(r"test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed")
RELEASE = "build-release"  # as the quickstart calls it
FAST = ("-Doptimization=0", "-Dcpp_args=-g1")  # to compile
SEVERAL = ("-Dunity=on", "-Dunity_size=8")  # files as one: tests, too
SANITIZERS = {"ASAN_OPTIONS": "detect_stack_use_after_return=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
              "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
              "LSAN_OPTIONS": f"suppressions={TREE}/tests/leaks.txt:print_suppressions=0"}


running = set()  # what the suites have started and not yet seen the end of
interrupted = threading.Event()  # no other suite begins


def kill(child):
    """Ends a command with all that it started in its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class Suite:
    """One suite while it runs: its log, its clock and its counts."""

    def __init__(self, name, seconds):
        self.name, self.end = name, time.monotonic() + seconds
        self.log_path = LOGS / f"{name}.log"
        self.passed = self.failed = self.skipped = 0
        self.counting = threading.Lock()

    def run(self, *command, cwd=TREE, log_path=None, **env):
        """Runs a command -> exit code, what it printed. It is killed when the suite's time is over."""
        with open(log_path or self.log_path, "a+", errors="replace") as log:
            log.write(f"$ {' '.join(map(str, command))}\n")
            log.flush()
            start = log.seek(0, os.SEEK_END)
            child = subprocess.Popen(list(map(str, command)), cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     start_new_session=True,
                                     env={**os.environ, "ORCH_SOURCE_ROOT": str(TREE), **env})
            running.add(child)
            try:
                code = child.wait(max(0.1, self.end - time.monotonic()))
            except subprocess.TimeoutExpired:
                kill(child)
                code = -1
                log.write(f"TIME LIMIT of suite {self.name} reached, killed\n")
            running.discard(child)
            log.flush()
            log.seek(start)
            return code, log.read()

    def check(self, holds, what):
        """Counts one test."""
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            with open(self.log_path, "a") as log:
                log.write(f"FAILED: {what}\n")
        return holds

    def skip(self, why):
        self.skipped += 1
        print(f"!!! SKIPPED {self.name}: {why}", flush=True)

    def counted(self, code, text, what, cases=None):
        """Counts the tests of a program that says how many passed, or else the program as one test.

        Of a part of a program it is known how many they are: doctest counts all of them as passed.
        """
        found = DOCTEST.search(text)
        ended = list(SUMMARY.finditer(text))
        if found:
            failed = int(found[3])
            self.passed += int(found[2]) if cases is None else cases - failed
        elif ended:
            self.passed, failed = self.passed + int(ended[-1][1]), int(ended[-1][2])
            self.skipped += int(ended[-1][3] or 0)
        else:
            return self.check(code == 0, what)
        self.failed += failed
        if code != 0 and not failed:  # it counted no failure and failed all the same: it crashed
            self.check(False, f"{what}: exit code {code}")


def configure(suite, folder, *options, **env):
    """Configures a build folder, unless it is already; true when it is."""
    if (TREE / folder / "build.ninja").exists():
        return True
    code, _ = suite.run("meson", "setup", folder, *options, **env)
    return suite.check(code == 0, f"configuring {folder}")


def compile_all(suite, folder, *targets):
    # As many as there are processors: servers that are tested meanwhile need some of them, too.
    code, _ = suite.run("ninja", "-C", folder, "-j", os.cpu_count() or 2, *targets)
    return suite.check(code == 0, f"building {folder}, without a warning")


def tests_of(folder):
    """The tests that a build folder knows -> [(name, command, in C++)]."""
    listed = json.loads(subprocess.check_output(["meson", "introspect", "--tests", TREE / folder]))
    return [(t["name"], t["cmd"], t["cmd"][0].startswith(str(TREE / folder))) for t in listed]


def configure_quick(suite):
    return configure(suite, "build", "-Dwerror=true", *FAST, *SEVERAL)


def build(suite):
    if configure_quick(suite):
        compile_all(suite, "build")


def release(suite):
    """What the quickstart would build itself, but with warnings as errors."""
    if configure(suite, RELEASE, "--buildtype=release", "-Dtests=false", "-Dwerror=true"):
        compile_all(suite, RELEASE)


PARTS = 12  # of each test program
AT_ONCE = 8  # they wait more than they compute


def run_parts(suite, tests, *before, **env):
    """Runs test programs in parts beside each other, each a drawing of the program's tests."""
    def run(part):
        name, command, number, first, last = part
        path = LOGS / f"{suite.name}.{name}.{number}.log"
        code, text = suite.run(*before, *command, "--order-by=rand", "--rand-seed=1", f"--first={first}",
                               f"--last={last}", log_path=path, **env)
        with suite.counting:
            with open(suite.log_path, "a") as log:
                log.write(path.read_text(errors="replace"))
            path.unlink()
            suite.counted(code, text, f"{name}, tests {first} to {last}", last - first + 1)

    parts = []
    for name, command, _ in tests:
        cases = int(re.search(r"filters: (\d+)", subprocess.check_output([*before, *command, "--count"], text=True))[1])
        ends = [cases * part // PARTS for part in range(PARTS + 1)]
        parts += [(name, command, number, first + 1, last)
                  for number, (first, last) in enumerate(zip(ends, ends[1:])) if last > first]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, parts))


def unit(suite):
    run_parts(suite, [t for t in tests_of("build") if t[2]])


SLOW_LINT = ("lint headers", "lint tidy")  # they compile


def lint(suite, slow=False):
    if not configure_quick(suite):
        return
    for name, command, _ in [t for t in tests_of("build") if not t[2] and (t[0] in SLOW_LINT) == slow]:
        suite.counted(*suite.run(*command), name)


def compile_sanitized(suite, folder, sanitizer, programs=None, *options):
    """Builds unit tests with a sanitizer, by clang, which is quick at that, or everything without names of programs
    -> the unit tests to run; none: that failed."""
    compiler = f"{'ccache ' if shutil.which('ccache') else ''}clang++"
    if not configure(suite, folder, f"-Db_sanitize={sanitizer}", "-Db_lundef=false", "-Dwerror=true", *FAST,
                     *SEVERAL, *options, CXX=compiler):
        return []
    chosen = [t for t in tests_of(folder) if t[2] and (programs is None or t[0] in programs)]
    targets = sorted({os.path.relpath(t[1][0], TREE / folder) for t in chosen}) if programs else []
    return chosen if compile_all(suite, folder, *targets) else []


def run_sanitized(suite, chosen):
    # With randomised addresses the thread sanitizer refuses to start on some kernels.
    if chosen:
        run_parts(suite, chosen, "setarch", "-R", **SANITIZERS)


def compile_address(suite):
    return compile_sanitized(suite, "build-asan", "address,undefined", None, "-Dfuzzers=true",
                             "-Dcpp_args=-g1 -fno-sanitize-recover=all")


def compile_thread(suite):
    return compile_sanitized(suite, "build-tsan", "thread", ["core"])


def address(suite):
    run_sanitized(suite, compile_address(suite))


def thread(suite):
    run_sanitized(suite, compile_thread(suite))


def fuzz(suite):
    code, text = suite.run("tests/fuzz/run", "5", ORCH_FUZZ_BUILD="build-asan")
    targets = re.findall(r"^fuzz (\S+) (ok|FAILED)$", text, re.M)
    for name, verdict in targets:
        suite.check(verdict == "ok", f"fuzzing {name}")
    suite.check(code == 0 or any(verdict == "FAILED" for _, verdict in targets), "building the fuzzers")


# Ends the quickstart as soon as it says that.
INTERRUPT = """
log=$(mktemp); examples/quickstart >"$log" 2>&1 & child=$!
while kill -0 $child 2>/dev/null && ! grep -q "$0" "$log"; do read -rt 0.05 <> <(:) || true; done
kill -TERM $child; wait $child; echo "interrupted with $?"; cat "$log"; rm "$log"
"""


def quickstart(suite):
    def left():
        names = {cluster.name for cluster in Cluster.all() if cluster.name.startswith("playground")}
        return names | set(Path(tempfile.gettempdir()).glob("orch-playground.*"))

    before = left()
    code, text = suite.run("examples/quickstart")
    suite.check(code == 0, "the quickstart runs to its end")
    suite.check("\x1b" not in text, "no colour where there is no terminal")
    suite.check(left() <= before, "it takes its servers down")
    code, text = suite.run("bash", "-c", INTERRUPT, " up in ")
    suite.check("interrupted with 143" in text, "it can be interrupted")
    suite.check(left() <= before, "interrupted, it takes its servers down")
    code, text = suite.run("bash", "-c", INTERRUPT, "taken down")
    suite.check(re.search("interrupted with (0|143)", text), "it can be interrupted when it takes its servers down")
    suite.check(left() <= before, "it takes them down all the same")


def install(suite):
    """What `meson install` puts where; the quickstart has made the release build."""
    with tempfile.TemporaryDirectory() as root:
        code, _ = suite.run("meson", "install", "-C", RELEASE, "--no-rebuild", "--destdir", root)
        if not suite.check(code == 0, "meson install"):
            return
        link = next(Path(root).rglob("orchestrator"), None)
        if suite.check(link is not None and link.is_symlink() and os.readlink(link) == "orch",
                       "orchestrator is a link to orch"):
            for name in ("orch", "orchestrator"):
                code, text = suite.run(link.parent / name, "--version")
                suite.check(code == 0 and text.strip(), f"the installed {name} tells its version")


SERVERS = ("mariadb", "mysql", "mariadb11")


def live(suite, *flavors):
    """The live tests against real servers, with one queue for all. Only a server of a newer Debian may be missing."""
    if "ORCH_BINARY" not in os.environ:
        release(suite)
    present = []
    for flavor in flavors:
        try:
            Software(flavor).install()
            present.append(flavor)
        except Problem as problem:
            if isinstance(problem, MirrorProblem) and flavor != "mariadb":
                suite.skip(f"{flavor}: {problem}")
            else:
                suite.check(False, f"{flavor}: {problem}")
    if present:
        sanitized = TREE / "build-asan/tests"
        programs = sanitized if (sanitized / "ha/ha_test").exists() else TREE / "build/tests"
        code, text = suite.run(sys.executable, "tests/live/run.py", ",".join(present), ORCH_TEST_PREFIX=PREFIX,
                               ORCH_BINARY=os.environ.get("ORCH_BINARY") or str(TREE / RELEASE / "cmd/orch"),
                               ORCH_TEST_PROGRAMS=str(programs), **SANITIZERS)
        suite.counted(code, text, f"live {' '.join(present)}")
        for line in re.findall(r"^UNSTEADY: .*$", text, re.M):
            print(f"!!! {line}", flush=True)


# name -> what, time limit in seconds: those of --quick; what compiles ahead, while others run that mostly wait; and
# those. The servers' tests come when nobody compiles any more, since they are about what happens when. Where all suites
# run, the sanitizers' builds are the ones of the unit tests, and the release is the one of all others: a third build of
# everything would show nothing more, and takes minutes.
QUICK = {"build": (build, 2400), "unit": (unit, 600), "lint": (lint, 300)}
AHEAD = {"build-address": (compile_address, 2400), "build-thread": (compile_thread, 2400)}
MORE = {"address": (address, 2400), "fuzz": (fuzz, 900), "thread": (thread, 2400), "quickstart": (quickstart, 2400),
        "install": (install, 120)}
AFTER = {"address": "build-address", "thread": "build-thread"}
LIVE = {"live": (lambda s: live(s, *SERVERS), 3400)}
# clang-tidy takes many minutes, so that it runs only when it is named; and one server's tests when that is.
BY_NAME = {"tidy": (lambda s: lint(s, slow=True), 2400)} | {
    f"live-{flavor}": (lambda s, flavor=flavor: live(s, flavor), 3400) for flavor in SERVERS}
DEFAULT = {**AHEAD, "release": (release, 2400), "lint": QUICK["lint"], **MORE, **LIVE}
SUITES = {**QUICK, **DEFAULT, **BY_NAME}


def take_down(prefix):
    for cluster in Cluster.all():
        owner = re.match(r"t(\d+)-", cluster.name)
        if cluster.name.startswith(prefix) or owner and not Path(f"/proc/{owner[1]}").exists():
            cluster.down()


def show_failure(suite):
    lines = suite.log_path.read_text(errors="replace").splitlines() if suite.log_path.exists() else []
    print(f"--- the end of {suite.log_path}")
    print("\n".join(f"    {line}" for line in lines[-120:]), flush=True)


def run_suite(name):
    work, seconds = SUITES[name]
    suite, start = Suite(name, seconds), time.monotonic()
    try:
        work(suite)
    except Exception as error:  # a fault of the tests themselves is a failure, too
        suite.check(False, f"{type(error).__name__}: {error}")
    skipped = f", {suite.skipped} skipped" if suite.skipped else ""
    print(f"{name:15} {suite.passed:5} passed, {suite.failed} failed{skipped}"
          f"  {time.monotonic() - start:.1f} s", flush=True)
    if suite.failed:
        show_failure(suite)
    return suite


def run_all(names):
    """The suites in their order, but for those beside which others can run -> all suites that ran."""
    ended = {name: threading.Event() for name in names}

    def run_lane(lane):
        suites = []
        for name in lane:
            if AFTER.get(name) in ended:
                ended[AFTER[name]].wait()
            if interrupted.is_set():
                break
            suites.append(run_suite(name))
            ended[name].set()
        return suites

    def run_beside(*lanes):
        with_work = [lane for lane in lanes if lane]
        for suites in ThreadPoolExecutor(max(1, len(with_work))).map(run_lane, with_work):
            done.extend(suites)

    done = []
    first, ahead = ([n for n in names if n in which] for which in ({"build"}, AHEAD))
    last = [n for n in names if n.startswith("live")]
    try:
        run_beside(first)
        run_beside(ahead, [n for n in names if n not in first + ahead + last])
        run_beside(last)
        return done
    except KeyboardInterrupt:
        interrupted.set()
        print("interrupted", flush=True)
        for child in list(running):
            kill(child)
        take_down(PREFIX)
        os._exit(130)  # the lanes' threads have nothing left to wait for


def main():
    parser = argparse.ArgumentParser(prog="tests/run", description="Builds orch and runs its tests.")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    a = parser.parse_args()
    unknown = [name for name in a.suites if name not in SUITES]
    if unknown:
        parser.error(f"no suite {unknown[0]}: there are {', '.join(SUITES)}")

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.update(CCACHE_NOHASHDIR="1", CCACHE_BASEDIR=str(TREE))  # another clone of the tree finds what this compiled
    began = time.monotonic()
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    take_down(PREFIX)  # what earlier runs left that were killed
    done = run_all(a.suites or list(QUICK if a.quick else DEFAULT))
    take_down(PREFIX)
    passed, failed, skipped = (sum(getattr(s, what) for s in done) for what in ("passed", "failed", "skipped"))
    print(f"all in {time.monotonic() - began:.0f} s")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
