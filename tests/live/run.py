"""Runs the live tests: run.py FLAVOR[,FLAVOR...] [MODULE...]. The last line says "N passed, N failed, N skipped".

The classes of tests run beside each other, each in a process of its own; most of the time they wait for servers. What
failed is shown once more at the end. A test or two that failed are run again when nothing else does: one that passes
then is called unsteady by a line of its own, and counts as passed.
"""
import os
import re
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
AT_ONCE = 6
# What says by itself which servers it wants, or is not about servers, is run once.
ONLY_WITH = {"group_test": "mysql"} | dict.fromkeys(
    ("abuse_test", "access_test", "raft_clock_test", "raft_partition_test", "raft_security_test", "shared_backend_test",
     "shared_partition_test", "soak_test"), "mariadb")
# What a server's release may change is asked again of the second MariaDB.
RELEASE = {"backend_test", "classic_test", "co_master_test", "discover_test", "failover_test", "move_test", "pseudo_gtid_test",
           "repair_test", "schema_test", "takeover_test", "write_probe_test"}
# Of classes that take long, whose tests have nothing in common: these run beside each other.
SPLIT = {"resume_kinds_test"}
# Begun first, the longest before the others: one that is long and comes last runs alone.
LONG = ["resume_kinds_test", "failover_test", "silent_test", "raft_test", "raft_clock_test", "backend_test", "serve_test", "remote_test",
        "move_test", "failovers_test", "partition_test", "pseudo_gtid_test", "shared_backend_test", "discover_test",
        "resume_test", "soak_test", "takeover_test", "group_test", "ledger_test", "raft_partition_test", "client_test",
        "classic_takeover_test", "classic_test", "shared_partition_test", "hooks_test"]
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


def modules_of(flavor):
    return [m for m in sorted(path.stem for path in HERE.glob("*_test.py"))
            if ONLY_WITH.get(m, flavor) == flavor and (flavor != "mariadb11" or m in RELEASE)]


def parts_of(module):
    """What of a module runs in a process of its own."""
    tests = [test.id() for suite in unittest.defaultTestLoader.loadTestsFromModule(import_module(module)) for test in suite]
    return tests if module in SPLIT else list(dict.fromkeys(test.rpartition(".")[0] for test in tests))


def run_part(flavor, part):
    began = time.monotonic()
    done = subprocess.run([sys.executable, __file__, flavor, "--here", part], cwd=HERE, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    done.stdout = f"=== {flavor} {part}: {time.monotonic() - began:.0f} s\n{done.stdout}"
    return done


def main():
    flavors, modules = sys.argv[1].split(","), sys.argv[2:]
    os.environ["ORCH_FLAVOR"] = flavors[0]
    if modules and modules[0] == "--here":
        sys.exit(run_module(modules[1]))
    chosen = [(flavor, module) for flavor in flavors for module in modules or modules_of(flavor)]
    chosen.sort(key=lambda c: LONG.index(c[1]) if c[1] in LONG else len(LONG))
    parts = [(flavor, part) for flavor, module in chosen for part in parts_of(module)]

    total, failures, failed = [0, 0, 0], [], []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for (flavor, part), done in zip(parts, pool.map(lambda p: run_part(*p), parts)):
            print(done.stdout, flush=True)
            counts = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", done.stdout, re.M)
            counts = [int(n) for n in counts[-1]] if counts else [0, 1, 0]  # it did not come to its end
            total = [a + b for a, b in zip(total, counts)]
            failures += FAILURE.findall(done.stdout) or ([done.stdout[-3000:]] if counts[1] else [])
            failed += [(flavor, test) for test in re.findall(r"^failed: ([\w.]+)$", done.stdout, re.M)]
    print("\n".join(failures))
    if len(failed) == total[1] and len({test for _, test in failed}) <= MOST_AGAIN:  # each on whatever servers
        for flavor, test in failed:
            done = run_part(flavor, test)
            print(f"again: {done.stdout}")
            if done.returncode == 0:
                print(f"UNSTEADY: {test} failed on {flavor}, and passed when it ran again by itself", flush=True)
                total = [total[0] + 1, total[1] - 1, total[2]]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    sys.exit(1 if total[1] else 0)


if __name__ == "__main__":
    main()
