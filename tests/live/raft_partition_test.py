"""Nodes of a raft group, in a host each: whichever of them the network cuts off or dies, one acts, each master that
dies is replaced once, and none that lives. See net.py and shared_rounds.py."""
import contextlib
import sqlite3
import unittest

from shared_partition_test import Cut

PORT = 10008


class RaftCut(Cut):
    def setUp(self):
        super().setUp()
        self.config.update(BackendDB="sqlite", RaftEnabled=True, RaftSecret="raft_test_secret",
                           RaftHeartbeatMilliseconds=150, RaftElectionTimeoutMilliseconds=1500)
        self.make_network(0, "mariadb")
        self.config["RaftNodes"] = [f"{site}:{PORT}" for site in self.sites]
        self.start_peers([("", 3306, None, site) for site in self.sites])

    def settings_of(self, peer):
        return {"SQLite3DataFile": str(self.folder / f"{peer.user}.db"), "ListenAddress": peer.listen,
                "RaftDataDir": str(self.folder / f"{peer.user}.raft"), "RaftBind": f"{peer.where}:{PORT}"}

    def backend(self, question):
        return self.ask_file(self.leader(), question)

    def ask_file(self, peer, question):
        file = self.folder / f"{peer.user}.db"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            row = database.execute(question.replace("orchestrator.", "")).fetchone()
        return str(row[0])

    def watched(self, cluster):
        """By each of the nodes: whichever leads next must know the replicas."""
        seen = "SELECT COUNT(*) FROM database_instance WHERE last_seen >= last_checked"
        return super().watched(cluster) and all(
            self.ask_file(peer, seen) == str(len(cluster.nodes)) for peer in self.peers)

    def faults(self):
        found = super().faults()
        self.needs_restoring.clear()  # a leader that reaches no server gives way
        return {**found, "kill leader": lambda leader: leader.kill(), "stop leader": lambda leader: leader.freeze()}

    def test_a_master_that_dies_is_replaced_once_whichever_node_is_cut_off_or_dies(self):
        self.rounds()

    def test_a_master_that_other_nodes_reach_is_not_replaced_by_a_leader_that_does_not(self):
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


if __name__ == "__main__":
    unittest.main()
