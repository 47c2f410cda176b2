"""An alias that two clusters tell: a cluster, and a copy that was restored from it for a test."""
import unittest

from live_case import LiveCase


class Alias(LiveCase):
    def setUp(self):
        super().setUp()
        self.shop = self.start(3)
        self.copy = self.start(2)
        self.copy[1].sql(f"UPDATE meta.cluster SET cluster_name='{self.shop.name}'")
        self.discover(self.shop)

    def clusters(self):
        """By their aliases."""
        lines = self.does("-c", "clusters-alias").out.splitlines()
        return {alias: cluster for cluster, alias in (line.split("\t") for line in lines)}

    def test_it_does_not_leave_the_cluster_whose_master_died_and_the_copy_is_left_alone(self):
        alias = self.shop.name
        said = self.discover(self.copy).out
        self.assertIn(f"{alias} is the alias of several clusters: {self.shop[1]}, {self.copy[1]};", said)
        self.shop[1].kill()
        self.orch("discover", self.shop[2])
        self.discover(self.copy)
        self.assertEqual(self.clusters()[alias], str(self.shop[1]))
        for words in (("failover", alias), ("takeover", alias), ("-c", "force-master-failover", "-alias", alias),
                      ("-c", "ack-cluster-recoveries", "-alias", alias, "-reason", "x"), ("explain", "failover", alias)):
            self.refuses(*words, saying=f"{alias} is the alias of several clusters: {self.shop[1]}, {self.copy[1]}")
        self.assertIn("alias-of-two", self.does_in_part("doctor", self.copy[1]).out)
        self.assertFalse(self.read_only(self.copy[1]))
        self.does("failover", self.shop[1])
        self.assertEqual(self.clusters()[alias], str(self.shop[2]))
        self.discover(self.copy)
        self.assertEqual(self.clusters()[alias], str(self.shop[2]))

    def test_a_server_that_was_taken_out_takes_no_alias_with_it(self):
        alias, out = self.shop.name, self.shop[3]
        out.sql("STOP REPLICA; RESET REPLICA ALL; SET GLOBAL read_only=0")
        self.discover(self.shop, 3)
        self.discover(self.shop)
        self.shop[1].kill()
        self.orch("discover", self.shop[2])
        self.assertEqual(self.clusters()[alias], str(self.shop[1]))
        self.does("failover", alias)
        self.assertEqual([self.read_only(self.shop[2]), self.clusters()[alias]], [False, str(self.shop[2])])


if __name__ == "__main__":
    unittest.main()
