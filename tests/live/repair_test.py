"""Masters that live and need help: commits that wait for acknowledgements nobody gives, and a master that takes no
writes."""
import threading
import unittest

from live_case import IS_MYSQL, LiveCase

SIDE, OTHER = ("source", "replica") if IS_MYSQL else ("master", "slave")


class Repair(LiveCase):
    def test_a_locked_semi_sync_master_gets_an_acknowledging_replica(self):
        c = self.start(3, semi_sync=True, settings=[f"1:rpl_semi_sync_{SIDE}_timeout=600000"])
        self.config.update(RecoverLockedSemiSyncMaster=True, ReasonableLockedSemiSyncMasterSeconds=1,
                           DetectSemiSyncEnforcedQuery="SELECT 1")
        for node in (c[2], c[3]):
            node.sql(f"SET GLOBAL rpl_semi_sync_{OTHER}_enabled=0; STOP REPLICA IO_THREAD; START REPLICA IO_THREAD")
        clients = f"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_{SIDE}_clients'"
        c.wait_for(lambda: c[1].sql(clients).split()[-1] == "0", "the master to lose its semi-sync replicas")
        stuck = threading.Thread(target=self.write, args=(c[1], 1))
        stuck.start()
        self.addCleanup(stuck.join)
        try:
            waiting = f"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_{SIDE}_wait_sessions'"
            c.wait_for(lambda: c[1].sql(waiting).split()[-1] == "1", "a commit to wait")
            self.discover(c)

            def is_recovered():
                self.orch("recover", c[1])
                return "1" in [n.sql(f"SELECT @@rpl_semi_sync_{OTHER}_enabled") for n in (c[2], c[3])]
            c.wait_for(is_recovered, "a replica to acknowledge")
            # An acknowledgement is for all that came before it; the stuck row was received long ago.
            next_write = threading.Thread(target=self.write, args=(c[1], 2))
            next_write.start()
            self.addCleanup(next_write.join)
            c.wait_for(lambda: not stuck.is_alive(), "the commit to end")
        finally:
            c[1].sql(f"SET GLOBAL rpl_semi_sync_{SIDE}_enabled=0")
        enabled = [n.sql(f"SELECT @@rpl_semi_sync_{OTHER}_enabled") for n in (c[2], c[3])]
        self.assertEqual(sorted(enabled), ["0", "1"])

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
