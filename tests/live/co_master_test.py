"""Two masters that follow each other: one dies, and the other goes on, alone and writable."""
import unittest

from live_case import LiveCase


class CoMaster(LiveCase):
    def pair(self):
        """Node 1 takes the writes, node 2 is its passive partner, node 3 follows node 1."""
        c = self.start(3, "1<>2,1>3")
        self.discover(c)
        return c

    def test_the_partner_of_a_dead_one_takes_the_writes_and_follows_nobody(self):
        c = self.pair()
        for number in range(1, 21):
            self.write(c[1], number)
        self.arrives(20, at=[c[2], c[3]])
        c[1].kill()
        c.wait_for(lambda: not c[2].replicates() and not c[3].replicates(), "the replicas to notice")
        self.does("recover", c[1])
        self.assertFalse(self.read_only(c[2]))
        self.assertEqual(c[2].source(), "")
        self.follows(c[3], c[2])
        self.write(c[2], 21)
        self.arrives(21, at=[c[3]])
        self.assertEqual(c[3].sql("SELECT COUNT(*) FROM app.seq"), "21")

    def test_the_one_that_takes_writes_is_failed_over_by_the_clusters_name(self):
        c = self.pair()
        c[1].kill()
        shown = self.does("explain", "failover", c.name)
        self.assertIn(f"{c[2]}", shown.out)
        self.assertTrue(self.read_only(c[2]))
        self.does("failover", c.name)
        self.assertFalse(self.read_only(c[2]))
        self.assertEqual(c[2].source(), "")
        self.follows(c[3], c[2])

    def test_the_cluster_has_the_one_master_that_lives_and_can_be_failed_over_again(self):
        c = self.pair()
        c[1].kill()
        self.does("failover", c.name)
        self.orch("discover", c[2])  # who is dead is not reached
        self.assertEqual(self.does("-c", "which-cluster-master", "--alias", c.name).lines, [str(c[2])])
        self.assertIn(str(c[2]), self.does("-c", "all-clusters-masters").lines)
        submitted = self.does("-c", "submit-masters-to-kv-stores", "--alias", c.name).lines
        self.assertEqual(submitted[0], f"mysql/master/{c.name}:{c[2]}")
        c[2].kill()
        self.does("failover", c.name)
        self.assertFalse(self.read_only(c[3]))

    def test_a_dry_run_tells_why_the_other_master_is_promoted_whatever_its_rank(self):
        c = self.pair()
        self.does("-c", "register-candidate", "-i", c[3], "--promotion-rule", "prefer")
        c[1].kill()
        shown = self.does("failover", c.name, "--dry-run").out
        self.assertRegex(shown, rf"1\. {c[3]}  ")
        self.assertRegex(shown, rf"2\. {c[2]}  .*promoted: CoMasterRecoveryMustPromoteOtherCoMaster is on")

    def test_both_die_and_what_helps_is_told(self):
        c = self.pair()
        c[2].kill()
        c[1].kill()
        c.wait_for(lambda: not c[3].replicates(), "the replica to notice")
        helps = f"as CoMasterRecoveryMustPromoteOtherCoMaster is on: 'orch failover {c[1]} --to SERVER'"
        self.refuses("recover", c[1], saying=helps)
        self.refuses("recover", c[1], saying=helps)
        self.config["RecoverMasterClusterFilters"] = ["*"]
        found = self.orch("analyze").out
        self.assertIn(f"nothing would be done: {c[2]} does not answer; and no other server is, {helps}", found)
        self.assertNotIn("would run", found)
        self.assertRegex(self.does("recovery", "list").out, r"^id .*\n1 +failed .*\n$")
        self.does("failover", c.name, "--to", c[3])
        self.assertFalse(self.read_only(c[3]))

    def test_two_that_live_are_left_alone(self):
        c = self.pair()
        self.orch("recover", c[1])
        self.assertEqual(c[2].source(), str(c[1]))
        self.assertFalse(self.read_only(c[1]))
        self.assertTrue(self.read_only(c[2]))


if __name__ == "__main__":
    unittest.main()
