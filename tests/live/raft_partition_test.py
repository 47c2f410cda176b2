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


class Blinded(RaftNodes):
    SETTINGS = {"InstanceBulkOperationsWaitTimeoutSeconds": 1}  # it gives up before it is known to see nothing

    def test_a_recovery_whose_leader_loses_sight_of_the_servers_is_finished_by_another(self):
        cluster = self.managed()
        self.wait(lambda: self.watched(cluster), "the leader to see all servers")
        leader = self.leader()
        holder = cluster[3].session("LOCK TABLES app.seq READ; SELECT 1;")  # a replica that takes its time
        self.addCleanup(holder.communicate)
        self.addCleanup(holder.kill)
        self.write(cluster[1], 7)
        self.arrives(7, at=[cluster[2]])
        end = cluster[1].sql("SHOW MASTER STATUS").split("\t")[1]
        self.wait(lambda: cluster[3].replica_status()["Read_Master_Log_Pos"] == end, "the other to receive it")
        cluster[1].kill()
        self.wait(lambda: self.writable(cluster) == [cluster[2]], "a new master")
        self.net.cut(leader.where, self.hosts)
        self.wait(lambda: not leader.leads(), "another to lead")
        holder.kill()
        self.heal(cluster)
        ended = "SELECT COUNT(*) FROM orch_recovery_run WHERE stage = 'ended'"
        self.wait(lambda: self.backend(ended) == "1", "the recovery to end")
        of_master = f"SELECT GROUP_CONCAT(is_successful) FROM topology_recovery WHERE port = {cluster[1].port}"
        self.assertEqual(self.backend(of_master), "1", self.told())
        self.assertTrue(self.has(cluster[3], 7))
        acts = self.acts(cluster)
        self.assertGreater(len({user for _, user, _, _ in acts}), 1, acts)
        self.nobody_acts_out_of_turn(acts)


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
