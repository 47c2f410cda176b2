"""Servers without GTID, aligned by Pseudo-GTID: moves, and failover of a killed master."""
import threading
import time

from live_case import FLAVOR, IS_MYSQL, LiveCase, Writer
from service_case import Service

ENTRY = "drop view if exists `_pseudo_gtid_`.`_asc:{:08x}:{:08x}:{:016x}`"


class Entries:
    """Writes Pseudo-GTID entries to a master until it is told to stop, or the master dies."""

    def __init__(self, node):
        self.node, self.stop = node, threading.Event()
        self.write(0)
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def write(self, number):
        """As orch does, unless the server is read-only: what root may write then is nobody's."""
        entry = ENTRY.format(int(time.time()), self.node.port, number)
        self.node.sql(f"SET @entry = IF(@@GLOBAL.read_only, 'DO 0', '{entry}'); PREPARE it FROM @entry; EXECUTE it")

    def work(self):
        number = 1
        while not self.stop.wait(0.3):
            try:
                self.write(number)
            except Exception:  # noqa: BLE001 -- it has died
                return
            number += 1

    def end(self):
        self.stop.set()
        self.thread.join()


class PseudoGtid(LiveCase):
    def setUp(self):
        super().setUp()
        self.config.update({
            "PseudoGTIDPattern": "drop view if exists `_pseudo_gtid_`", "PseudoGTIDPatternIsFixedSubstring": True,
            "PseudoGTIDMonotonicHint": "asc:", "DetectPseudoGTIDQuery": "SELECT 1", "BinlogEventsChunkSize": 50})

    def rows(self, node):
        return node.sql("SELECT seq, COUNT(*) FROM app.seq GROUP BY seq ORDER BY seq").splitlines()

    def all_have_once(self, nodes, wanted):
        """Everybody has each of the rows exactly once, and the same as all others."""
        self.arrives(wanted[-1], at=nodes)
        for node in nodes:
            rows = self.rows(node)
            self.assertEqual([row for row in rows if not row.endswith("\t1")], [], f"doubled at {node}")
            self.assertEqual(set(wanted) - {int(row.split("\t")[0]) for row in rows}, set(), f"lost at {node}")
            self.assertEqual(rows, self.rows(nodes[0]), f"{node} differs")

    def with_writer(self, node):
        entries, writer = Entries(node), Writer(node, pause=0.003)  # replicas of replicas must keep up
        self.assertTrue(writer.some.wait(60))
        return entries, writer

    def end(self, entries, writer):
        entries.end()
        return writer.end()

    def last_row(self, node, number=10**9):
        """Marks the end of what was written."""
        self.write(node, number)
        return number

    def moves(self, nodes, *words):
        done = self.does("-c", *words)
        self.assertEqual(sorted(done.lines), sorted(map(str, nodes)), done)

    def test_replicas_are_moved_by_pseudo_gtid_while_the_master_is_written_to(self):
        # Some pack their transactions, and some do not.
        packs = [f"{n}:binlog_transaction_compression=1" for n in (1, 2, 4)] if IS_MYSQL else []
        c = self.start(5, "1>2,1>3,2>4,2>5", gtid=False, settings=packs)
        entries, writer = self.with_writer(c[1])
        self.discover(c)
        self.assertEqual(self.does("-c", "match", "-i", c[3], "-d", c[2]).lines, [f"{c[3]}<{c[2]}"])
        self.follows(c[3], c[2])
        self.assertEqual(self.does("-c", "match-up", "-i", c[4]).lines, [f"{c[4]}<{c[1]}"])
        self.follows(c[4], c[1])
        self.discover(c)
        self.assertEqual(self.does("-c", "rematch", "-i", c[5]).lines, [f"{c[5]}<{c[2]}"])
        self.follows(c[5], c[2])
        self.moves([c[3], c[5]], "match-up-replicas", "-i", c[2])
        self.follows(c[3], c[1])
        self.follows(c[5], c[1])
        self.discover(c)
        self.assertEqual(self.does("-c", "relocate", "-i", c[5], "-d", c[4]).lines, [f"{c[5]}<{c[4]}"])
        self.follows(c[5], c[4])
        self.discover(c)
        self.moves([c[3], c[4]], "match-replicas", "-i", c[1], "-d", c[2])
        self.discover(c)
        self.moves([c[3], c[4]], "relocate-replicas", "-i", c[2], "-d", c[1])
        self.discover(c)
        first, last = self.does("-c", "regroup-replicas-pgtid", "-i", c[1]).lines
        self.assertEqual(last, f"{first} lost: 0, trivial: 0, pseudo-gtid: 2")
        wrote = self.end(entries, writer)
        self.all_have_once(c.nodes, [*wrote, self.last_row(c[1])])
        self.refuses("-c", "match", "-i", c[5], "-d", c[5], saying="attempt to match an instance below itself")
        self.config["PseudoGTIDPattern"] = ""
        self.refuses("-c", "match", "-i", c[5], "-d", c[1],
                     saying="PseudoGTIDPattern not configured; cannot use Pseudo-GTID")

    def test_logs_tell_where_entries_and_places_are(self):
        c = self.start(3, gtid=False)
        for _ in range(3):  # so that there is no first relay log any more
            c[2].sql("STOP REPLICA; START REPLICA")
        entry = ENTRY.format(1, 2, 3)
        c[1].sql(entry)
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes)

        def end_of(node):
            words = node.sql("SHOW BINARY LOG STATUS" if IS_MYSQL else "SHOW MASTER STATUS").split()
            return f"{words[0]}:{words[1]}"
        # MySQL tells with its next checkpoint, 300 ms later, how far several appliers are.
        told = "Exec_Source_Log_Pos" if IS_MYSQL else "Exec_Master_Log_Pos"
        c.wait_for(lambda: all(end_of(c[1]).endswith(f":{node.replica_status()[told]}") for node in (c[2], c[3])),
                   "the replicas to tell that they have applied all")
        self.discover(c)
        found = self.does("-c", "last-pseudo-gtid", "-i", c[2]).lines[0]
        file, position, text = found.split(":", 2)
        self.assertEqual(text, entry)
        self.assertEqual(self.does("-c", "find-binlog-entry", "-i", c[2], "--pattern", entry).lines,
                         [f"{file}:{position}"])
        self.refuses("-c", "find-binlog-entry", "-i", c[2], "--pattern", "nowhere", saying="no entry")

        self.assertEqual(self.does("-c", "correlate-binlog-pos", "-i", c[3], "-d", c[2]).lines, [end_of(c[2])])
        self.refuses("-c", "correlate-binlog-pos", "-i", c[3], "-d", c[2], "--binlog", "nonsense",
                     saying="Expecing --binlog argument as file:pos")
        self.refuses("-c", "correlate-relaylog-pos", "-i", c[2], "-d", c[1], saying="are not siblings")
        if FLAVOR == "mariadb11":
            return  # from 11.4 on, relay logs do not tell where in the source's log an event ends
        given, correlated, after = self.does("-c", "correlate-relaylog-pos", "-i", c[2], "-d", c[3]).lines[0].split(";")
        self.assertRegex(self.does("-c", "last-executed-relay-entry", "-i", c[2]).lines[0],
                         r"^\{Coordinates:\S+:\d+ NextEventPos:(\d+) EventType:Xid Info:COMMIT.*\}:\1$")
        self.assertLess(int(correlated.split(":")[1]), int(after.split(":")[1]))

    def test_a_replica_that_wrote_itself_is_not_moved_to_a_guessed_place(self):
        c = self.start(3, gtid=False)
        Entries(c[1]).end()
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes)
        self.discover(c)
        c[3].sql("SET GLOBAL read_only = 0; CREATE TABLE app.mine (i INT)")
        self.refuses("-c", "match", "-i", c[3], "-d", c[2], saying="the logs differ|more than the other one")
        self.follows(c[3], c[1])
        self.write(c[1], 2)
        self.arrives(2, at=c.nodes)

    def die_under_writes(self, c):
        entries, writer = self.with_writer(c[1])
        self.discover(c)
        c[1].kill()
        return self.end(entries, writer)

    def check_failed_over(self, c, received):
        top = [n for n in c.nodes[1:] if not n.source()]
        self.assertEqual(len(top), 1, "one new master")
        self.assertFalse(self.read_only(top[0]))
        others = [n for n in c.nodes[1:] if n is not top[0]]
        for node in others:
            self.follows(node, top[0])
        self.all_have_once(c.nodes[1:], [*sorted(received), self.last_row(top[0])])

    def test_a_killed_master_is_replaced_and_nothing_that_was_received_is_lost(self):
        c = self.start(4, gtid=False)
        self.die_under_writes(c)
        self.does("failover", c[1])
        held = [set(int(row.split("\t")[0]) for row in self.rows(n)) for n in c.nodes[1:]]
        self.check_failed_over(c, set.union(*held))

    def test_replicas_that_stopped_at_different_places_are_aligned(self):
        c = self.start(4, gtid=False)
        entries, writer = self.with_writer(c[1])
        self.discover(c)
        c[4].sql("STOP REPLICA IO_THREAD" if IS_MYSQL else "STOP SLAVE IO_THREAD")
        behind = len(writer.acknowledged)
        c.wait_for(lambda: len(writer.acknowledged) > behind + 300, "more writes")
        c[1].kill()
        self.end(entries, writer)
        self.does("failover", c[1])
        held = [set(int(row.split("\t")[0]) for row in self.rows(n)) for n in c.nodes[1:]]
        self.check_failed_over(c, set.union(*held))

    def test_the_replicas_of_a_dead_intermediate_master_find_their_place_elsewhere(self):
        c = self.start(5, "1>2,1>3,2>4,2>5", gtid=False)
        entries, writer = self.with_writer(c[1])
        self.discover(c)
        c[2].kill()
        c.wait_for(lambda: not c[4].replicates() and not c[5].replicates(), "the replicas to notice")
        self.does("recover", c[2])
        acknowledged = self.end(entries, writer)
        for node in (c[4], c[5]):
            self.assertIn(node.source(), (str(c[1]), str(c[3]), str(c[4])))
        self.all_have_once([c[1], c[3], c[4], c[5]], [*acknowledged, self.last_row(c[1])])

    def test_a_master_hands_over_and_a_replica_whose_applier_stood_still_follows(self):
        c = self.start(4, gtid=False)
        entries, writer = self.with_writer(c[1])
        self.discover(c)
        c[4].sql("STOP REPLICA SQL_THREAD" if IS_MYSQL else "STOP SLAVE SQL_THREAD")
        self.does("takeover", c.name, "--to", c[2])
        acknowledged = self.end(entries, writer)
        for node in (c[1], c[3], c[4]):
            self.follows(node, c[2])
        self.all_have_once([c[2], c[1], c[3], c[4]], [*acknowledged, self.last_row(c[2])])

    def test_without_pseudo_gtid_those_at_the_same_place_follow_and_the_others_are_named(self):
        self.config["PseudoGTIDPattern"] = self.config["DetectPseudoGTIDQuery"] = ""
        c = self.start(4, gtid=False)
        for number in range(1, 11):
            self.write(c[1], number)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        c[4].sql("STOP REPLICA IO_THREAD" if IS_MYSQL else "STOP SLAVE IO_THREAD")
        self.write(c[1], 11)
        self.arrives(11, at=c.nodes[1:3])
        c[1].kill()
        done = self.orch("failover", c[1])
        self.assertIn("without GTID or Pseudo-GTID nobody can tell", done.out + done.err, str(done))
        top = next(n for n in c.nodes[1:3] if not n.source())
        other = next(n for n in c.nodes[1:3] if n is not top)
        self.follows(other, top)
        self.all_have_once([top, other], [*range(1, 12), self.last_row(top)])
        self.assertFalse(self.has(c[4], 11))

    def test_what_failed_is_skipped_and_waited_for(self):
        c = self.start(2, gtid=False)
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes)
        self.discover(c)
        self.refuses("-c", "skip-query", "-i", c[2], saying=f"Replication SQL thread is running on {c[2]}")
        row = "INSERT INTO app.seq (id, seq, server) VALUES (500, 500, 0)"
        c[2].sql(f"SET GLOBAL read_only = 0; {row}")
        c[1].sql(row)
        self.write(c[1], 2)
        c.wait_for(lambda: not c[2].replicates(), "the applier to stop")
        self.does("-c", "skip-query", "-i", c[2])
        self.follows(c[2], c[1])
        self.arrives(2, at=[c[2]])
        words = c[1].sql("SHOW BINARY LOG STATUS" if IS_MYSQL else "SHOW MASTER STATUS").split()
        self.assertEqual(self.does("-c", "master-pos-wait", "-i", c[2], "--binlog", f"{words[0]}:{words[1]}").lines,
                         [str(c[2])])


