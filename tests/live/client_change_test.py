"""What orchestrator's shell client needs of a running service to change servers; how it reads and labels them: client_test."""
import re
import unittest

from client_case import ClientCase, about
from live_case import IS_MYSQL
from pseudo_gtid_test import Entries

NEW, OLD = ("source", "replica") if IS_MYSQL else ("master", "slave")
CHANGE, WORD = ("CHANGE REPLICATION SOURCE TO", "SOURCE") if IS_MYSQL else ("CHANGE MASTER TO", "MASTER")


class Replication(ClientCase):
    NODES = 2

    def states(self, is_running):
        """What is asked right after a change is told as it is now."""
        r = self.c[2]
        self.assertEqual(r.replicates(), is_running)
        self.says("is-replicating", *[r] * is_running, i=r)
        self.says("is-replication-stopped", *[r] * (not is_running), i=r)

    @about("stop-replica", "stop-replica-nice", "start-replica", "restart-replica", "is-replicating", "is-replication-stopped",
           "restart-replica-statements", "delay-replication")
    def test_replication_is_stopped_and_started_and_delayed(self):
        m, r = self.c.nodes
        self.states(True)
        self.says("is-replicating", i=m)
        self.says("is-replication-stopped", i=m)
        for stop, start in (("stop-replica", "start-replica"), ("stop-replica-nice", "restart-replica"),
                            ("stop-slave", "start-slave")):
            self.says(stop, r, i=r)
            self.states(False)
            self.says(start, r, i=r)
            self.follows(r, m)
            self.states(True)
        self.says("restart-replica", r, i=r)
        self.states(True)
        self.fails("stop-replica", "not a replica", i=m)
        word = "replica" if IS_MYSQL else "slave"
        self.says("restart-replica-statements", f'["stop {word} io_thread;","stop {word} sql_thread;","set @a = \'b/c\' + 1;",'
                  f'"start {word} sql_thread;","start {word} io_thread;"]', i=r, query="set @a = 'b/c' + 1")
        for seconds in (7, 0):
            self.says("delay-replication", seconds, i=r, seconds=seconds)
            self.assertEqual(r.replica_status()["SQL_Delay"], str(seconds))
            self.assertEqual(self.record(r)["SQLDelay"], seconds)
            self.states(True)
        self.fails("delay-replication", "number", i=r, seconds="soon")

    @about("detach-replica", "reattach-replica", "detach-replica-master-host", "reattach-replica-master-host")
    def test_a_replica_is_detached_and_reattached(self):
        m, r = self.c.nodes
        for end in ("", "-master-host"):
            self.says(f"detach-replica{end}", r, i=r)
            self.assertEqual(r.source(), f"//{m}")
            self.assertTrue(self.record(r)["IsDetachedMaster"])
            self.says("which-master", f"//{m}", i=r)
            self.fails(f"detach-replica{end}", "detached", i=r)
            self.says(f"reattach-replica{end}", r, i=r)
            self.follows(r, m)
            self.says("which-master", m, i=r)
            self.says("is-replicating", r, i=r)
            self.fails(f"reattach-replica{end}", "detached", i=r)
        self.says("detach-slave-master-host", r, i=r)
        self.says("reattach-slave-master-host", r, i=r)
        self.follows(r, m)

    @about("which-broken-replicas")
    def test_a_replica_that_cannot_go_on_is_named(self):
        m, r = self.c.nodes
        self.says("which-broken-replicas", i=m)
        row = "INSERT INTO app.seq (id, seq, server) VALUES (500, 500, 0)"
        self.says("set-writeable", r, i=r)
        r.sql(f"SET SESSION sql_log_bin = 0; {row}")
        m.sql(row)
        self.c.wait_for(lambda: not r.replicates(), "the applier to stop")
        self.says("discover", r, i=r)
        self.says("which-broken-replicas", r, i=m)
        self.says("which-replicas", r, i=m)
        r.sql("SET SESSION sql_log_bin = 0; DELETE FROM app.seq WHERE id = 500")
        self.says("start-replica", r, i=r)
        self.says("which-broken-replicas", i=m)
        self.follows(r, m)
        self.says("set-read-only", r, i=r)

    @about("change-master-credentials")
    def test_a_stopped_replica_is_told_its_users_password_again(self):
        m, r = self.c.nodes
        self.fails("change-master-credentials", "replication is running", i=r)
        r.sql(f"STOP REPLICA; {CHANGE} {WORD}_PASSWORD='wrong'; START REPLICA")
        self.c.wait_for(lambda: not r.replicates(), "the replica to be turned away")
        r.sql("STOP REPLICA")
        self.says("change-master-credentials", r, i=r)
        self.says("start-replica", r, i=r)
        self.follows(r, m)

    @about("enable-semi-sync-master", "disable-semi-sync-master", "enable-semi-sync-replica", "disable-semi-sync-replica")
    def test_semi_sync_is_switched(self):
        m, r = self.c.nodes
        for what, node, variable, field in (("master", m, NEW, "SemiSyncMasterEnabled"),
                                            ("replica", r, OLD, "SemiSyncReplicaEnabled")):
            for verb, value in (("enable", 1), ("disable", 0)):
                self.says(f"{verb}-semi-sync-{what}", node, i=node)
                self.assertEqual(node.sql(f"SELECT @@rpl_semi_sync_{variable}_enabled"), str(value))
                self.assertEqual(self.record(node)[field], bool(value))

    @about("set-read-only", "set-writeable")
    def test_read_only_is_switched(self):
        m = self.c[1]
        self.says("set-read-only", m, i=m)
        self.assertTrue(self.read_only(m))
        self.assertTrue(self.record(m)["ReadOnly"])
        self.says("all-clusters-masters")
        self.says("set-writeable", m, i=m)
        self.assertFalse(self.read_only(m))
        self.says("all-clusters-masters", m)
        nobody = f"{m.host}:{m.port - 1}"
        self.fails("set-writeable", nobody, i=nobody)

    def logs(self, node):
        return [line.split()[0] for line in node.sql("SHOW BINARY LOGS").splitlines()]

    @about("flush-binary-logs", "purge-binary-logs")
    def test_binary_logs_are_flushed_and_purged_but_not_what_a_replica_needs(self):
        m, r = self.c.nodes
        before = self.logs(m)[-1]
        self.says("flush-binary-logs", m, i=m)
        now = self.logs(m)[-1]
        self.assertGreater(now, before)
        self.write(m, 1)
        self.arrives(1, at=[r])

        def purged():
            self.says("purge-binary-logs", m, i=m, binlog=now)
            return self.logs(m) == [now]
        # MariaDB keeps, without a word, logs whose transactions are not yet safe in the engine.
        self.c.wait_for(purged, "the logs to be purged")
        self.says("stop-replica", r, i=r)
        self.says("flush-binary-logs", m, i=m)
        now = self.logs(m)[-1]
        self.fails("purge-binary-logs", f"because replica {r}", i=m, binlog="latest")
        self.c.wait_for(lambda: self.service.details(f"purge-binary-logs/{m.host}/{m.port}/latest?force=true") and
                        self.logs(m) == [now], "the logs to be purged by force")
        self.says("flush-binary-logs", m, i=m)
        self.write(m, 2)
        self.fails("purge-binary-logs", f"because replica {r}", i=m, binlog=self.logs(m)[-1])
        self.assertIn(now, self.logs(m))
        self.says("start-replica", r, i=r)
        self.arrives(2, at=[r])


