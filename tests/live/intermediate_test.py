"""An intermediate master dies: its replicas find another place, and the master is not touched."""
import unittest

from live_case import LiveCase


class Intermediate(LiveCase):
    def lost(self, tree, number, nodes):
        """A cluster whose node `number` is dead, and whose replicas have noticed."""
        c = self.start(nodes, tree)
        self.discover(c)
        orphans = [n for n in c.nodes if n.source() == str(c[number])]
        c[number].kill()
        c.wait_for(lambda: not any(n.replicates() for n in orphans), "the replicas to notice")
        return c, orphans

    def test_its_replicas_go_below_a_sibling(self):
        c, orphans = self.lost("1>2,1>3,2>4,2>5", 2, 5)
        shown = self.does("recover", c[2], "--dry-run").out
        self.assertIn(f"Plan: find another source for the replicas of {c[2]} of cluster", shown)
        self.assertNotRegex(shown, "fail over|Candidates|Would be lost")
        done = self.does("recover", c[2])
        self.assertIn(str(c[3]), done.out)
        for node in orphans:
            self.follows(node, c[3])
        self.assertFalse(self.read_only(c[1]))
        self.write(c[1], 7)
        self.arrives(7, at=[c[3], c[4], c[5]])

    def test_without_a_sibling_they_gather_and_go_below_its_own_master(self):
        c, orphans = self.lost("1>2,2>3,2>4", 2, 4)
        self.does("recover", c[2])
        self.assertEqual(sorted(n.source() for n in orphans),
                         sorted([str(c[1]), str(next(n for n in orphans if n.source() == str(c[1])))]))
        self.write(c[1], 7)
        self.arrives(7, at=orphans)

    def test_one_with_transactions_of_its_own_is_left_and_named(self):
        c, orphans = self.lost("1>2,1>3,2>4,2>5", 2, 5)
        c[5].sql("SET GLOBAL read_only=0")
        self.write(c[5], 99)
        done = self.orch("recover", c[2])
        self.assertIn(str(c[5]), done.out + done.err)
        self.follows(c[4], c[3])
        self.assertEqual(c[5].source(), str(c[2]))
        self.assertFalse(self.has(c[3], 99))

    def test_one_that_lives_is_left_alone(self):
        c = self.start(4, "1>2,1>3,2>4")
        self.discover(c)
        self.orch("recover", c[2])
        self.follows(c[4], c[2])


if __name__ == "__main__":
    unittest.main()
