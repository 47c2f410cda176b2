"""A replica is silent while its master is replaced, and answers again soon after."""
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from live_case import Writer
from service_case import ServiceCase


class Silent(ServiceCase):
    def test_a_replica_that_hangs_until_the_new_master_serves_follows_it_with_every_row(self):
        c = self.start(4)
        self.config.update(MySQLConnectTimeoutSeconds=1, MySQLDiscoveryReadTimeoutSeconds=2)
        self.discover(c)
        writer = Writer(c[1])
        self.assertTrue(writer.some.wait(60), "the writer did not come to 200 writes")
        self.addCleanup(c[4].thaw)
        c[4].freeze()
        self.write(c[1], 900000)
        self.arrives(900000, at=[c[2], c[3]])
        c[1].kill()
        writer.end()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.does, "failover", c.name)
            c.wait_for(lambda: not all(self.read_only(n) for n in (c[2], c[3])), "a new master")
            time.sleep(1)
            c[4].thaw()
            done = running.result()
        new = self.promoted(done, c)
        self.assertEqual(c[4].source(), str(new), done)
        self.heals(c, new, [n for n in c.nodes[1:] if n is not new])
        rows = [n.sql("SELECT seq FROM app.seq ORDER BY seq").split() for n in c.nodes[1:]]
        self.assertIn("900000", rows[2])
        self.assertEqual(rows[0], rows[1])
        self.assertEqual(rows[0], rows[2])


if __name__ == "__main__":
    unittest.main()