class Moves(ClientCase):
    NODES = 4

    def all_follow(self, source, *nodes):
        for node in nodes:
            self.follows(node, source)
            self.says("which-master", source, i=node)
        self.says("which-replicas", *nodes, i=source)

    @about("relocate", "repoint", "move-gtid", "can-replicate-from", "can-replicate-from-gtid")
    def test_one_is_moved(self):
        m, a, b, d = self.c.nodes
        for can in ("can-replicate-from", "can-replicate-from-gtid"):
            self.says(can, a, i=d, d=a)
            self.fails(can, "nowhere:1", i=d, d="nowhere:1")
        self.moves("relocate", d, a, d=a)
        self.says("which-replicas", d, i=a)
        self.fails("relocate", "descendant", i=a, d=d)
        self.fails("can-replicate-from", ".", i=a, d=a)
        self.moves("move-gtid", d, b, d=b)
        self.moves("repoint", d, a, d=a)
        self.fails("move-gtid", f"{b}", i=b, d=b)
        self.write(m, 1)
        self.arrives(1, at=[a, b, d])
        self.moves("relocate", d, m, d=m)
        self.all_follow(m, a, b, d)

    @about("relocate-replicas", "move-replicas-gtid", "repoint-replicas")
    def test_all_replicas_of_one_are_moved(self):
        m, a, b, d = self.c.nodes
        self.says("relocate-replicas", b, d, i=m, d=a)
        self.all_follow(a, b, d)
        self.is_done_though_unread("move-replicas-gtid", i=a, d=m)
        self.all_follow(m, a, b, d)
        self.says("repoint-replicas", a, b, d, i=m)
        self.all_follow(m, a, b, d)
        self.fails("relocate-replicas", "nowhere:1", i=m, d="nowhere:1")
        self.says("relocate-replicas", i=d, d=a)

    @about("take-master", "take-siblings", "make-co-master", "reset-replica")
    def test_places_are_taken(self):
        m, a, b, d = self.c.nodes
        self.moves("take-siblings", a, m)
        self.all_follow(a, b, d)
        self.moves("take-master", d, m)
        self.all_follow(d, a)
        self.fails("take-master", str(m), i=d)
        self.moves("make-co-master", d, m)
        self.follows(m, d)
        self.says("which-master", d, i=m)
        self.fails("make-co-master", "co master", i=d)
        self.says("reset-replica", m, i=m)
        self.assertEqual(m.source(), "")
        self.says("which-master", ":0", i=m)
        for node in (a, b):
            self.moves("relocate", node, m, d=m)
        self.all_follow(m, a, b, d)


