"""A running service heals one failure after another, while an application keeps a ledger."""
import unittest
from collections import Counter

from live_case import IS_MYSQL, Writer
from service_case import ServiceCase
from software import Problem

MASTER, REPLICA = ("source", "replica") if IS_MYSQL else ("master", "slave")
AS_REPLICA = f"SET GLOBAL rpl_semi_sync_{REPLICA}_enabled=1; SET GLOBAL rpl_semi_sync_{MASTER}_enabled=0"
LOSSLESS = [f"rpl_semi_sync_{MASTER}_timeout=600000", f"rpl_semi_sync_{MASTER}_wait_point=AFTER_SYNC"]


class Failovers(ServiceCase):
    def check_ledger(self, master, acknowledged, told):
        have = Counter(map(int, master.sql("SELECT seq FROM app.seq").split()))
        self.assertEqual([n for n in acknowledged if n not in have], [], f"acknowledged and lost: {told}")
        self.assertEqual([n for n, times in have.items() if times > 1], [], "there twice")

    def all_follow(self, cluster, master, service):
        for node in cluster.nodes:
            if node.pid() and node is not master:
                try:
                    cluster.wait_for(lambda n=node: n.source() == str(master) and n.replicates(), f"{node} to follow {master}")
                except Problem as problem:
                    self.fail(f"{problem}: {node.replica_status()}\n{service.told()}")

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
            self.all_follow(c, new, service)
            self.check_ledger(new, acknowledged, service.told())
            c.wait_for(lambda: all(r["RecoveryEndTimestamp"] for r in service.json("audit-recovery")), "the recovery to end")
            service.details(f"ack-recovery/cluster/{c.name}?comment=turn+{turn}")
            # A server leaves out what was written under its own number: what it wrote in its former life, too.
            master.make_anew(new, f"{AS_REPLICA}; SET GLOBAL server_id={30000 + turn}")
            service.details(f"end-downtime/{master.host}/{master.port}")
            self.does("quarantine", "release", master, "--reason", "made anew")
            self.all_follow(c, new, service)
            self.knows_all(service, c)
            c.wait_for(lambda: len(service.json(f"instance-replicas/{new.host}/{new.port}")) == 2, "both replicas to be seen")
            master = new
        story = [(r["IsSuccessful"], r["Acknowledged"]) for r in service.json("audit-recovery")]
        self.assertEqual(story, [(True, True)] * 10, service.told())
        self.assertEqual(self.writable(c.nodes), [master])
        self.check_ledger(master, acknowledged, service.told())

    def test_who_was_left_behind_takes_no_writes_and_follows_nobody_whoever_comes_back(self):
        self.config.update(RecoverNonWriteableMaster=True, InstancePollSeconds=1)
        c = self.start(4)
        self.discover(c)
        self.stray(c[4])
        service = self.serve(c)
        c[1].kill()
        new = self.healed(c, c[1])
        c.wait_for(lambda: c[4].source() == f"//{c[1]}", lambda: f"{c[4]} to be detached: {service.told()}")
        c.wait_for(lambda: all(r["RecoveryEndTimestamp"] for r in service.json("audit-recovery")), "the recovery to end")
        c[1].start()
        self.knows_all(service, c)

        def is_seen():
            seen = service.json(f"instance/{c[4].host}/{c[4].port}")
            return seen["IsDetachedMaster"] and seen["IsDowntimed"]
        c.wait_for(is_seen, "the service to see that it is detached")
        self.assertEqual(service.json(f"master/{c.name}")["Key"]["Port"], new.port)
        self.assertEqual(self.writable(c.nodes), [new], service.told())
        self.assertEqual(c[4].source(), f"//{c[1]}")
        self.assertEqual([r["LostReplicas"][0]["Port"] for r in service.json("audit-recovery")], [c[4].port])


if __name__ == "__main__":
    unittest.main()
