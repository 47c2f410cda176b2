"""Masters that live and need help: commits that wait for acknowledgements nobody gives, and a master that takes no
writes."""
import re
import threading
import unittest

from live_case import IS_MYSQL, LiveCase
from service_case import Service

SIDE, OTHER = ("source", "replica") if IS_MYSQL else ("master", "slave")


class Repair(LiveCase):
    def locks_up(self, writers):
        """A master whose commits wait for two replicas that receive and do not acknowledge -> the cluster, and where
        the writers put what was committed."""
        c = self.start(3, semi_sync=True, settings=[f"1:rpl_semi_sync_{SIDE}_timeout=600000",
                                                    f"1:rpl_semi_sync_{SIDE}_wait_point=AFTER_SYNC"])
        self.config.update(RecoverLockedSemiSyncMaster=True, ReasonableLockedSemiSyncMasterSeconds=1,
                           DetectSemiSyncEnforcedQuery="SELECT 1")
        self.discover(c)
        for node in (c[2], c[3]):
            node.sql(f"SET GLOBAL rpl_semi_sync_{OTHER}_enabled=0; STOP REPLICA IO_THREAD; START REPLICA IO_THREAD")
        c.wait_for(lambda: self.status(c[1], "clients") == "0", "the master to lose its semi-sync replicas")
        committed = []

        def commit(number):
            self.write(c[1], number)
            committed.append(number)
        for number in range(1, writers + 1):
            stuck = threading.Thread(target=commit, args=(number,))
            stuck.start()
            self.addCleanup(stuck.join)
        self.addCleanup(lambda: c[1].sql(f"SET GLOBAL rpl_semi_sync_{SIDE}_enabled=0"))
        query = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO app%'"
        c.wait_for(lambda: c[1].sql(query) == str(writers), "commits to wait")
        return c, committed

    def status(self, node, what):
        return node.sql(f"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_{SIDE}_{what}'").split()[-1]

    def acknowledging(self, c):
        return sorted(n.sql(f"SELECT @@rpl_semi_sync_{OTHER}_enabled") for n in (c[2], c[3]))

    def recovers(self, c):
        done = []

        def is_recovered():
            done.append(self.orch("recover", c[1]))
            return self.acknowledging(c) == ["0", "1"]
        c.wait_for(is_recovered, "a replica to acknowledge")
        return done[-1]

    def test_a_locked_semi_sync_master_gets_an_acknowledging_replica(self):
        c, committed = self.locks_up(1)
        done = self.recovers(c)
        self.assertEqual(done.code, 0, done)
        # Nobody else commits anything, and the replicas had received the row before they acknowledged.
        c.wait_for(lambda: committed == [1], "the commit to end")

    def test_several_commits_that_wait_are_let_go_on_or_said_to_wait_still(self):
        c, committed = self.locks_up(3)
        done = self.recovers(c)
        if not IS_MYSQL:  # it commits nothing else as long as several wait
            self.assertNotEqual(done.code, 0, done)
            self.assertRegex(done.err, f"of {c[1]} still waits? for an acknowledgement of what its replicas have received")
            self.assertIn("SET GLOBAL rpl_semi_sync_master_enabled=0", done.err)
            self.discover(c)

            def is_named():
                self.discover(c)
                return "LockedSemiSyncMaster\n" in self.orch("analyze", c.name).out
            c.wait_for(is_named, "the lock to be named")
            self.assertIn("1 of 1 acknowledge commits, 1 session waits", self.orch("analyze", c.name).out)
            self.assertNotIn("LockedSemiSyncMaster", self.does("-c", "replication-analysis").out)
            c[1].sql("SET GLOBAL rpl_semi_sync_master_enabled=0; SET GLOBAL rpl_semi_sync_master_enabled=1")
        else:
            self.assertEqual(done.code, 0, done)
        c.wait_for(lambda: sorted(committed) == [1, 2, 3], "the commits to end")
        self.discover(c)
        self.assertNotIn("LockedSemiSyncMaster", self.orch("analyze", c.name).out)

    def test_commits_that_wait_in_vain_are_named_beside_a_service_too(self):
        c, committed = self.locks_up(1)
        self.config.update(RecoverLockedSemiSyncMaster=False, InstancePollSeconds=1)
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(service.process.kill)
        c[2].sql(f"SET GLOBAL rpl_semi_sync_{OTHER}_enabled=1; STOP REPLICA IO_THREAD; START REPLICA IO_THREAD")
        c.wait_for(lambda: self.status(c[1], "clients") == "1", "a replica to acknowledge")
        c.wait_for(service.answers, "the service to serve")
        # It is told once, and 2 may not have replicated again at that moment.
        named = "LockedSemiSyncMaster: 2 of 2 replicas answer, .*1 of 1 acknowledge commits, 1 session waits"
        c.wait_for(lambda: re.search(named, service.told()), lambda: f"it to name the lock: {service.told()}", 30)
        c.wait_for(lambda: "LockedSemiSyncMaster\n" in self.orch("analyze", c.name).out, "the lock to be named", 30)
        self.assertEqual(committed, [])
        c[1].sql(f"SET GLOBAL rpl_semi_sync_{SIDE}_enabled=0; SET GLOBAL rpl_semi_sync_{SIDE}_enabled=1")
        c.wait_for(lambda: committed == [1], "the commit to end")
        c.wait_for(lambda: "LockedSemi" not in self.orch("analyze", c.name).out, "the lock to be gone")

    def test_a_master_that_takes_no_writes_is_made_writable_when_configured(self):
        c = self.start(3)
        self.config.update(RecoverNonWriteableMaster=True)
        c[1].sql("SET GLOBAL read_only=1")
        self.discover(c)
        shown = self.does("recover", c[1], "--dry-run").out
        self.assertIn(f"Plan: make writable {c[1]} of cluster", shown)
        self.assertNotIn("Candidates", shown)
        self.does("recover", c[1])
        self.assertFalse(self.read_only(c[1]))
        self.assertTrue(self.read_only(c[2]))


if __name__ == "__main__":
    unittest.main()
