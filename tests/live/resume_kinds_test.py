"""orch is killed in the middle of recoveries of other kinds than those of resume_test.py."""
import re
import threading
import unittest

from live_case import IS_MYSQL, PREFIX, numbers
from resume_test import UNTOUCHED, CutOff
from servers import Cluster
from synchronous import rejoin

SIDE, OTHER = ("source", "replica") if IS_MYSQL else ("master", "slave")


class ResumeKinds(CutOff):
    def rejoin(self, node, source):
        """A server that was dead follows the source again, whatever it wrote."""
        node.start_apart()
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
            c[2].start_apart()
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

    def detached_once(self, uid, node):
        with self.database() as db:
            (done,), = db.execute("SELECT count(*) FROM orch_recovery_journal WHERE recovery_uid = ? AND port = ? "
                                  "AND action LIKE 'replicate from //%' AND state = 'done'", (uid, node.port))
        self.assertEqual(done, 1)

    def test_a_failover_that_leaves_a_replica_behind_killed_at_any_step_is_finished(self):
        """Node 4 has transactions of its own, node 5 is moved late."""
        c = self.start(5)
        self.config["PostponeReplicaRecoveryOnLagMinutes"] = 1
        self.discover(c)
        self.stray(c[4])
        self.delay(c[5], 600)
        dead, step = c[1], 1
        words = ("-c", "force-master-failover", "--alias", c.name)
        while True:
            dead.kill()
            uid = self.cut_off(step, *words)
            if uid and step > UNTOUCHED and step % 2:
                self.does_in_part("recovery", "resume", uid)
            elif uid:
                self.does(*words)
            with self.database() as db:
                self.assertEqual(self.unfinished(db), [])
            master = self.is_whole(c, [n for n in c.nodes[:3] if n is not dead], 9000 + step)
            self.assertEqual(c[4].source(), f"//{dead}")
            self.assertTrue(self.read_only(c[4]))
            self.follows(c[5], master)
            self.assertIn(str(c[4]), self.does("-c", "which-lost-in-recovery").lines)
            if uid and step > UNTOUCHED:
                self.detached_once(uid, c[4])
            self.rejoin(dead, master)
            c[4].sql("STOP REPLICA")
            c[4].follow(master)
            self.arrives(9000 + step, at=[dead, c[4]])
            self.forget_the_past(*c.nodes)
            if not uid:
                break
            dead = master
            step += 1
        self.assertGreater(step, 10)

    @unittest.skipIf(IS_MYSQL, "MySQL changes a delay while it receives")
    def test_a_failover_that_takes_a_delay_away_killed_at_any_step_loses_nothing(self):
        c = self.start(3)
        self.discover(c)
        dead, late, other, step = c[1], c[2], c[3], 1
        while True:
            self.hold_back(dead, late, [other])
            rows, position = dead.sql("SELECT COUNT(*) FROM app.seq"), dead.sql("SELECT @@gtid_binlog_pos")
            dead.kill()
            uid = self.cut_off(step, "failover", c.name)
            self.finish(uid, step, "failover", c.name)
            self.assertEqual((late.sql("SELECT COUNT(*) FROM app.seq"), late.sql("SELECT @@gtid_slave_pos")), (rows, position))
            self.assertIs(self.is_whole(c, [late, other], 9000 + step), late)
            self.assertEqual(other.replica_status()["Using_Gtid"], "Slave_Pos")
            self.rejoin(dead, late)
            self.arrives(9000 + step, at=[dead])
            self.forget_the_past(*c.nodes)
            if not uid:
                break
            dead, late = late, dead
            step += 1
        self.assertGreater(step, 10)

    def test_a_failover_that_is_not_applied_killed_at_any_step_is_finished(self):
        self.config.update(ApplyMySQLPromotionAfterMasterFailover=False, MasterFailoverDetachReplicaMasterHost=True)
        c = self.start(3)
        self.discover(c)
        dead, step = c[1], 1
        while True:
            dead.kill()
            uid = self.cut_off(step, "failover", c.name)
            self.finish(uid, step, "failover", c.name)
            alive = [n for n in c.nodes if n is not dead]
            heads = [n for n in alive if n.source() == f"//{dead}"]
            self.assertEqual(len(heads), 1, [n.source() for n in alive])
            new = heads[0]
            self.assertTrue(all(self.read_only(n) for n in alive))
            self.follows(next(n for n in alive if n is not new), new)
            # What a hook would do.
            new.sql("RESET REPLICA ALL; SET GLOBAL read_only = 0")
            self.is_whole(c, alive, 9500 + step)
            self.rejoin(dead, new)
            self.forget_the_past(*c.nodes)
            if not uid:
                break
            dead = new
            step += 1
        self.assertGreater(step, 5)

    def test_a_read_only_masters_recovery_killed_at_any_step_is_finished(self):
        self.config["RecoverNonWriteableMaster"] = True
        c = self.start(2)
        self.discover(c)
        step = 1
        while True:
            c[1].sql("SET GLOBAL read_only = 1")
            uid = self.cut_off(step, "recover", c[1])
            self.finish(uid, step, "recover", c[1])
            self.assertEqual(self.is_whole(c, c.nodes, 8500 + step), c[1])
            self.forget_the_past(*c.nodes)
            if not uid:
                break
            step += 1
        self.assertGreater(step, UNTOUCHED)

    def locked(self, c, seq):
        """The master waits for an acknowledgement that nobody gives -> who waits there."""
        for node in (c[2], c[3]):
            node.sql(f"SET GLOBAL rpl_semi_sync_{OTHER}_enabled=0; STOP REPLICA IO_THREAD; START REPLICA IO_THREAD")
        c[1].sql(f"SET GLOBAL rpl_semi_sync_{SIDE}_enabled=0; SET GLOBAL rpl_semi_sync_{SIDE}_enabled=1")

        def said(what):
            return c[1].sql(f"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_{SIDE}_{what}'").split()[-1]
        c.wait_for(lambda: said("clients") == "0", "the master to lose its semi-sync replicas")
        stuck = threading.Thread(target=self.write, args=(c[1], seq))
        stuck.start()
        self.addCleanup(stuck.join)
        c.wait_for(lambda: said("wait_sessions") == "1", "a commit to wait")

        def is_seen():
            self.does("discover", c[1])
            return re.search(r"LockedSemiSyncMaster\b", self.does("-c", "replication-analysis").out)
        c.wait_for(is_seen, "the failure to be seen")
        return stuck

    def test_a_locked_masters_recovery_killed_at_any_step_is_finished(self):
        self.config.update(RecoverLockedSemiSyncMaster=True, ReasonableLockedSemiSyncMasterSeconds=1,
                           DetectSemiSyncEnforcedQuery="SELECT 1")
        c = self.start(3, semi_sync=True, settings=[f"1:rpl_semi_sync_{SIDE}_timeout=600000"])
        self.discover(c)
        step = 1
        try:
            while True:
                stuck = self.locked(c, 8000 + 2 * step)
                uid = self.cut_off(step, "recover", c[1])
                self.finish(uid, step, "recover", c[1])
                enabled = [n.sql(f"SELECT @@rpl_semi_sync_{OTHER}_enabled") for n in (c[2], c[3])]
                self.assertEqual(sorted(enabled), ["0", "1"])
                # An acknowledgement is for all that came before it; the stuck row may have been received long ago.
                self.write(c[1], 8001 + 2 * step)
                c.wait_for(lambda s=stuck: not s.is_alive(), "the commit to end")
                self.arrives(8001 + 2 * step, at=[c[2], c[3]])
                self.assertFalse(self.read_only(c[1]))
                self.forget_the_past(*c.nodes)
                if not uid:
                    break
                step += 1
        finally:
            c[1].sql(f"SET GLOBAL rpl_semi_sync_{SIDE}_enabled=0")
        self.assertGreater(step, 3)

    @unittest.skipUnless(IS_MYSQL, "for group replication")
    def test_a_dead_group_members_recovery_killed_at_any_step_is_finished(self):
        group = Cluster.up(f"{PREFIX}{next(numbers)}", "group", 3)
        self.addCleanup(group.down)
        replica = self.start(1)[1]
        replica.sql("SET GLOBAL super_read_only=0; SET GLOBAL read_only=1; RESET BINARY LOGS AND GTIDS; "
                    f"SET GLOBAL gtid_purged='{group[1].sql('SELECT @@global.gtid_executed')}'")
        replica.follow(group[2])
        group.wait_for(replica.replicates, "the replica")
        self.discover(group)
        step = 1
        while True:
            source = next(n for n in group.nodes if str(n) == replica.source())
            source.kill()
            group.wait_for(lambda: not replica.replicates(), "the replica to notice")
            uid = self.cut_off(step, "recover", source)
            self.finish(uid, step, "recover", source)
            self.assertIn(replica.source(), [str(n) for n in group.nodes if n is not source])
            group.wait_for(replica.replicates, "the replica to follow another member")
            self.assertTrue(self.read_only(replica))
            self.assertTrue(rejoin(source))
            primary = next(n for n in group.nodes if not self.read_only(n))
            self.write(primary, 7500 + step)
            self.arrives(7500 + step, at=[replica, source])
            self.forget_the_past(*group.nodes, replica)
            if not uid:
                break
            step += 1
        self.assertGreater(step, 3)


if __name__ == "__main__":
    unittest.main()