@unittest.skipUnless(IS_MYSQL, "MariaDB has no set of executed transactions in which errant ones would show")
class Errant(ClientCase):
    NODES = 3

    def err(self, node):
        node.sql("SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0; CREATE TABLE app.mine (i INT);"
                 " DROP TABLE app.mine; SET GLOBAL super_read_only = 1")

    @about("which-gtid-errant", "locate-gtid-errant", "gtid-errant-reset-master", "gtid-errant-inject-empty")
    def test_errant_transactions_are_told_and_mended(self):
        m, a, b = self.c.nodes
        self.says("which-gtid-errant", "", i=a)
        for name in ("locate-gtid-errant", "gtid-errant-reset-master", "gtid-errant-inject-empty"):
            self.fails(name, "errant", i=a)
        for node, mend in ((a, "gtid-errant-reset-master"), (b, "gtid-errant-inject-empty")):
            uuid, log = node.sql("SELECT @@server_uuid"), node.sql("SHOW BINARY LOG STATUS").split()[0]
            self.err(node)
            self.says("discover", node, i=node)
            self.says("which-gtid-errant", f"{uuid}:1-2", i=node)
            self.assertIn(",GTID:errant]", self.ask("topology", alias=self.c.name).out)
            self.says("locate-gtid-errant", log, i=node)
            self.says(mend, node, i=node)
            self.follows(node, m)
            self.says("which-gtid-errant", "", i=node)
            having = [n for n in self.c.nodes if uuid in n.sql("SELECT @@gtid_executed")]
            self.assertEqual(having, [] if node is a else self.c.nodes)
        self.write(m, 1)
        self.arrives(1, at=[a, b])
        self.assertNotIn("errant", self.ask("topology", alias=self.c.name).out)


class ByCoordinates(ClientCase):
    NODES, TREE, OPTIONS = 4, "1>2,2>3,2>4", {"gtid": False}
    CONFIG = {"PseudoGTIDPattern": "drop view if exists `_pseudo_gtid_`", "PseudoGTIDPatternIsFixedSubstring": True,
              "PseudoGTIDMonotonicHint": "asc:", "DetectPseudoGTIDQuery": "SELECT 1", "BinlogEventsChunkSize": 50}

    def settled(self, number):
        """All that was written stands everywhere, so that places can be compared."""
        self.write(self.c[1], number)
        self.arrives(number, at=self.c.nodes)
        self.says("discover", self.c[1], i=self.c[1])

    @about("move-up", "move-below", "move-equivalent", "move-up-replicas")
    def test_without_gtid_servers_move_by_one_level_and_to_places_known_to_be_equal(self):
        m, a, b, d = self.c.nodes
        self.settled(1)
        self.fails("move-up", str(m), i=a)
        self.moves("move-up", b, m)
        self.moves("move-equivalent", b, a, d=a)
        self.fails("move-equivalent", "equivalent", i=a, d=d)
        self.moves("move-up", b, m)
        self.moves("move-below", b, a, d=a)
        self.fails("move-below", "not siblings", i=b, d=a)
        self.says("move-up-replicas", b, d, i=a)
        for node in (b, d):
            self.follows(node, m)
            self.says("which-master", m, i=node)
        for node in (b, d):
            self.moves("move-below", node, a, d=a)
        self.settled(2)
        for node in self.c.nodes:
            self.assertEqual(node.sql("SELECT COUNT(*) FROM app.seq WHERE seq IN (1, 2)"), "2", str(node))

    @about("match", "match-up", "match-up-replicas", "last-pseudo-gtid")
    def test_servers_are_moved_by_pseudo_gtid(self):
        m, a, b, d = self.c.nodes
        self.fails("last-pseudo-gtid", ".", i=a)
        Entries(m).end()
        self.settled(11)
        entry = self.ask("last-pseudo-gtid", i=d)
        self.assertRegex(entry.out, "^drop view if exists `_pseudo_gtid_`.`_asc:[0-9a-f:]+`\n$")
        self.moves("match-up", b, m)
        self.moves("match", b, a, d=a)
        self.is_done_though_unread("match-up-replicas", i=a)
        for node in (b, d):
            self.follows(node, m)
            self.says("which-master", m, i=node)
        self.fails("match", "below itself", i=d, d=d)
        for node in (b, d):
            self.moves("match", node, a, d=a)
        self.settled(12)

    @about("skip-query")
    def test_what_fails_is_skipped(self):
        m, a, b, d = self.c.nodes
        self.settled(21)
        self.fails("skip-query", "SQL thread is running", i=d)
        row = "INSERT INTO app.seq (id, seq, server) VALUES (500, 500, 0)"
        d.sql(f"SET GLOBAL read_only = 0; {row}; SET GLOBAL read_only = 1")
        m.sql(row)
        self.c.wait_for(lambda: not d.replicates(), "the applier to stop")
        self.says("skip-query", d, i=d)
        self.follows(d, a)
        self.settled(22)


