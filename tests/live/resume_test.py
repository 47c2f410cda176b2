"""orch is killed in the middle of a recovery; another orch finishes it."""
import contextlib
import json
import sqlite3
import subprocess
import unittest

from live_case import IS_MYSQL, ORCH, LiveCase

# A query without an end: whoever fires the trigger stands still until it is killed.
ENDLESS = "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c)"

# Killed before these steps of the journal, the pre-hook and the first change, a recovery has changed nothing.
UNTOUCHED = 2


class CutOff(LiveCase):
    """Recoveries of which the process is killed at a step."""

    def setUp(self):
        super().setUp()
        self.log = self.folder / "hooks.log"
        self.config.update({
            "PreFailoverProcesses": [f"echo pre >> {self.log}"],
            "PostMasterFailoverProcesses": [f"echo post-master {{successorHost}}:{{successorPort}} >> {self.log}"],
            "PostFailoverProcesses": [f"echo post >> {self.log}"]})

    @contextlib.contextmanager
    def database(self):
        with contextlib.closing(sqlite3.connect(self.folder / "orch.db", timeout=30, isolation_level=None)) as db:
            yield db

    def cut_off(self, step, *words):
        """Runs orch and kills it when it is about to begin the step of that number -> the recovery's uid; None when it
        ended before."""
        with self.database() as db:
            before = {uid for (uid,) in db.execute("SELECT recovery_uid FROM orch_recovery_run")}
            db.execute(f"CREATE TRIGGER stand_still BEFORE INSERT ON orch_recovery_journal WHEN NEW.sequence = {step} "
                       f"BEGIN SELECT {ENDLESS}; END")
            file = self.folder / "orch.conf.json"
            file.write_text(json.dumps(self.config))
            with subprocess.Popen([ORCH, "--config", file, *map(str, words)], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, cwd=self.folder) as process:
                locked = 0
                while process.poll() is None and not self.stands_still(db, before, step, locked > 5):
                    locked = locked + 1 if self.is_locked() else 0
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.02)
                ended = process.poll() is not None
                process.kill()
                out = process.communicate()[0]
            db.execute("DROP TRIGGER stand_still")
            if ended:
                self.assertEqual(process.returncode, 0, out)
            left = self.unfinished(db)
            if left and not ended:
                return left[0]
            # It had no such step, and may have ended just before it was killed.
            run = next(uid for (uid,) in db.execute("SELECT recovery_uid FROM orch_recovery_run") if uid not in before)
            steps, = db.execute("SELECT count(*) FROM orch_recovery_journal WHERE recovery_uid = ?", [run]).fetchone()
            self.assertLess(steps, step, "it went on past the step at which it was to be killed")
            return None

    def unfinished(self, db):
        return [uid for (uid,) in db.execute("SELECT recovery_uid FROM orch_recovery_run WHERE stage <> 'ended'")]

    def is_locked(self):
        """Whether somebody writes into the database, as one who stands still does for ever."""
        with contextlib.closing(sqlite3.connect(self.folder / "orch.db", timeout=0, isolation_level=None)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
            except sqlite3.OperationalError:
                return True
            return False

    def stands_still(self, db, before, step, locked):
        """Whether all that comes before the step has been done, or begun by others side by side, so that orch is at its
        trigger or will be at once."""
        runs = [uid for (uid,) in db.execute("SELECT recovery_uid FROM orch_recovery_run") if uid not in before]
        if not runs:
            return False
        done, begun = db.execute("SELECT coalesce(sum(state <> 'intent'), 0), count(*) FROM orch_recovery_journal "
                                 "WHERE recovery_uid = ?", runs).fetchone()
        return done >= step - 1 or (locked and begun >= step - 1)

    def is_whole(self, cluster, replicas, seq):
        """Exactly one server takes writes, and what is written there arrives at the others -> the master."""
        writable = [n for n in (*replicas,) if not self.read_only(n)]
        self.assertEqual(len(writable), 1, f"writable: {[str(n) for n in writable]}")
        master = writable[0]
        self.assertEqual(master.source(), "")
        self.write(master, seq)
        self.arrives(seq, at=[n for n in replicas if n is not master])
        return master

    def once(self, step):
        """Each hook ran exactly once since the last time."""
        lines = self.log.read_text().split("\n")[:-1] if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        if step <= UNTOUCHED:
            return
        self.assertEqual(len(lines), 3, lines)
        self.assertEqual(len(set(lines)), 3, lines)

    def take_over_at_every_step(self, c):
        """Takeovers back and forth, each killed one step later and finished by another orch."""
        self.discover(c)
        step = 1
        while True:
            uid = self.cut_off(step, "takeover", c.name)
            if uid and step <= UNTOUCHED:
                self.refuses("recovery", "resume", uid, saying="before it changed any server")
            elif uid:
                self.does("recovery", "resume", uid)
            master = self.is_whole(c, c.nodes, 5000 + step)
            self.once(step)
            self.does("discover", master)
            if not uid:
                break
            self.refuses("recovery", "resume", uid, saying="has ended")
            step += 1
        self.assertGreater(step, 6)


class Resume(CutOff):
    def test_a_takeover_killed_at_any_step_is_finished(self):
        self.take_over_at_every_step(self.start(3))

    def test_a_failover_killed_at_any_step_is_finished(self):
        c = self.start(3)
        self.discover(c)
        dead = c[1]
        step = 1
        while True:
            dead.kill()
            uid = self.cut_off(step, "failover", c.name)
            if uid and step <= UNTOUCHED:
                # Nothing was changed: the recovery is ended, and the next one begins.
                self.refuses("recovery", "resume", uid, saying="before it changed any server")
                self.does("failover", c.name)
            elif uid:
                self.does("failover", c.name)  # goes on with what was cut off
            alive = [n for n in c.nodes if n is not dead]
            master = self.is_whole(c, alive, 6000 + step)
            self.once(step)
            with self.database() as db:
                self.assertEqual(self.unfinished(db), [])
            dead.start()
            if not IS_MYSQL:
                dead.sql("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos")
            dead.follow(master)
            self.arrives(6000 + step, at=[dead])
            self.does("discover", master)
            self.does("-c", "ack-all-recoveries", "--reason", "seen")
            self.assertEqual(self.does("quarantine", "list", "--json").out.strip(), "[]")
            if not uid:
                break
            dead = master
            step += 1
        self.assertGreater(step, 5)

    def test_a_recovery_whose_process_lives_is_left_to_it(self):
        c = self.start(2)
        self.discover(c)
        gate = self.folder / "gate"
        self.config["PreFailoverProcesses"] = [f"touch {gate}.here; while [ ! -e {gate} ]; do sleep 0.05; done"]
        c[1].kill()
        file = self.folder / "orch.conf.json"
        file.write_text(json.dumps(self.config))
        with subprocess.Popen([ORCH, "--config", file, "failover", c.name], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, cwd=self.folder) as process:
            c.wait_for(lambda: (self.folder / "gate.here").exists(), "the hook to run")
            self.refuses("failover", c.name, saying="lives")
            self.refuses("-c", "force-master-failover", "-i", c[1],
                         saying="unexpected error: recovery not attempted: .*lives")
            self.refuses("recovery", "resume", "1", saying="lives")
            gate.touch()
            out = process.communicate()[0]
        self.assertEqual(process.returncode, 0, out)
        self.assertFalse(self.read_only(c[2]))


if __name__ == "__main__":
    unittest.main()
