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

    def test_a_replica_that_answers_long_after_the_failover_follows_the_new_master_all_the_same(self):
        c = self.start(4)
        self.config.update(MySQLConnectTimeoutSeconds=1, MySQLDiscoveryReadTimeoutSeconds=2, InstancePollSeconds=1)
        self.discover(c)
        service = self.serve(c)
        self.addCleanup(c[4].thaw)
        c[4].freeze()
        self.write(c[1], 1)
        self.arrives(1, at=[c[2], c[3]])
        c[1].kill()
        c.wait_for(lambda: any(r["RecoveryEndTimestamp"] for r in service.json("audit-recovery")), "the recovery to end")
        self.assertEqual([k["Port"] for k in service.json("audit-recovery")[0]["LostReplicas"]], [c[4].port])
        new = self.healed(c, c[1])
        c[4].thaw()
        c.wait_for(lambda: c[4].source() == str(new), f"{c[4]} to follow {new}", 60)
        self.heals(c, new, [n for n in c.nodes[1:] if n is not new])
        self.assertTrue(self.has(c[4], 1))
        c.wait_for(lambda: not service.json(f"instance/{c[4].host}/{c[4].port}")["IsDowntimed"], "its downtime to end")
        self.assertEqual(len(service.json("audit-recovery")), 1)


if __name__ == "__main__":
    unittest.main()
