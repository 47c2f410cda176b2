"""A running service, while servers die all the time: what it needs stays flat. ORCH_SOAK_SECONDS says for how long;
tests/bench/run soak is the hour-long form."""
import os
import random
import re
import statistics
import time
import unittest
from pathlib import Path

from service_case import ServiceCase

SECONDS = int(os.environ.get("ORCH_SOAK_SECONDS") or 0)  # and no less than LEAST turns
SEED = int(os.environ.get("ORCH_SEED") or time.time_ns() % 10**6)
LEAST = 9
KIB = r"VmRSS:\s+(\d+) kB"
# Threads of a pool that has grown to what is done at once, and buffers of the busiest moment, are no leak.
MORE_THREADS, MORE_FILES, MORE_KIB = 2, 2, 3072


class Need:
    """What a process holds at one moment."""

    def __init__(self, pid):
        process = Path(f"/proc/{pid}")
        self.kib = int(re.search(KIB, (process / "status").read_text())[1])
        self.threads = len(list((process / "task").iterdir()))
        self.files = len(list((process / "fd").iterdir()))

    def __str__(self):
        return f"{self.kib / 1024:6.1f} MiB {self.threads:4} threads {self.files:4} descriptors"


class Soak(ServiceCase):
    def setUp(self):
        super().setUp()
        self.config["InstancePollSeconds"] = 1
        self.c = self.start(4)
        self.discover(self.c)
        self.service = self.serve(self.c)
        self.master, self.turn, self.needs, self.died = self.c[1], 0, [], 0
        self.chance = random.Random(SEED)

    def replicas(self):
        return [node for node in self.c.nodes if node is not self.master]

    def all_follow(self):
        for node in self.replicas():
            self.c.wait_for(lambda n=node: n.source() == str(self.master) and n.replicates(), f"{node} to follow")

    def sees(self, node, well):
        def seen():
            found = self.service.json(f"instance/{node.host}/{node.port}")
            return found["IsLastCheckValid"] == well
        self.c.wait_for(seen, f"{node} to be seen {'well' if well else 'lost'}")

    def master_dies(self):
        dead = self.master
        if self.chance.random() < 0.5:
            dead.freeze()
            self.master = self.healed(self.c, dead)
        dead.kill()
        if self.master is dead:
            self.master = self.healed(self.c, dead)
        self.died += 1
        self.c.wait_for(lambda: all(r["RecoveryEndTimestamp"] for r in self.service.json("audit-recovery")), "its end")
        self.service.details(f"ack-recovery/cluster/{self.c.name}?comment=turn+{self.turn}")
        dead.make_anew(self.master, f"SET GLOBAL server_id={30000 + self.turn}")
        self.service.details(f"end-downtime/{dead.host}/{dead.port}")
        self.does("quarantine", "release", dead, "--reason", "made anew")

    def replica_dies(self):
        node = self.chance.choice(self.replicas())
        node.kill()
        self.sees(node, False)
        node.start()

    def replica_hangs(self):
        node = self.chance.choice(self.replicas())
        node.freeze()
        self.sees(node, False)
        node.thaw()

    def one_turn(self):
        fault = (self.master_dies, self.replica_dies, self.replica_hangs)[self.turn % 3]
        fault()
        self.all_follow()
        self.knows_all(self.service, self.c)
        self.needs.append(Need(self.service.process.pid))
        print(f"{self.turn:5} {fault.__name__:14} {self.needs[-1]}", flush=True)
        self.turn += 1

    def test_memory_threads_and_descriptors_stay_flat_while_servers_die(self):
        print(f"\nORCH_SEED={SEED}")
        end = time.monotonic() + SECONDS
        while self.turn < LEAST or time.monotonic() < end:
            self.one_turn()
        self.assertEqual(self.writable(self.c.nodes), [self.master])
        recovered = [r for r in self.service.json("audit-recovery/0") if r["IsSuccessful"]]
        self.assertGreaterEqual(len(recovered), min(self.died, 20), self.service.told())
        third = len(self.needs) // 3
        first, last = self.needs[third:2 * third], self.needs[-third:]  # before that, it warms up
        for what, more in (("threads", MORE_THREADS), ("files", MORE_FILES), ("kib", MORE_KIB)):
            before, after = (statistics.median(getattr(need, what) for need in part) for part in (first, last))
            self.assertLessEqual(after, before + more, f"{what} grow: {[getattr(need, what) for need in self.needs]}")


if __name__ == "__main__":
    unittest.main()
