"""Masters die and hand over while an application keeps a ledger of what it was told is committed: under lossless
semi-sync no such row may be missing, and no row be there twice, whatever happens."""
import signal
import subprocess
import threading
import unittest

from live_case import IS_MYSQL, ORCH, LiveCase, Writer, starts_writable

ROLE = "source" if IS_MYSQL else "master"
LOSSLESS = [f"{n}:rpl_semi_sync_{ROLE}_timeout=600000" for n in (1, 2, 3)] + \
           [f"{n}:rpl_semi_sync_{ROLE}_wait_point=AFTER_SYNC" for n in (1, 2, 3)]


class Pool:
    """Writers that come back whenever their session ends."""

    def __init__(self, node, size, user="app"):
        self.acknowledged, self.stopping = [], threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(node, number * 10000000, user))
                        for number in range(1, size + 1)]
        for thread in self.threads:
            thread.start()

    def work(self, node, base, user):
        while not self.stopping.is_set():
            writer = Writer(node, base, user=user)
            while writer.thread.is_alive() and not self.stopping.is_set():
                writer.thread.join(0.05)
            self.acknowledged += writer.end()
            base += 100000

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        return self.acknowledged


class Ledger(LiveCase):
    def rows(self, node):
        return list(map(int, node.sql("SELECT seq FROM app.seq ORDER BY seq").split()))

    def check(self, cluster, acknowledged):
        """Exactly one server takes writes, all that live follow it, and it has every row of the ledger once."""
        living = [n for n in cluster.nodes if n.pid() is not None and n.state() == "up"]
        writable = [n for n in living if not self.read_only(n)]
        self.assertEqual(len(writable), 1, f"writable: {[str(n) for n in writable]}")
        new = writable[0]
        have = self.rows(new)
        self.assertEqual([n for n in acknowledged if n not in set(have)], [], "acknowledged and lost")
        self.assertEqual(len(have), len(set(have)), "there twice")
        followers = [n for n in living if n is not new and n.source() == str(new)]
        self.write(new, 5000000)
        self.arrives(5000000, at=followers)
        return new, followers

    def dies(self, how):
        c = self.start(3, semi_sync=True, settings=LOSSLESS + starts_writable(1))
        self.config.update(MySQLConnectTimeoutSeconds=2, MySQLDiscoveryReadTimeoutSeconds=3)
        self.discover(c)
        writer = Writer(c[1])
        self.assertTrue(writer.some.wait(60), "the writer did not come to 200 writes")
        how(c[1])
        self.does("failover", c.name)
        acknowledged = writer.end()
        self.assertGreaterEqual(len(acknowledged), 200)
        new, followers = self.check(c, acknowledged)
        self.assertIsNot(new, c[1])
        self.assertEqual(len(followers), 1)
        return c, new, acknowledged

    def test_a_killed_master_loses_nothing(self):
        c, new, _ = self.dies(lambda node: node.kill())
        c[1].start()
        self.assertFalse(self.read_only(c[1]))
        self.does("discover", c[1])
        self.assertTrue(self.read_only(c[1]))
        self.assertFalse(self.read_only(new))

    def test_a_frozen_master_loses_nothing_and_takes_no_writes_when_it_wakes(self):
        c, new, acknowledged = self.dies(lambda node: node.freeze())
        c[1].thaw()
        self.orch("discover", new)
        self.orch("discover", c[1])
        c.wait_for(lambda: self.read_only(c[1]), "the old master to be read-only")
        have = set(self.rows(new))
        self.assertEqual([n for n in acknowledged if n not in have], [])

    def wakes_among_writers(self, user, size):
        """Nobody acknowledges what the woken master commits: its clients may be told of nothing, whatever is done to it."""
        c = self.start(3, semi_sync=True, settings=LOSSLESS + starts_writable(1))
        self.config.update(MySQLConnectTimeoutSeconds=2, MySQLDiscoveryReadTimeoutSeconds=3)
        self.discover(c)
        pool = Pool(c[1], size, user)
        try:
            self.arrives(10000200, at=c.nodes)
            c[1].freeze()
            new = self.promoted(self.does("failover", c.name), c)
            c[1].thaw()
            looks = [self.orch("discover", c[1]) for _ in range(3)]
        finally:
            c[1].thaw()
            acknowledged = pool.end()
        have = set(self.rows(new))
        self.assertEqual([n for n in acknowledged if n not in have], [], "acknowledged and lost")
        return c, looks

    def test_clients_that_come_back_to_a_woken_master_are_told_of_nothing_that_is_lost(self):
        c, _ = self.wakes_among_writers("app", 12)
        self.assertTrue(self.read_only(c[1]))

    @unittest.skipUnless(IS_MYSQL, "on MariaDB every session can be ended")
    def test_a_commit_whose_session_may_not_be_ended_is_not_let_through(self):
        c, looks = self.wakes_among_writers("root", 2)
        self.assertIn("waits in its commit for an acknowledgement and may not be ended", looks[0].out + looks[0].err)
        self.assertEqual(c[1].sql("SELECT @@rpl_semi_sync_source_enabled"), "1")

    @unittest.skipUnless(IS_MYSQL, "on MariaDB the commit ends with its session, and the lock, too")
    def test_a_fence_that_is_cut_off_when_it_has_switched_semi_sync_off_leaves_it_on(self):
        c = self.start(3, semi_sync=True, settings=LOSSLESS + starts_writable(1))
        self.config.update(MySQLConnectTimeoutSeconds=2, MySQLDiscoveryReadTimeoutSeconds=3)
        c[1].sql("CREATE TABLE app.side (n INT)")
        self.discover(c)
        holder = c[1].session("LOCK TABLES app.side WRITE; SELECT 1;")  # of root, whom orch's account may not end
        self.addCleanup(holder.communicate)
        c[1].freeze()
        self.does("failover", c.name)
        c[1].thaw()
        writer = Writer(c[1])
        c.wait_for(lambda: c[1].sql("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_wait_sessions'").endswith("\t1"),
                   "a commit to wait for a replica")
        process = subprocess.Popen([ORCH, "--config", self.write_config(), "discover", str(c[1])],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder)
        enabled = "SELECT @@rpl_semi_sync_source_enabled"
        c.wait_for(lambda: c[1].sql(enabled) == "0", "semi-sync to be switched off")
        c[1].sql("KILL " + c[1].sql("SELECT id FROM information_schema.processlist WHERE info LIKE 'SET GLOBAL read_only%'"))
        said = process.communicate(timeout=60)[0]
        self.assertEqual(writer.end(), [])
        self.assertIn("could not be made read-only", said)
        self.assertEqual(c[1].sql(enabled), "1")

    def test_a_master_that_is_shut_down_loses_nothing(self):
        def shut_down(node):
            node.signal(signal.SIGTERM)
            node.cluster.wait_for(lambda: node.pid() is None, f"{node} to shut down")
        self.dies(shut_down)

    def test_what_a_silent_replica_alone_has_acknowledged_is_not_called_nothing(self):
        c = self.start(3, semi_sync=True, settings=LOSSLESS + starts_writable(1))
        self.config.update(MySQLConnectTimeoutSeconds=2, MySQLDiscoveryReadTimeoutSeconds=3, DataLossPolicy="refuse")
        self.discover(c)
        c[3].sql("STOP REPLICA IO_THREAD")
        writer = Writer(c[1])
        self.assertTrue(writer.some.wait(60), "the writer did not come to 200 writes")
        c[2].freeze()
        c[1].kill()
        writer.end()
        c[3].sql("START REPLICA IO_THREAD")
        alone = f"{c[2]} acknowledges commits and is silent: what it alone has received is unknown"
        self.refuses("failover", c.name, saying=alone)
        self.assertTrue(self.read_only(c[3]))
        self.config["DataLossPolicy"] = "allow"
        done = self.does("failover", c.name)
        self.assertIs(self.promoted(done, c), c[3])
        self.assertIn(alone, done.out)
        self.assertIn(alone, self.does("recovery", "show", "2").out)

    def test_one_that_acknowledges_and_could_never_be_read_may_have_it_all(self):
        c = self.start(3, semi_sync=True, settings=LOSSLESS)
        off, on = ("SET GLOBAL super_read_only = 0;", ";SET GLOBAL super_read_only = 1") if IS_MYSQL else ("", "")
        c[3].sql(f"{off}SET sql_log_bin = 0; ALTER USER orchestrator@'%' ACCOUNT LOCK{on}")
        self.assertIn("1 unreachable", self.orch("discover", c[1]).out)
        c[2].sql("STOP REPLICA IO_THREAD")
        for number in range(1, 6):
            self.write(c[1], number)
        c[1].kill()
        self.config["DataLossPolicy"] = "refuse"
        self.refuses("failover", c.name, saying=f"unknown: {c[3]} acknowledges commits and is silent")
        self.assertTrue(self.read_only(c[2]))
        self.assertEqual(len(self.rows(c[3])), 5)

    def test_ten_takeovers_under_load_lose_and_double_nothing(self):
        c = self.start(3, semi_sync=True, settings=LOSSLESS)
        self.discover(c)
        base, acknowledged = 0, []
        master = c[1]
        for turn in range(10):
            writer = Writer(master, base)
            self.assertTrue(writer.some.wait(60), f"turn {turn}: the writer did not come to 200 writes")
            new = c[(master.number % 3) + 1]
            self.does("takeover", c.name, "--to", new)
            writer.thread.join(10)  # the old master refuses it now
            ledger = writer.end()
            have = [n for n in self.rows(new) if n > base]
            self.assertEqual(have, ledger, f"turn {turn}")
            for node in c.nodes:
                if node is not new:
                    self.follows(node, new)
            acknowledged += ledger
            base, master = base + 1000000, new
        self.assertEqual(self.rows(master), acknowledged)
        self.check(c, acknowledged)


if __name__ == "__main__":
    unittest.main()