class Recoveries(ClientCase):
    NODES = 5
    CONFIG = {"MySQLConnectTimeoutSeconds": 1}

    @about("graceful-master-takeover", "graceful-master-takeover-auto", "recover", "force-master-failover", "force-master-takeover",
           "ack-cluster-recoveries", "ack-all-recoveries")
    def test_masters_are_replaced_in_all_ways_and_that_is_acknowledged(self):
        c = self.c
        self.fails("graceful-master-takeover", "nobody", alias="nobody")
        self.fails("graceful-master-takeover", ".", alias=c.name)  # of several replicas none is the obvious one
        self.fails("recover", "not attempted", out=self.as_json(c[1]), i=c[1])
        self.assertEqual(self.writable(c.nodes), [c[1]])
        self.says("graceful-master-takeover", c[2], alias=c.name, d=c[2])
        self.new_master(c[2], c[3], c[4], c[5])
        self.assertFalse(c[1].replicates())
        self.assertEqual(c[1].source(), str(c[2]))
        self.says("start-replica", c[1], i=c[1])
        self.says("graceful-master-takeover-auto", c[1], i=c[3], d=c[1])
        self.new_master(c[1], c[2], c[3], c[4], c[5])
        c[1].kill()
        c.wait_for(lambda: re.match(rf"{c[1]} \(cluster \S+\): DeadMaster\n", self.ask("replication-analysis").out),
                   "the service to see that it is dead")
        done = self.ask("recover", i=c[1])  # asks twice
        self.assertEqual(done.code, 0, done)
        first = self.writable(c.nodes)[0]
        self.assertEqual(done.out, f"{first}\n")
        others = [node for node in c.nodes[1:] if node is not first]
        self.new_master(first, *others)
        # The second time it names whom it wants.
        self.says("recover", first, i=c[1], d=first)
        self.fails("recover", f"has promoted {first} already, not {others[0]}", out=self.as_json(c[1]), i=c[1], d=others[0])
        self.assertEqual([r["IsSuccessful"] for r in self.service.json("audit-recovery?unacknowledged=true")], [True] * 3)
        cluster = self.ask("which-cluster", i=first).out.strip()
        self.says("ack-cluster-recoveries", cluster, i=first, reason="known it is")
        latest = self.service.json("audit-recovery")[0]
        self.assertEqual((latest["Acknowledged"], latest["AcknowledgedComment"]), (True, "known"))
        # It may have been replaced by a takeover a moment ago, but not by a recovery.
        self.fails("recover", "not attempted", out=self.as_json(first), i=first)
        self.says("ack-all-recoveries", "fine", reason="fine")
        self.assertEqual(self.service.json("audit-recovery?unacknowledged=true"), [])
        self.fails("ack-all-recoveries", "comment")
        done = self.ask("force-master-failover", i=first)
        self.assertEqual(done.code, 0, done)
        second = next(node for node in c.nodes if done.out == f"{node}\n")
        left = [node for node in others if node is not second]
        self.new_master(second, *left)
        self.fails("force-master-takeover", "nowhere:1", alias=second, d="nowhere:1")
        self.says("force-master-takeover", left[0], alias=second, d=left[0])
        self.new_master(left[0], left[1])

    def as_json(self, node):
        return f'{{"Hostname":"{node.host}","Port":{node.port}}}'

    def new_master(self, master, *replicas):
        """For the servers, and for who asks right now."""
        self.assertEqual(self.writable(self.c.nodes), [master])
        for node in replicas:
            self.follows(node, master)
            self.says("which-master", master, i=node)
        self.says("which-master", ":0", i=master)


if __name__ == "__main__":
    unittest.main()
