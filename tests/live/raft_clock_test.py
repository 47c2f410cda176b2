"""Wall clocks that jump by an hour while nodes run: what is healthy is left alone, what dies is recovered once."""
import os
import time
import unittest
from pathlib import Path

import raft_case
from raft_case import RaftCase
from service_case import Service, ServiceCase

LIBRARY = Path("/usr/lib") / (os.uname().machine + "-linux-gnu") / "faketime/libfaketimeMT.so.1"
HOUR = 3600


class JumpingClock:
    """The wall clock of one process, by Debian's faketime; its monotonic clock goes on as it should."""

    def __init__(self, file):
        self.file = file
        self.jump(0)

    @property
    def inside(self):
        return ["env", f"LD_PRELOAD={LIBRARY}", "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_NO_CACHE=1",
                f"FAKETIME_TIMESTAMP_FILE={self.file}"]

    def jump(self, seconds):
        """To so far from the real time, in one moment."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.file)


class Clocks:
    def need_faketime(self):
        if not LIBRARY.exists():
            self.skipTest("Debian's faketime is not installed")

    def looked_again(self, service, cluster, count):
        figure = lambda: sum(float(line.split()[-1]) for line in service.ask("/metrics")[1].splitlines()
                             if line.startswith("orch_probes_total"))
        start = figure()
        cluster.wait_for(lambda: figure() >= start + count, "servers to be looked at again")


class RaftClock(Clocks, RaftCase):
    def setUp(self):
        self.need_faketime()
        super().setUp()
        self.clocks = {}

    def start_nodes(self):
        case = self

        class Node(raft_case.RaftNode):
            def start(self):
                clock = case.clocks.setdefault(self.number, JumpingClock(self.home / "clock"))
                self.service = Service(case, self.home / "serve.log", self.config, self.listen, inside=clock.inside)
                self.frozen = False

        original, raft_case.RaftNode = raft_case.RaftNode, Node
        self.addCleanup(setattr, raft_case, "RaftNode", original)
        return super().start_nodes()

    def lives_at(self, node, server, seconds):
        """Whether its stamps are so far from the real time."""
        stamp = self.sql(node, f"select strftime('%s', last_checked) from database_instance where port = {server.port}")
        return abs(int(stamp) - time.time() - seconds) < HOUR / 2

    def term(self, node):
        return node.service.json("raft-status")["Leader"], node.service.ask("leader-check")[0]

    def survives(self, who, seconds):
        c, leader = self.prepare(3)
        node = leader if who == "leader" else self.followers(leader)[0]
        clock = self.clocks[node.number]
        before = self.term(leader)
        clock.jump(seconds)
        self.wait(lambda: self.lives_at(node, c[2], seconds), "the process to live in the other hour")
        for each in self.nodes:
            self.looked_again(each.service, c, 6)
        self.assertEqual(self.term(leader), before)
        self.agree("select count(*) from topology_recovery", "0")
        # What it is asked goes through it, and ends when it should on all nodes' clocks.
        node.service.details(f"begin-downtime/{c[2].host}/{c[2].port}/me/because/2h")
        self.agree("select count(*) from database_instance_downtime", "1")
        node.service.details(f"end-downtime/{c[2].host}/{c[2].port}")
        c[1].kill()
        self.healed_once(c, c[1])
        self.assertEqual(self.term(leader), before)
        self.agree("select count(*) from topology_recovery", "1")

    def dies_at_the_jump(self, who, seconds):
        c, leader = self.prepare(3)
        node = leader if who == "leader" else self.followers(leader)[0]
        c[1].kill()
        self.clocks[node.number].jump(seconds)
        self.wait(lambda: self.lives_at(node, c[2], seconds), "the process to live in the other hour")
        self.healed_once(c, c[1])
        self.assertTrue(leader.leads())
        self.agree("select count(*) from topology_recovery", "1")

    def test_the_leaders_clock_jumps_ahead(self):
        # HA-27
        self.survives("leader", HOUR)

    def test_the_leaders_clock_jumps_back(self):
        self.survives("leader", -HOUR)

    def test_a_followers_clock_jumps_ahead(self):
        self.survives("follower", HOUR)

    def test_a_followers_clock_jumps_back(self):
        self.survives("follower", -HOUR)

    def test_a_master_dies_as_the_leaders_clock_jumps_ahead(self):
        self.dies_at_the_jump("leader", HOUR)

    def test_a_master_dies_as_the_leaders_clock_jumps_back(self):
        self.dies_at_the_jump("leader", -HOUR)

    def test_a_master_dies_as_a_followers_clock_jumps_ahead(self):
        self.dies_at_the_jump("follower", HOUR)

    def test_a_master_dies_as_a_followers_clock_jumps_back(self):
        self.dies_at_the_jump("follower", -HOUR)


class SingleClock(Clocks, ServiceCase):
    """One node on SQLite."""

    def setUp(self):
        self.need_faketime()
        super().setUp()

    def jumps(self, seconds):
        c = self.start(3)
        clock = JumpingClock(self.folder / "clock")
        self.orch("discover", c[1])
        service = Service(self, self.folder / "serve.log", inside=clock.inside)
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        c.wait_for(service.leads, "the service to lead")
        self.knows_all(service, c)
        clock.jump(seconds)
        self.looked_again(service, c, 6)
        self.assertTrue(service.leads())
        self.assertEqual(service.json("audit-recovery"), [])
        c[1].kill()
        new = self.healed(c, c[1])
        c.wait_for(lambda: service.json("audit-recovery")[0]["RecoveryEndTimestamp"], "the recovery to end")
        # Once more, after the clock has gone the other way: the first one's block must not last for ever.
        clock.jump(0)
        self.looked_again(service, c, 6)
        self.assertEqual(len(service.json("audit-recovery")), 1)
        new.kill()
        c.wait_for(lambda: len(service.json("audit-recovery")) == 2, "the second recovery")

    def test_its_clock_jumps_ahead_and_back_again(self):
        self.jumps(HOUR)

    def test_its_clock_jumps_back_and_ahead_again(self):
        self.jumps(-HOUR)


class SharedClock(Clocks, ServiceCase):
    """Two nodes on one backend, of which one leads: by the backend's clock, whatever their own say."""

    def setUp(self):
        self.need_faketime()
        super().setUp()

    def jumps(self, seconds):
        self.backend()
        self.config.update(LeaseMilliseconds=1500)
        c = self.start(3)
        self.orch("discover", c[1])
        nodes = []
        for number in (1, 2):
            clock = JumpingClock(self.folder / f"clock{number}")
            node = Service(self, self.folder / f"node{number}.log", inside=clock.inside)
            self.addCleanup(lambda s=node: s.process.poll() is None and s.end())
            c.wait_for(node.answers, "the node to answer")
            node.clock = clock
            nodes.append(node)
        c.wait_for(lambda: sum(n.leads() for n in nodes) == 1, "one to lead")
        leader = next(n for n in nodes if n.leads())
        other = next(n for n in nodes if n is not leader)
        self.knows_all(leader, c)
        leader.clock.jump(seconds)
        self.looked_again(leader, c, 6)
        self.assertEqual([leader.leads(), other.leads()], [True, False])
        self.assertEqual(leader.json("audit-recovery"), [])
        c[1].kill()
        new = self.healed(c, c[1])
        c.wait_for(lambda: leader.json("audit-recovery")[0]["RecoveryEndTimestamp"], "the recovery to end")
        # The next leader lives an hour away from what the first one wrote.
        leader.process.kill()
        leader.process.wait()
        c.wait_for(other.leads, "the other to lead")
        self.looked_again(other, c, 6)
        self.assertEqual(len(other.json("audit-recovery")), 1)
        new.kill()
        c.wait_for(lambda: len(other.json("audit-recovery")) == 2, "the second recovery")
        c.wait_for(lambda: [n for n in c.nodes if n.pid() and not self.read_only(n)], "the last one to take writes")

    def test_the_leaders_clock_jumps_ahead(self):
        self.jumps(HOUR)

    def test_the_leaders_clock_jumps_back(self):
        self.jumps(-HOUR)


if __name__ == "__main__":
    unittest.main()
