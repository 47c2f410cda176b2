"""A master dies, and what a replica has received of it waits at its applier."""
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


if __name__ == "__main__":
    unittest.main()
