"""Takeovers of clusters without GTID: all go on at the place where the new master stood."""
import unittest

from live_case import IS_MYSQL, LiveCase, Writer


class ClassicTakeover(LiveCase):
    def switched(self, cluster, new, number):
        """Everybody follows the new master by coordinates and has what it has, once."""
        others = [n for n in cluster.nodes if n is not new]
        self.assertFalse(self.read_only(new))
        for node in others:
            self.assertTrue(self.read_only(node), f"{node} is writable")
            self.follows(node, new)
            status = node.replica_status()
            self.assertEqual(status.get("Auto_Position", "0"), "0")
            self.assertEqual(status.get("Using_Gtid", "No"), "No")
        self.write(new, number)
        self.arrives(number, at=others)
        rows = [node.sql("SELECT GROUP_CONCAT(seq ORDER BY seq) FROM app.seq") for node in cluster.nodes]
        self.assertEqual(len(set(rows)), 1, rows)

    def test_there_and_back_again_while_the_application_writes(self):
        c = self.start(3, gtid=False)
        self.discover(c)
        old = c[1]
        for turn in range(1, 5):
            new = c[2] if old is c[1] else c[1]
            writer = Writer(old, base=turn * 100000)
            self.assertTrue(writer.some.wait(60))
            self.does("takeover", c.name, "--to", new)
            writer.thread.join(10)  # the old master refuses it now
            acknowledged = writer.end()
            self.switched(c, new, turn * 1000000)
            have = new.sql(f"SELECT seq FROM app.seq WHERE seq > {turn * 100000} AND seq < {turn * 100000 + 100000}"
                           " ORDER BY seq")
            self.assertEqual(list(map(int, have.split())), acknowledged)
            old = new

    def test_a_master_that_was_restarted_is_replaced_and_nobody_need_be_named(self):
        c = self.start(3, gtid=False)
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes)
        c[1].end()
        c[1].start()
        c[1].sql("SET GLOBAL read_only=0")
        c.wait_for(lambda: c[2].replicates() and c[3].replicates(), "the replicas to be connected again")
        self.discover(c)
        shown = self.does("explain", "takeover", c.name)
        self.assertIn("make writable", shown.out)
        self.does("takeover", c.name)
        self.switched(c, next(n for n in c.nodes if not self.read_only(n)), 2)

    def test_a_sibling_that_is_behind_comes_to_the_place_first(self):
        c = self.start(3, gtid=False)
        self.discover(c)
        with c[3].session("LOCK TABLES app.seq READ; SELECT 'locked'; DO SLEEP(3); UNLOCK TABLES;"):
            self.write(c[1], 1)
            self.arrives(1, at=[c[2]])
            self.does("takeover", c.name, "--to", c[2])
        self.switched(c, c[2], 2)

    def test_one_whose_applier_stands_still_refuses_before_writes_are_stopped(self):
        c = self.start(2, gtid=False)
        self.discover(c)
        c[2].sql("STOP REPLICA SQL_THREAD" if IS_MYSQL else "STOP SLAVE SQL_THREAD")
        self.write(c[1], 1)
        self.refuses("takeover", c.name, saying="not replicating")
        self.assertFalse(self.read_only(c[1]))
        self.assertTrue(self.read_only(c[2]))


if __name__ == "__main__":
    unittest.main()
