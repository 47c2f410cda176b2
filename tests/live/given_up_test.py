"""A failover of a master that lives and waits for its replicas, which is given up: the master is as it was."""
import signal
import subprocess
import unittest

from live_case import IS_MYSQL, ORCH, LiveCase, Writer

SIDE = "source" if IS_MYSQL else "master"


class GivenUp(LiveCase):
    def start_semi_sync(self):
        c = self.start(3, semi_sync=True,
                       settings=[f"{n}:rpl_semi_sync_{SIDE}_timeout=600000" for n in (1, 2, 3)])
        self.discover(c)
        self.write(c[1], 1)
        self.arrives(1, at=[c[2], c[3]])
        return c

    def begin_failover(self, c):
        """A failover that has fenced the old master, of which a commit had waited, and now waits for a hook."""
        self.config["FenceProcesses"] = ["sleep 60"]
        for replica in (c[2], c[3]):
            replica.sql("STOP REPLICA IO_THREAD")
        waiting = Writer(c[1], base=50)
        self.wait_for_waiting(c)
        process = subprocess.Popen([ORCH, "--config", self.write_config(), "failover", c.name],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        # The fence ends clients' sessions, this one's as well.
        c.wait_for(lambda: c[1].told("SELECT @@read_only") == "1", f"{c[1]} to be fenced")
        if IS_MYSQL:  # MariaDB lets a commit go when its session ends, at once or a moment later
            self.assertFalse(self.waits(c[1]))
        self.assertEqual(waiting.end(), [])
        for replica in (c[2], c[3]):
            replica.sql("START REPLICA IO_THREAD")
        self.config["FenceProcesses"] = []
        return process

    def waits(self, node):
        return node.sql(f"SELECT @@rpl_semi_sync_{SIDE}_enabled") == "1"

    def wait_for_waiting(self, c):
        status = f"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_{SIDE}_wait_sessions'"
        c.wait_for(lambda: c[1].sql(status).endswith("\t1"), "a commit to wait for a replica")

    def is_as_it_was(self, c):
        """It takes writes, and acknowledges none that no replica has."""
        self.assertFalse(self.read_only(c[1]))
        self.assertTrue(self.waits(c[1]))
        for replica in (c[2], c[3]):
            self.follows(replica, c[1])
        self.write(c[1], 2)
        self.arrives(2, at=[c[2], c[3]])
        for replica in (c[2], c[3]):
            replica.sql("STOP REPLICA IO_THREAD")
        writer = Writer(c[1], base=100)
        self.wait_for_waiting(c)
        c[1].kill()
        self.assertEqual(writer.end(), [])

    def test_interrupted(self):
        c = self.start_semi_sync()
        process = self.begin_failover(c)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=90)[0]
        self.assertIn(f"undone: {c[1]} takes writes as before", said)
        self.is_as_it_was(c)

    def test_killed_and_resumed_in_vain(self):
        c = self.start_semi_sync()
        process = self.begin_failover(c)
        process.kill()
        process.communicate(timeout=30)
        self.config["PromotionIgnoreHostnameFilters"] = ["127"]
        self.refuses("recovery", "resume", "1", saying="can be promoted")
        self.is_as_it_was(c)

    def test_refused(self):
        c = self.start_semi_sync()
        c[1].sql("SET SESSION sql_log_bin = 0; ALTER USER repl@'%' IDENTIFIED BY 'another'")
        for replica in (c[2], c[3]):
            replica.sql("STOP REPLICA IO_THREAD; START REPLICA IO_THREAD")
        waiting = Writer(c[1], base=50)
        self.wait_for_waiting(c)
        self.config["DataLossPolicy"] = "refuse"
        self.refuses("failover", c.name, saying="DataLossPolicy is refuse")
        self.assertEqual(waiting.end(), [])
        self.assertFalse(self.read_only(c[1]))
        self.assertTrue(self.waits(c[1]))

    def test_it_is_shown_before(self):
        c = self.start_semi_sync()
        shown = self.does("explain", "failover", c.name).out
        self.assertIn(f"rpl_semi_sync_{SIDE}_enabled = 0", shown)


if __name__ == "__main__":
    unittest.main()
