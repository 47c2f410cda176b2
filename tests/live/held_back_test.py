"""A master dies, and what a replica has received of it waits at its applier."""
import json
import unittest

from live_case import IS_MYSQL, LiveCase


class HeldBack(LiveCase):
    @unittest.skipIf(IS_MYSQL, "MySQL changes a delay while it receives")
    def test_a_delayed_replica_that_alone_has_all_is_promoted_with_it(self):
        c = self.start(4, "1>2,1>3,2>4")
        self.discover(c)
        self.hold_back(c[1], c[2], [c[3]])
        position = c[1].sql("SELECT @@gtid_binlog_pos")
        c[1].kill()
        shown = self.does("failover", c.name, "--dry-run")
        self.assertNotIn("passed over", shown.out)
        status = c[2].replica_status()
        self.assertEqual((status["SQL_Delay"], status["Using_Gtid"]), ("3600", "Slave_Pos"))
        done = self.does("failover", c.name)
        self.assertIs(self.promoted(done, c), c[2])
        self.assertRegex(done.out, r"lost +nothing; what .* wrote after its last record is unknown\n")
        self.assertEqual(c[2].sql("SELECT @@gtid_slave_pos"), position)
        self.assertEqual(c[2].sql("SELECT GROUP_CONCAT(seq ORDER BY id) FROM app.seq"), ",".join(map(str, range(1, 21))))
        self.heals(c, c[2], [c[3], c[4]])
        for replica in (c[3], c[4]):
            self.follows(replica, c[2])
            self.assertEqual(replica.sql("SELECT COUNT(DISTINCT seq), COUNT(*) FROM app.seq"), "21\t21")
            self.assertEqual(replica.replica_status()["Using_Gtid"], "Slave_Pos")

    @unittest.skipIf(IS_MYSQL, "MySQL changes a delay while it receives")
    def test_a_dry_run_says_why_a_delayed_replica_is_passed_over(self):
        c = self.start(3)
        self.discover(c)
        c[1].sql("SET SESSION gtid_domain_id = 5; CREATE DATABASE another")
        c.wait_for(lambda: all("5-" in n.sql("SELECT @@gtid_slave_pos") for n in c.nodes[1:]), "the second domain to arrive")
        self.hold_back(c[1], c[2], [c[3]])
        c[1].kill()
        shown = self.does("failover", c.name, "--dry-run")
        self.assertRegex(shown.out, rf"1\. {c[2]}  has received the most; passed over: .*it is delayed by 3600s")
        first = json.loads(self.does("failover", c.name, "--dry-run", "--json").out)["Candidates"][0]
        self.assertEqual((first["Key"]["Port"], first["Fit"]), (c[2].port, True))
        self.assertIn("; passed over: ", first["Because"])


if __name__ == "__main__":
    unittest.main()