class WithGtid(LiveCase):
    def test_the_transaction_that_failed_is_left_out_by_its_name(self):
        # REF-5
        if not IS_MYSQL:
            self.skipTest("MariaDB counts")
        c = self.start(2)
        # The last of the set's UUIDs is not that of the transaction that fails.
        c[1].sql("SET gtid_next = 'ffffffff-ffff-ffff-ffff-ffffffffffff:1'; BEGIN; COMMIT; SET gtid_next = 'AUTOMATIC'")
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes)
        self.discover(c)
        c[2].sql("SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0; SET SESSION sql_log_bin = 0;"
                 " CREATE TABLE app.clash (i INT)")
        c[1].sql("CREATE TABLE app.clash (i INT)")
        self.write(c[1], 2)
        c.wait_for(lambda: not c[2].replicates(), "the applier to stop")
        self.does("-c", "skip-query", "-i", c[2])
        self.follows(c[2], c[1])
        self.arrives(2, at=[c[2]])
        c[2].sql("CREATE TABLE app.errant (i INT)")
        log = c[2].sql("SHOW BINARY LOG STATUS").split()[0]
        c[2].sql("FLUSH BINARY LOGS")
        self.discover(c)
        self.assertEqual(self.does("-c", "locate-gtid-errant", "-i", c[2]).lines, [log])


    def test_mariadb_by_gtid_skips_nothing(self):
        if IS_MYSQL:
            self.skipTest("MySQL goes by the name")
        c = self.start(2)
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes)
        self.discover(c)
        row = "INSERT INTO app.seq (id, seq, server) VALUES (500, 500, 0)"
        c[2].sql(f"SET GLOBAL read_only = 0; SET SESSION sql_log_bin = 0; {row}")
        c[1].sql(row)
        c.wait_for(lambda: not c[2].replicates(), "the applier to stop")
        position = c[2].sql("SELECT @@gtid_slave_pos")
        self.refuses("-c", "skip-query", "-i", c[2], saying="replicates by MariaDB GTID")
        self.assertFalse(c[2].replicates())
        self.assertEqual(c[2].sql("SELECT @@gtid_slave_pos"), position)


