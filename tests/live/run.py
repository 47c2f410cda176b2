"""Runs the live tests: run.py FLAVOR [MODULE...]. The last line says "N passed, N failed, N skipped".

The modules run beside each other, each in a process of its own; most of the time they wait for servers. What
failed is shown once more at the end. A test or two that failed are run again when nothing else does: one that passes
then is called unsteady by a line of its own, and counts as passed.
"""
import fcntl
import os
import re
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
AT_ONCE = 3
SLOTS = 6  # that runs of several flavors share, in the folder ORCH_LIVE_SLOTS: each takes what the others leave
# What says by itself which servers it wants, or is not about servers, is run once.
ONLY_WITH = {"group_test": "mysql"} | dict.fromkeys(
    ("abuse_test", "access_test", "raft_clock_test", "raft_partition_test", "raft_security_test", "shared_backend_test",
     "shared_partition_test", "soak_test"), "mariadb")
# What a server's release may change is asked again of the second MariaDB.
RELEASE = {"backend_test", "classic_test", "co_master_test", "discover_test", "failover_test", "move_test", "pseudo_gtid_test",
           "repair_test", "schema_test", "takeover_test", "write_probe_test"}
# Of tests that take long and have nothing in common, which run beside each other.
SPLIT = {"resume_kinds_test"}
# Begun first: one that is long and comes last runs alone.
LONG = {"backend_test", "failover_test", "failovers_test", "move_test", "pseudo_gtid_test", "raft_clock_test",
        "raft_partition_test", "raft_test", "remote_test", "resume_kinds_test", "resume_test", "serve_test",
        "shared_backend_test", "shared_partition_test", "soak_test", "takeover_test"}
MOST_AGAIN = 2  # more than that is no chance
FAILURE = re.compile(r"^={70}\n((?:ERROR|FAIL): .*?)(?=^={70}$|^-{70}\nRan )", re.M | re.S)


class Counting(unittest.TextTestResult):
    """Counts what passed, and prints how long each test took."""
    passed = 0

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.passed += 1
        super().addSuccess(test)

    def stopTest(self, test):
        self.stream.writeln(f"    {time.monotonic() - self.began:.1f} s")
        super().stopTest(test)


def run_module(module):
    tests = unittest.defaultTestLoader.loadTestsFromName(module)
    result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Counting).run(tests)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    for test in sorted({getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}):
        print(f"failed: {test}")
    print(f"{result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0


def tests_of(module):
    for suite in unittest.defaultTestLoader.loadTestsFromName(module):
        for test in suite:
            yield test.id()


def wait_for_slot():
    """-> what holds it until it is closed, or its process ends."""
    folder = os.environ.get("ORCH_LIVE_SLOTS")
    if not folder:
        return open(os.devnull)
    while True:
        for number in range(SLOTS):
            held = open(Path(folder) / str(number), "w")
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return held
            except BlockingIOError:
                held.close()
        time.sleep(0.2)


def main():
    flavor, *modules = sys.argv[1:]
    os.environ["ORCH_FLAVOR"] = flavor
    if modules and modules[0] == "--here":
        sys.exit(run_module(modules[1]))
    modules = modules or [m for m in sorted(path.stem for path in HERE.glob("*_test.py"))
                          if ONLY_WITH.get(m, flavor) == flavor and (flavor != "mariadb11" or m in RELEASE)]
    modules.sort(key=lambda m: m not in LONG)
    modules = [part for m in modules for part in (tests_of(m) if m in SPLIT else [m])]

    def child(module):
        with wait_for_slot():
            done = subprocess.run([sys.executable, __file__, flavor, "--here", module], cwd=HERE, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return module, done

    total, failures, failed = [0, 0, 0], [], []
    with ThreadPoolExecutor(SLOTS if "ORCH_LIVE_SLOTS" in os.environ else AT_ONCE) as pool:
        for module, done in pool.map(child, modules):
            print(f"=== {module}\n{done.stdout}", flush=True)
            counts = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", done.stdout, re.M)
            counts = [int(n) for n in counts[-1]] if counts else [0, 1, 0]  # it did not come to its end
            total = [a + b for a, b in zip(total, counts)]
            failures += FAILURE.findall(done.stdout) or ([done.stdout[-3000:]] if counts[1] else [])
            failed += re.findall(r"^failed: ([\w.]+)$", done.stdout, re.M)
    print("\n".join(failures))
    if len(failed) == total[1] <= MOST_AGAIN:
        for test in failed:
            done = child(test)[1]
            print(f"=== again: {test}\n{done.stdout}")
            if done.returncode == 0:
                print(f"UNSTEADY: {test} failed, and passed when it ran again by itself", flush=True)
                total = [total[0] + 1, total[1] - 1, total[2]]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    sys.exit(1 if total[1] else 0)


if __name__ == "__main__":
    main()
