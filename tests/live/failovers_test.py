"""A running service heals one failure after another, and two at once, while an application keeps a ledger."""
import threading
import unittest
from collections import Counter

from live_case import IS_MYSQL, Writer
from service_case import ServiceCase

MASTER, REPLICA = ("source", "replica") if IS_MYSQL else ("master", "slave")
AS_REPLICA = f"SET GLOBAL rpl_semi_sync_{REPLICA}_enabled=1; SET GLOBAL rpl_semi_sync_{MASTER}_enabled=0"
LOSSLESS = [f"rpl_semi_sync_{MASTER}_timeout=600000", f"rpl_semi_sync_{MASTER}_wait_point=AFTER_SYNC"]


class Failovers(ServiceCase):
    def check_ledger(self, master, acknowledged, told):
        have = Counter(map(int, master.sql("SELECT seq FROM app.seq").split()))
        self.assertEqual([n for n in acknowledged if n not in have], [], f"acknowledged and lost: {told}")
        self.assertEqual([n for n, times in have.items() if times > 1], [], "there twice")

    def all_follow(self, cluster, master):
        for node in cluster.nodes:
            if node.pid() and node is not master:
                cluster.wait_for(lambda n=node: n.source() == str(master) and n.replicates(), f"{node} to follow {master}")

    def test_ten_masters_die_in_a_row_and_are_rejoined_by_hand_in_between(self):
        c = self.start(3, semi_sync=True, settings=LOSSLESS)
        self.discover(c)
        service = self.serve(c)
        master, acknowledged = c[1], []
        for turn in range(10):
            writer = Writer(master, base=turn * 1000000)
            self.assertTrue(writer.some.wait(60), f"turn {turn}: the writer did not come to 200 writes")
            master.kill()
            acknowledged += writer.end()
            new = self.healed(c, master)
            self.all_follow(c, new)
            self.check_ledger(new, acknowledged, service.told())
            c.wait_for(lambda: all(r["RecoveryEndTimestamp"] for r in service.json("audit-recovery")), "the recovery to end")
            service.details(f"ack-recovery/cluster/{c.name}?comment=turn+{turn}")
            # A server leaves out what was written under its own number: what it wrote in its former life, too.
            master.make_anew(new, f"{AS_REPLICA}; SET GLOBAL server_id={30000 + turn}")
            service.details(f"end-downtime/{master.host}/{master.port}")
            self.does("quarantine", "release", master, "--reason", "made anew")
            self.all_follow(c, new)
            self.knows_all(service, c)
            c.wait_for(lambda: len(service.json(f"instance-replicas/{new.host}/{new.port}")) == 2, "both replicas to be seen")
            master = new
        story = [(r["IsSuccessful"], r["Acknowledged"]) for r in service.json("audit-recovery")]
        self.assertEqual(story, [(True, True)] * 10, service.told())
        self.assertEqual(self.writable(c.nodes), [master])
        self.assertEqual(Counter(map(int, master.sql("SELECT seq FROM app.seq").split())).keys() >= set(acknowledged), True)

    def both_die(self, cluster, *nodes):
        """At once, as far as two signals can be."""
        threads = [threading.Thread(target=node.kill) for node in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_a_master_and_its_most_advanced_replica_die_at_once(self):
        c = self.start(4)
        self.discover(c)
        service = self.serve(c)
        for behind in (c[3], c[4]):
            behind.sql("STOP REPLICA IO_THREAD")
        self.write(c[1], 1)
        self.arrives(1, at=[c[2]])
        for behind in (c[3], c[4]):
            behind.sql("START REPLICA IO_THREAD")
        self.arrives(1, at=[c[3], c[4]])
        c[4].sql("STOP REPLICA IO_THREAD")
        self.write(c[1], 2)
        self.arrives(2, at=[c[2], c[3]])
        c[4].sql("START REPLICA IO_THREAD")
        self.arrives(2, at=[c[4]])
        self.both_die(c, c[1], c[2])
        new = self.healed(c, c[1])
        self.assertIn(new, (c[3], c[4]))
        self.all_follow(c, new)
        self.assertTrue(self.has(new, 2))
        self.write(new, 3)
        self.arrives(3, at=[n for n in (c[3], c[4]) if n is not new])
        self.assertEqual(len(service.json("audit-recovery")), 1)

    def test_a_master_and_an_intermediate_master_die_at_once(self):
        c = self.start(5, "1>2,1>3,3>4,3>5")
        self.discover(c)
        service = self.serve(c)
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes[1:])
        self.both_die(c, c[1], c[3])
        new = self.healed(c, c[1])
        self.all_follow(c, new)
        self.assertEqual(self.writable(c.nodes), [new])
        self.write(new, 2)
        self.arrives(2, at=[n for n in (c[2], c[4], c[5]) if n is not new])
        c.wait_for(lambda: all(r["RecoveryEndTimestamp"] for r in service.json("audit-recovery")), "the recoveries to end")


if __name__ == "__main__":
    unittest.main()
