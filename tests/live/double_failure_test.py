"""Two servers die at once while a service watches."""
import threading
import unittest

from service_case import ServiceCase
from software import Problem


class DoubleFailures(ServiceCase):
    def all_follow(self, cluster, master, service):
        """Each that lives, below the master or below another that does."""
        def do():
            living = {str(n): n for n in cluster.nodes if n.pid() and n is not master}
            return all(n.replicates() and n.source() in (str(master), *living) for n in living.values())
        try:
            cluster.wait_for(do, f"all to follow {master}")
        except Problem as problem:
            self.fail(f"{problem}: {service.told()}")

    def both_die(self, cluster, *nodes):
        """At once, as far as two signals can be."""
        threads = [threading.Thread(target=node.kill) for node in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_a_master_and_the_replica_that_was_to_take_its_place_die_at_once(self):
        c = self.start(4)
        self.discover(c)
        service = self.serve(c)
        self.does("register-candidate", c[2], "--promotion-rule", "prefer")
        self.write(c[1], 2)
        self.arrives(2, at=c.nodes[1:])
        self.both_die(c, c[1], c[2])
        new = self.healed(c, c[1])
        self.assertIn(new, (c[3], c[4]))
        self.all_follow(c, new, service)
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
        self.all_follow(c, new, service)
        self.assertEqual(self.writable(c.nodes), [new])
        self.write(new, 2)
        self.arrives(2, at=[n for n in (c[2], c[4], c[5]) if n is not new])
        c.wait_for(lambda: all(r["RecoveryEndTimestamp"] for r in service.json("audit-recovery")), "the recoveries to end")

    def test_a_new_master_that_dies_is_replaced_when_it_has_held_for_a_while(self):
        # REC-4
        self.config["RecoveryPeriodBlockSeconds"] = 3600
        c = self.start(3)
        self.discover(c)
        service = self.serve(c)
        c[1].kill()
        first = self.healed(c, c[1])
        last = c[5 - first.number]
        self.all_follow(c, first, service)
        c.wait_for(lambda: service.json("audit-recovery")[0]["RecoveryEndTimestamp"], "the recovery to end")
        first.kill()
        c.wait_for(lambda: "less than 30 s ago" in service.told(), "the service to say why it waits")
        self.assertIn("less than 30 s ago", self.orch("analyze").out)
        c.wait_for(lambda: not self.read_only(last), "it to be replaced")


if __name__ == "__main__":
    unittest.main()
