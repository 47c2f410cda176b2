"""Nodes of a raft group, in a host each: whichever of them the network cuts off or dies, one acts, each master that
dies is replaced once, and none that lives; what was acknowledged stays. See net.py and raft_rounds.py."""
import unittest

from raft_rounds import RaftNodes, RaftRounds


class RaftCut(RaftNodes):
    def test_a_master_that_dies_is_replaced_once_whichever_node_is_cut_off_or_dies(self):
        self.rounds()

    def test_a_master_that_other_nodes_reach_is_not_replaced_by_a_leader_that_does_not(self):
        # HA-15, ANA-15
        # Nor do its replicas reach it: by its own eyes and theirs the leader would replace it.
        cluster = self.managed()
        self.wait(lambda: self.watched(cluster), "the leader to see all servers")
        leader = self.leader()
        self.net.cut(self.hosts[0], [leader.where, *self.hosts[1:]])
        self.wait(lambda: "FailureDetectionQuorum wants more than half" in self.told(), "the others to be asked")
        self.assertIn("sees it alive", self.told())
        self.assertEqual(self.acts(cluster), [])
        self.assertEqual(self.writable(cluster), [cluster[1]])
        self.net.heal()
        self.wait(lambda: self.watched(cluster), "the leader to see all servers again")
        self.assertEqual(self.acts(cluster), [])


class FiveNodes(RaftRounds):
    """A few of the rounds of tests/bench/run raft-rounds."""
    NODES = 5
    NAMES = ("leader in the minority during recovery", "leader in the majority during writes",
             "leader flaps during writes", "leader loses its data during writes", "all start again during recovery")
    ROUNDS = len(NAMES)

    def faults(self):
        found = super().faults()
        return {name: found[name] for name in self.NAMES}

    def test_nothing_acknowledged_is_lost_and_a_master_that_dies_is_replaced_once_whatever_becomes_of_five(self):
        self.rounds()


if __name__ == "__main__":
    unittest.main()
