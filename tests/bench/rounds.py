"""Rounds of faults in raft groups of three and five nodes, with masters of MariaDB and of MySQL, and their table.
Each block of rounds has a group of its own, so that one that fails does not end the others."""
import os
import statistics
import sys
import time
import unittest
from collections import defaultdict
from pathlib import Path

BLOCK = 10
KINDS = tuple((nodes, flavor) for nodes in (3, 5) for flavor in ("mariadb", "mysql"))
CHECKED = """checked, on the servers' general logs with an account per node, and on each node's own backend:
 always: one node at most is elected in a term; no change of a server by a node once another was elected after it
 quiet, writes: no change of a server at all, no recovery, the master is the one writable server
 writes, recovery: each acknowledged change, asked of any node, is at every node afterwards
 recovery: one new master, one recovery that succeeded, one writable server at the end, the other replica follows it
master replaced: from the second of the fault and the master's death. group well: from the end of the fault until
 all nodes know a leader."""


def spread(times):
    seconds = sorted(float(t) for t in times if t)
    return f"{statistics.median(seconds):.1f}, {seconds[-1]:.1f}" if seconds else "-"


def block(nodes, flavor):
    """-> the rounds that ended well, how packets were delayed, and if one failed, which and what went wrong."""
    from raft_rounds import RaftRounds  # it takes the binary from the environment when it is imported

    class Rounds(RaftRounds):
        NODES, MANAGED = nodes, flavor

        def test(self):
            self.rounds()

    case, result = Rounds("test"), unittest.TestResult()
    case.run(result)
    if result.skipped:
        sys.exit(f"raft-rounds: {result.skipped[0][1]}")
    wrong = [text for _, text in result.failures + result.errors]
    done = [row for row in getattr(case, "table", []) if not (wrong and row[1] == case.now)]
    name = getattr(case, "now", "") or "the start"
    return done, case.net.how if hasattr(case, "net") else "", (name, "\n".join(wrong)) if wrong else None


def show(rows, failed):
    found = defaultdict(list)
    for row in rows:
        fault, _, when = row[1].partition(" during ")
        found[fault].append((when, row))
    for name, _ in failed:
        found[name.partition(" during ")[0]]  # it has a line, too
    print(f"{'fault':28} quiet writes recovery failed  master replaced (s)  group well (s)   (median, max)")
    for fault, its in sorted(found.items()):
        counts = [sum(when == wanted for when, _ in its) for wanted in ("quiet", "writes", "recovery")]
        wrong = sum(name.partition(" during ")[0] == fault for name, _ in failed)
        replaced, well = spread(row[5] for _, row in its), spread(row[9] for _, row in its)
        print(f"{fault:28} {counts[0]:5} {counts[1]:6} {counts[2]:8} {wrong:6}  {replaced:19}  {well}")
    print(CHECKED)


def load():
    return Path("/proc/loadavg").read_text().split()[0]


def run(orch):
    os.environ.setdefault("ORCH_BINARY", str(orch))
    wanted = int(os.environ.get("ORCH_ROUNDS") or 100)
    seed = int(os.environ.get("ORCH_SEED") or time.time_ns() % 10**6)
    print(f"raft-rounds: ORCH_SEED={seed} ORCH_ROUNDS={wanted}, load {load()}")
    rows, failed, ways, tried, number = [], [], set(), 0, 0
    while tried < wanted:
        nodes, flavor = KINDS[number % len(KINDS)]
        count = min(BLOCK, wanted - tried)
        os.environ.update(ORCH_ROUNDS=str(count), ORCH_SEED=str(seed + number))
        print(f"--- {nodes} nodes, {flavor}, seed {seed + number}", flush=True)
        done, how, wrong = block(nodes, flavor)
        rows += done
        ways.add(how)
        if wrong:
            failed.append(wrong)
            print(f"FAILED: {wrong[0]}\n{wrong[1]}", flush=True)
        tried, number = tried + max(1, len(done) + bool(wrong)), number + 1
    print(f"raft-rounds: {len(rows)} rounds went well, {len(failed)} failed; ORCH_SEED={seed}, "
          f"delay and drop by {', '.join(sorted(ways - {''}))}, load {load()}")
    show(rows, failed)
    if failed:
        sys.exit(f"raft-rounds: {len(failed)} rounds failed")
