"""A MySQL replication group as what is managed: it elects its primary by itself, orch moves the replicas below it."""
import unittest

from live_case import PREFIX, numbers
from servers import Cluster
from service_case import ServiceCase


class ReplicationGroup(ServiceCase):
    def setUp(self):
        super().setUp()
        self.config["InstancePollSeconds"] = 1
        self.group = Cluster.up(f"{PREFIX}{next(numbers)}", "group", 3)
        self.addCleanup(self.group.down)
        self.replica = self.start(1)[1]
        self.replica.sql("SET GLOBAL super_read_only=0; SET GLOBAL read_only=1; RESET BINARY LOGS AND GTIDS; "
                         f"SET GLOBAL gtid_purged='{self.group[1].sql('SELECT @@global.gtid_executed')}'")

    def primary(self):
        """By those who are in the group."""
        for node in self.group.nodes:
            if node.pid():
                told = node.sql("SELECT member_port FROM performance_schema.replication_group_members "
                                "WHERE member_role='PRIMARY' AND member_state='ONLINE'")
                if told:
                    return next(n for n in self.group.nodes if n.port == int(told))
        return None

    def watch(self, below):
        self.replica.follow(below)
        self.group.wait_for(self.replica.replicates, "the replica")
        self.discover(self.group)
        service = self.serve(self.group)
        found = service.json(f"instance/{self.replica.host}/{self.replica.port}")
        self.assertEqual((found["MasterKey"]["Port"], found["IsLastCheckValid"]), (below.port, True))
        return service

    def moves(self, dead):
        others = [str(node) for node in self.group.nodes if node is not dead]
        self.group.wait_for(lambda: self.replica.source() in others and self.replica.replicates(), "the replica to move")

    def writes_arrive(self, number):
        self.group.wait_for(self.primary, "a primary")
        self.write(self.primary(), number)
        self.group.wait_for(lambda: self.replica.sql(f"SELECT COUNT(*) FROM app.seq WHERE seq={number}") == "1", "the row")

    def test_replicas_of_a_dead_secondary_follow_another_member(self):
        service = self.watch(self.group[2])
        self.group[2].kill()
        self.moves(self.group[2])
        self.writes_arrive(1)
        self.assertTrue(self.read_only(self.replica))
        self.group.wait_for(lambda: [r["IsSuccessful"] for r in service.json("audit-recovery")] == [True], "its record")

    def test_replicas_of_a_member_that_left_and_died_follow_another_member(self):
        service = self.watch(self.group[2])
        self.group[2].sql("STOP GROUP_REPLICATION")
        where = f"instance/{self.group[2].host}/{self.group[2].port}"
        self.group.wait_for(lambda: service.json(where)["ReplicationGroupMemberState"] == "OFFLINE", "it to be seen")
        self.group[2].kill()
        self.moves(self.group[2])
        self.writes_arrive(1)
        self.assertTrue(self.read_only(self.replica), service.told())

    def test_replicas_of_a_dead_primary_follow_another_member_and_none_is_promoted(self):
        first = self.primary()
        self.watch(first)
        first.kill()
        self.moves(first)
        self.group.wait_for(lambda: self.primary() not in (None, first), "the group to elect another")
        self.writes_arrive(2)
        self.assertTrue(self.read_only(self.replica))
        self.assertEqual(len(self.writable(self.group.nodes)), 1)

    def test_nobody_outside_takes_the_place_of_a_group_that_lives(self):
        first = self.primary()
        self.replica.follow(first)
        self.group.wait_for(self.replica.replicates, "the replica")
        self.discover(self.group)
        for words in (("failover", first), ("failover", first, "--to", self.replica), ("takeover", first, "--to", self.replica),
                      ("-c", "force-master-failover", "-i", first)):
            self.refuses(*words, saying="is in a replication group")
        self.assertEqual(self.primary(), first)
        self.assertEqual((self.read_only(first), self.read_only(self.replica)), (False, True))
        self.assertEqual(self.replica.source(), str(first))

    def test_no_replica_of_one_of_several_primaries_is_promoted_beside_the_others(self):
        self.group[1].sql("SELECT group_replication_switch_to_multi_primary_mode()")
        second = self.group[2]
        self.watch(second)
        self.refuses("failover", second, saying="is one of several primaries of a replication group")
        second.kill()
        self.moves(second)
        self.assertTrue(self.read_only(self.replica))
        self.assertEqual([self.read_only(self.group[n]) for n in (1, 3)], [False, False])

    def test_when_the_whole_group_is_gone_its_replica_can_take_its_place(self):
        first = self.primary()
        self.replica.follow(first)
        self.group.wait_for(self.replica.replicates, "the replica")
        self.discover(self.group)
        for node in self.group.nodes:
            node.kill()
        self.does("failover", first, "--to", self.replica)
        self.assertFalse(self.read_only(self.replica))
        self.assertEqual(self.replica.source(), "")


if __name__ == "__main__":
    unittest.main()
