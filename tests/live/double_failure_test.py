"""Two servers die at once while a service watches."""
import subprocess
import threading
import unittest

from live_case import IS_MYSQL, ORCH
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

    def takeover_cut_off(self):
        """orch is killed when the new master takes writes -> cluster, service; how that master goes is up to the test."""
        self.config.update(InstancePollSeconds=1, RecoverNonWriteableMaster=True, RecoveryPeriodBlockSeconds=1,
                           MySQLConnectTimeoutSeconds=1, MySQLDiscoveryReadTimeoutSeconds=2)
        c = self.start(4)
        self.discover(c)
        service = self.serve(c)
        words = ["takeover", c.name, "--to", str(c[2]), "--direct"]
        with subprocess.Popen([ORCH, "--config", self.write_config(), *words], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as takeover:
            while takeover.poll() is None and (self.read_only(c[2]) or c[2].source()):
                pass
            takeover.kill()
        self.assertEqual(takeover.returncode, -9, "it ended before it could be killed")
        return c, service

    def test_a_takeover_is_finished_when_its_silent_new_master_answers_again(self):
        """Nobody else may take writes meanwhile."""
        c, service = self.takeover_cut_off()
        c[2].freeze()
        self.addCleanup(c[2].thaw)
        c.wait_for(lambda: "has not ended: " in service.told(), "the service to wait")
        self.assertTrue(self.read_only(c[1]))
        self.assertIn("has not ended", self.orch("recovery", "list").err)
        c[2].thaw()
        self.all_follow(c, c[2], service)
        self.assertTrue(self.read_only(c[1]))
        self.assertFalse(self.read_only(c[2]))
        self.write(c[2], 7)
        self.arrives(7, at=[c[1], c[3], c[4]])

    def test_a_new_master_that_stays_away_is_replaced_and_kept_from_writes_when_it_returns(self):
        c, service = self.takeover_cut_off()
        c[2].kill()
        # It had been told to follow the dead one already: then it is the nearest to that, and takes its place.
        others = [c[3], c[4]] if c[1].source() == "" else [c[1], c[3], c[4]]
        c.wait_for(lambda: any(not self.read_only(n) for n in others), lambda: f"a third to take writes: {service.told()}")
        new = next(n for n in others if not self.read_only(n))
        c[2].start()
        c[2].sql("SET GLOBAL read_only = 0")
        c.wait_for(lambda: self.read_only(c[2]), "the one that returns to be made read-only")
        self.assertEqual([n for n in (c[1], c[3], c[4]) if not self.read_only(n)], [new])
        self.write(new, 8)
        self.arrives(8, at=[n for n in (c[3], c[4]) if n is not new])

    def promoted_while_others_take_their_time(self):
        """-> cluster, service, and the sessions whose locks keep two replicas from applying what they hold."""
        self.config["InstancePollSeconds"] = 1
        c = self.start(4)
        self.discover(c)
        service = self.serve(c)
        self.does("register-candidate", c[2], "--promotion-rule", "prefer")
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes[1:])
        holders = [node.session("LOCK TABLES app.seq READ; SELECT 1;") for node in (c[3], c[4])]
        for holder in holders:
            self.addCleanup(holder.communicate)
            self.addCleanup(holder.kill)
        self.write(c[1], 2)
        self.arrives(2, at=[c[2]])
        c[1].kill()
        c.wait_for(lambda: not self.read_only(c[2]), "the successor to take writes")
        return c, service, holders

    def test_a_master_that_comes_back_while_replicas_move_takes_no_writes(self):
        c, service, _ = self.promoted_while_others_take_their_time()
        c[1].launch("--read-only=0", *(["--super-read-only=0"] if IS_MYSQL else []))
        c[1].wait()
        c.wait_for(lambda: self.read_only(c[1]), lambda: f"the old master to be made read-only: {service.told()}")
        # By whoever reads it next: the recovery itself comes to it when all replicas are done.
        c.wait_for(lambda: f"{c[1]} took writes although {c[2]} is the master" in service.told(), "quarantine to be told of")
        self.assertEqual(self.writable(c.nodes), [c[2]])

    def test_a_new_master_that_dies_while_replicas_move_is_replaced(self):
        c, service, holders = self.promoted_while_others_take_their_time()
        c.wait_for(lambda: str(c[1]) in self.does("quarantine", "list").out, "the successor to be on record")
        c[2].kill()
        for holder in holders:
            holder.kill()
        c.wait_for(lambda: self.writable(c.nodes), lambda: f"another to take writes: {service.told()}")
        [new] = self.writable(c.nodes)
        self.all_follow(c, new, service)

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
