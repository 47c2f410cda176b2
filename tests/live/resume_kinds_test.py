"""orch is killed in the middle of recoveries of other kinds than those of resume_test.py."""
import unittest

from live_case import IS_MYSQL
from resume_test import UNTOUCHED, CutOff


class ResumeKinds(CutOff):
    def rejoin(self, node, source):
        """A server that was dead follows the source again, whatever it wrote."""
        node.start()
        node.sql("STOP REPLICA")
        if not IS_MYSQL:
            node.sql("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos")
        node.follow(source)

    def finish(self, uid, step, *words):
        """Another orch does it, by the journal or by the same command, in turn."""
        if uid and step > UNTOUCHED and step % 2:
            self.does("recovery", "resume", uid)
        elif uid:
            self.does(*words)
        with self.database() as db:
            self.assertEqual(self.unfinished(db), [])
        if uid and step > UNTOUCHED:
            self.refuses("recovery", "resume", uid, saying="has ended")

    def forget_the_past(self, *nodes):
        for node in nodes:
            self.does("discover", node)
        self.does("-c", "ack-all-recoveries", "--reason", "seen")

    def test_a_takeover_without_gtid_killed_at_any_step_is_finished(self):
        self.take_over_at_every_step(self.start(3, gtid=False))

    def test_a_dead_intermediate_masters_recovery_killed_at_any_step_is_finished(self):
        c = self.start(5, "1>2,1>3,2>4,2>5")
        self.discover(c)
        step = 1
        while True:
            c[2].kill()
            c.wait_for(lambda: not c[4].replicates() and not c[5].replicates(), "the replicas to notice")
            uid = self.cut_off(step, "recover", c[2])
            self.finish(uid, step, "recover", c[2])
            self.assertFalse(self.read_only(c[1]))
            for node in (c[4], c[5]):
                self.follows(node, c[3])
                self.assertTrue(self.read_only(node))
            self.write(c[1], 7000 + step)
            self.arrives(7000 + step, at=[c[3], c[4], c[5]])
            c[2].start()
            for node, source in ((c[2], c[1]), (c[4], c[2]), (c[5], c[2])):
                node.sql("STOP REPLICA")
                node.follow(source)
            self.arrives(7000 + step, at=[c[2]])
            self.forget_the_past(*c.nodes)
            if not uid:
                break
            step += 1
        self.assertGreater(step, 5)

    def test_a_dead_co_masters_recovery_killed_at_any_step_is_finished(self):
        c = self.start(3, "1<>2,1>3")
        self.discover(c)
        dead, other = c[1], c[2]
        step = 1
        while True:
            dead.kill()
            c.wait_for(lambda d=other: not d.replicates() and not c[3].replicates(), "the replicas to notice")
            uid = self.cut_off(step, "recover", dead)
            self.finish(uid, step, "recover", dead)
            self.assertEqual(self.is_whole(c, [other, c[3]], 8000 + step), other)
            self.follows(c[3], other)
            self.rejoin(dead, other)
            self.arrives(8000 + step, at=[dead])
            other.follow(dead)
            self.forget_the_past(*c.nodes)
            self.assertEqual(self.does("quarantine", "list", "--json").out.strip(), "[]")
            dead, other = other, dead
            if not uid:
                break
            step += 1
        self.assertGreater(step, 5)


if __name__ == "__main__":
    unittest.main()
