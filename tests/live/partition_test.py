"""The network is cut between a service, a master and its replicas: who is replaced, who is not, and what happens
when the cut heals. Packets are lost silently, so that only deadlines tell; see net.py."""
import contextlib
import json
import os
import random
import subprocess
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from live_case import FLAVOR, IS_MYSQL, LiveCase, Writer
from net import network
from service_case import ServiceCase
from software import Problem, Software

ROUNDS = int(os.environ.get("ORCH_ROUNDS") or 1)  # of each master that is cut off
ROLE = "source" if IS_MYSQL else "master"
LOSSLESS = [f"rpl_semi_sync_{ROLE}_timeout=600000", f"rpl_semi_sync_{ROLE}_wait_point=AFTER_SYNC"]
# Replicas wait 4 s for a silent source; the service looks at it several times in that time.
LONG_ENOUGH = 5


class Partition(ServiceCase):
    """Hosts 1 to 3 have a master and its replicas, host 4 has the service."""

    def setUp(self):
        super().setUp()
        Software(FLAVOR).install()  # while there is a way to the mirror
        self.net = network(self, 4)
        self.config.update(MySQLConnectTimeoutSeconds=1, MySQLDiscoveryReadTimeoutSeconds=1, InstancePollSeconds=1)

    def begin(self, **options):
        self.c = self.start(3, hosts=self.net.hosts[:3], **options)
        self.config["SQLite3DataFile"] = str(self.folder / f"{self.c.name}.db")
        self.discover(self.c)
        self.service = self.serve(self.c, self.net[4])
        self.named = [self.c[1].port]

    def look_at_master(self):
        """Whom the service calls the cluster's master: from one to the next, and never back."""
        status, body = self.service.ask(f"master/{self.c.name}")
        if status == 200 and (port := json.loads(body)["Key"]["Port"]) != self.named[-1]:
            self.assertNotIn(port, self.named, self.service.told())
            self.named.append(port)

    def wait(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, f"waited in vain for {what}\n{self.service.told()}")
            self.look_at_master()
            time.sleep(0.02)

    def codes(self):
        return {a["Analysis"] for a in self.service.details("replication-analysis")}

    def recoveries(self):
        return [r["IsSuccessful"] for r in self.service.json("audit-recovery")]

    def has_all(self, node, acknowledged):
        have = set(map(int, node.sql("SELECT seq FROM app.seq").split()))
        self.assertEqual([n for n in acknowledged if n not in have], [], f"acknowledged, and not at {node}")

    def says_read_only(self, node):
        """Clients' sessions are ended there, and this is one."""
        try:
            return self.read_only(node)
        except Problem:
            return False

    # --- A master that is cut off ---

    def is_replaced_and_fenced(self, **way):
        for number in range(ROUNDS):
            if number:
                self.service.end()
                self.c.down()
            self.begin(semi_sync=True, settings=LOSSLESS)
            self.round(way)

    def round(self, way):
        old, others = self.c[1], self.c.nodes[1:]
        writer = Writer(old)
        self.assertTrue(writer.some.wait(60), "the writer did not come to 200 writes")
        if ROUNDS > 1:
            time.sleep(random.uniform(0, 1))
        began = time.monotonic()
        self.net.cut(self.net[1], **way)
        self.wait(lambda: self.writable(others), "a new master")
        print(f"    replaced {time.monotonic() - began:.1f} s after the cut", flush=True)
        new, = self.writable(others)
        other = next(n for n in others if n is not new)
        self.assertFalse(self.read_only(old), "nobody can have told it")
        self.wait(lambda: other.source() == str(new) and other.replicates(), f"{other} to follow {new}")
        self.wait(lambda: self.recoveries() == [True], "the recovery to end")
        self.wait(lambda: self.named == [old.port, new.port], "the service to name the new master")
        self.has_all(new, writer.acknowledged[:])
        self.write(new, 5000000)
        self.arrives(5000000, at=[other])

        began = time.monotonic()
        self.net.heal()
        self.wait(lambda: self.says_read_only(old), "the old master to be made read-only")
        print(f"    fenced {time.monotonic() - began:.1f} s after the cut healed", flush=True)
        self.wait(lambda: f"{old} took writes although {new} is the master: it was made read-only"
                  in self.service.told(), "the service to say so")
        self.has_all(new, writer.end())
        self.assertEqual(self.writable(self.c.nodes), [new])
        self.assertEqual(self.recoveries(), [True])
        self.assertIn(str(old), self.does("quarantine", "list").out)
        self.assertEqual(self.named, [old.port, new.port])

    def test_a_master_that_is_cut_off_from_everybody_is_replaced_once_and_fenced_when_it_is_back(self):
        self.is_replaced_and_fenced()

    def test_a_master_whose_answers_get_lost_is_replaced_once_and_fenced(self):
        self.is_replaced_and_fenced(receive=False)

    def test_a_master_that_hears_nobody_is_replaced_once_and_fenced(self):
        self.is_replaced_and_fenced(send=False)

    # --- A master that only some do not reach ---

    def test_a_master_that_somebody_hears_stays_the_master(self):
        # Without semi-sync: with it a MariaDB master hangs for seconds when replicas that it lost come back, and a
        # service with deadlines of one second replaces one that hangs.
        self.begin()
        hosts = self.net.hosts
        for who, code, cut in (
                ("the service alone hears nothing", "UnreachableMaster", (hosts[3], [hosts[0]])),
                ("the service alone is not heard", "UnreachableMaster", (hosts[3], [hosts[0]], True, False)),
                ("the service reaches nobody", "DeadMasterAndReplicas", (hosts[3],)),
                ("the replicas alone hear nothing", "AllMasterReplicasNotReplicating", (hosts[0], hosts[1:3]))):
            with self.subTest(who):
                self.net.cut(*cut)
                self.wait(lambda c=code: c in self.codes(), f"the service to say {code}")
                end = time.monotonic() + LONG_ENOUGH
                self.wait(lambda e=end: time.monotonic() > e, "what it might do")
                self.assertEqual(self.writable(self.c.nodes), [self.c[1]])
                self.assertEqual(self.recoveries(), [], self.service.told())
                self.net.heal()
                self.wait(lambda: not self.codes(), "no problem to be left")
        for node in self.c.nodes[1:]:
            self.follows(node, self.c[1])
        self.write(self.c[1], 1)
        self.arrives(1, at=self.c.nodes)


class InFlight(LiveCase):
    def test_a_statement_that_a_cut_network_held_back_does_not_arrive_when_it_heals(self):
        Software(FLAVOR).install()
        net = network(self, 2)
        self.config["LeaseMilliseconds"] = 2000
        c = self.start(2, hosts=net.hosts)
        self.discover(c)
        statement = "STOP REPLICA" if IS_MYSQL else "STOP SLAVE"
        size = 20 + 32 + 4 + 1 + len(statement)  # headers of IP and TCP, with its time stamps, and of the packet
        nft("add table ip held; add chain ip held out { type filter hook output priority 0; };"
            f"add rule ip held out tcp dport {c[2].port} ip length {size}-{size + 12} counter drop")
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.orch, "stop-replica", c[2])
            with contextlib.suppress(TimeoutError):
                running.result(10)
            self.assertNotIn("packets 0 ", nft("list table ip held"), "the statement was not held back")
            nft("delete table ip held")
            done = running.result()
        self.assertEqual(done.code, 4, done)
        self.assertTrue(c[2].replicates(), done)


def nft(text):
    return subprocess.run(["nft", text], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    unittest.main()