class Automatic(LiveCase):
    def setUp(self):
        super().setUp()
        self.config.update(AutoPseudoGTID=True, InstancePollSeconds=1, RecoverMasterClusterFilters=["*"])

    def entries(self, node):
        logs = [line.split()[0] for line in node.sql("SHOW BINARY LOGS").splitlines()]
        return sum(node.sql(f"SHOW BINLOG EVENTS IN '{log}'").count("_asc:") for log in logs)

    def watched(self, cluster):
        self.discover(cluster)
        service = Service(self, self.folder / f"serve{len(list(self.folder.glob('serve*.log')))}.log")
        self.addCleanup(service.process.wait)
        self.addCleanup(service.process.kill)
        cluster.wait_for(service.leads, "the service to lead")
        return service

    def test_the_service_writes_entries_and_replaces_a_dead_master_by_them(self):
        c = self.start(3, gtid=False)
        service = self.watched(c)
        c.wait_for(lambda: "grant orch's account DROP" in service.told(), "the missing privilege to be named")
        self.assertEqual(self.entries(c[1]), 0)
        service.end()
        c[1].sql("GRANT DROP ON `_pseudo_gtid_`.* TO orchestrator@'%'")
        service = self.watched(c)
        c.wait_for(lambda: self.entries(c[1]) > 1, "entries")
        writer = Writer(c[1])
        self.assertTrue(writer.some.wait(60))
        c.wait_for(lambda: all(i["UsingPseudoGTID"] for i in service.json("all-instances")), "the entries to be noted")
        c[1].kill()
        writer.end()
        c.wait_for(lambda: any(not n.source() for n in c.nodes[1:]), "a new master")
        top = next(n for n in c.nodes[1:] if not n.source())
        other = next(n for n in c.nodes[1:] if n is not top)
        c.wait_for(lambda: other.source() == str(top) and other.replicates(), "the other replica to follow")
        c.wait_for(lambda: not self.read_only(top), "the new master to take writes")
        self.write(top, 10**9)
        self.arrives(10**9, at=[other])
        rows = [n.sql("SELECT seq, COUNT(*) FROM app.seq GROUP BY seq ORDER BY seq") for n in (top, other)]
        self.assertEqual(rows[0], rows[1])
        self.assertNotRegex(rows[0], r"\t[02-9]")

    def test_a_cluster_that_uses_gtid_throughout_gets_no_entries(self):
        plain, named = self.start(2, gtid=False), self.start(2)
        for cluster in (plain, named):
            cluster[1].sql("GRANT DROP ON `_pseudo_gtid_`.* TO orchestrator@'%'")
        self.discover(named)
        self.watched(plain)
        plain.wait_for(lambda: self.entries(plain[1]) > 1, "entries where they are needed")
        self.assertEqual(self.entries(named[1]), 0)  # PGT-2


if __name__ == "__main__":
    import unittest
    unittest.main()
