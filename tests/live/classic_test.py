"""Moves by one level and by coordinates, co-masters, regrouping, errant GTIDs and binary logs."""
import contextlib
import re
import unittest

from live_case import IS_MYSQL, LiveCase
from software import Problem


class Classic(LiveCase):
    def rows(self, node):
        return node.sql("SELECT seq, COUNT(*) FROM app.seq GROUP BY seq ORDER BY seq").splitlines()

    def fill(self, node, first):
        for number in range(first, first + 10):
            self.write(node, number)

    def all_have(self, cluster, last):
        """Everybody has each row once."""
        self.arrives(last, at=cluster.nodes)
        for node in cluster.nodes:
            self.assertEqual(self.rows(node), [f"{n}\t1" for n in range(1, last + 1)], str(node))

    def test_replicas_without_gtid_move_by_coordinates_and_miss_nothing(self):
        c = self.start(4, "1>2,2>3,2>4", gtid=False)
        self.discover(c)
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        self.refuses("-c", "move-up", "-i", c[2], saying=f"master is not a replica itself: {c[1]}")
        self.refuses("-c", "move-up", "-i", c[1], saying=f"instance is not a replica: {c[1]}")
        shown = self.does("move-up", c[3], "--dry-run")
        self.assertIn(f"{c[3]}: replicate from {c[1]}", shown.out)
        self.follows(c[3], c[2])
        self.assertEqual(self.does("-c", "move-up", "-i", c[3]).lines, [f"{c[3]}<{c[1]}"])
        self.follows(c[3], c[1])
        self.follows(c[2], c[1])
        self.fill(c[1], 11)
        self.all_have(c, 20)
        self.discover(c)
        self.assertEqual(self.does("-c", "move-below", "-i", c[3], "-d", c[2]).lines, [f"{c[3]}<{c[2]}"])
        self.follows(c[3], c[2])
        self.follows(c[2], c[1])
        self.fill(c[1], 21)
        self.all_have(c, 30)
        self.discover(c)
        self.assertEqual(sorted(self.does("-c", "move-up-replicas", "-i", c[2]).lines), sorted([str(c[3]), str(c[4])]))
        self.follows(c[3], c[1])
        self.follows(c[4], c[1])
        self.follows(c[2], c[1])
        self.fill(c[1], 31)
        self.all_have(c, 40)

    def test_one_that_is_behind_catches_up_before_it_moves_below_its_sibling(self):
        c = self.start(3, gtid=False)
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        # The lock holds the applier of one back, so that the other is ahead when both are stopped.
        session = c[3].session("LOCK TABLES app.seq READ; SELECT 1;")
        self.fill(c[1], 11)
        self.arrives(20, at=[c[2]])
        session.communicate()
        self.does("-c", "move-below", "-i", c[3], "-d", c[2])
        self.fill(c[1], 21)
        self.all_have(c, 30)

    def test_by_gtid_nobody_stands_still(self):
        c = self.start(4, "1>2,2>3,2>4")
        self.discover(c)
        self.assertEqual(self.does("-c", "move-up", "-i", c[4]).lines, [f"{c[4]}<{c[1]}"])
        self.follows(c[4], c[1])
        self.discover(c)
        self.refuses("-c", "move-equivalent", "-i", c[4], "-d", c[2], saying="No equivalent coordinates")  # REF-7
        self.assertEqual(self.does("-c", "move-below", "-i", c[4], "-d", c[2]).lines, [f"{c[4]}<{c[2]}"])
        self.follows(c[4], c[2])
        self.refuses("-c", "move-below", "-i", c[4], "-d", c[1], saying="not a replica|not siblings")
        self.fill(c[1], 1)
        self.all_have(c, 10)

    def test_the_best_replica_takes_the_others(self):
        c = self.start(4)
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        first, last = self.does("-c", "regroup-replicas-gtid", "-i", c[1]).lines
        leader = next(n for n in c.nodes if str(n) == first)
        self.assertEqual(last, f"{leader} lost: 0, moved: 2")
        self.follows(leader, c[1])
        for node in c.nodes[1:]:
            if node is not leader:
                self.follows(node, leader)
        self.discover(c)
        self.assertEqual(self.does("-c", "regroup-replicas", "-i", c[1]).lines,
                         [f"{leader} lost: 0, trivial: 0, pseudo-gtid: 0"])
        self.fill(c[1], 11)
        self.all_have(c, 20)

    def test_gtid_is_switched_off_and_on(self):
        c = self.start(2)
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        self.refuses("-c", "enable-gtid", "-i", c[2], saying=f"{c[2]} already uses GTID")
        self.assertEqual(self.does("-c", "disable-gtid", "-i", c[2]).lines, [str(c[2])])
        used = (lambda: c[2].replica_status()["Auto_Position"] == "1") if IS_MYSQL else \
            (lambda: c[2].replica_status()["Using_Gtid"] != "No")
        self.assertFalse(used())
        self.follows(c[2], c[1])
        self.refuses("-c", "disable-gtid", "-i", c[2], saying=f"{c[2]} is not using GTID")
        self.fill(c[1], 11)
        self.all_have(c, 20)
        self.does("-c", "enable-gtid", "-i", c[2])
        self.assertTrue(used())
        self.fill(c[1], 21)
        self.all_have(c, 30)

    @unittest.skipIf(IS_MYSQL, "MySQL shows a place in its source's log at all times")
    def test_a_replica_by_coordinates_moves_up_past_a_source_that_has_just_connected_by_gtid(self):
        c = self.start(3, "1>2,2>3")
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        self.does("-c", "disable-gtid", "-i", c[3])
        self.does("-c", "repoint", "-i", c[2])
        self.does("-c", "relocate", "-i", c[3], "-d", c[1])
        self.follows(c[3], c[1])
        self.fill(c[1], 11)
        self.all_have(c, 20)

    @unittest.skipUnless(IS_MYSQL, "MariaDB counts what it applies by coordinates, too")
    def test_a_replica_restored_without_its_gtids_is_not_sent_again_what_it_has(self):
        c = self.start(2)
        c[2].sql("STOP REPLICA; RESET REPLICA")
        c[2].sql("CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 0")
        c[1].sql("CREATE TABLE app.loose (n INT); INSERT INTO app.loose VALUES (1), (2); "
                 "SET gtid_next = 'AUTOMATIC:night'; INSERT INTO app.loose VALUES (3)")
        log, position = c[1].sql("SHOW BINARY LOG STATUS").split("\t")[:2]
        c[2].sql("SET GLOBAL super_read_only = 0; SET sql_log_bin = 0; CREATE TABLE app.loose (n INT); "
                 "INSERT INTO app.loose VALUES (1), (2), (3); SET GLOBAL super_read_only = 1")
        c[2].sql(f"CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE = '{log}', "
                 f"SOURCE_LOG_POS = {position}; START REPLICA")
        c[1].sql("INSERT INTO app.loose VALUES (4)")
        count = "SELECT COUNT(*) FROM app.loose"
        c.wait_for(lambda: c[2].sql(count) == "4", f"{c[2]} to follow by coordinates")
        self.discover(c)
        said = self.refuses("-c", "enable-gtid", "-i", c[2], saying="it would be sent again").err
        lacking = re.search(r"gtid_purged = '\+([^']+)'", said).group(1)
        self.assertIn(":night:1", lacking)
        self.assertEqual(c[2].replica_status()["Auto_Position"], "0")
        self.assertEqual(c[2].sql(count), "4")
        c[2].sql(f"SET GLOBAL gtid_purged = '+{lacking}'")
        self.does("-c", "enable-gtid", "-i", c[2])
        c[1].sql("INSERT INTO app.loose VALUES (5)")
        c.wait_for(lambda: c[2].sql(count) == "5", f"{c[2]} to follow by GTID")

    @unittest.skipUnless(IS_MYSQL, "MariaDB's transactions have GTIDs always")
    def test_a_transaction_with_a_gtid_is_skipped_by_a_replica_that_follows_by_coordinates(self):
        c = self.start(2)
        c[2].sql("STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 0; START REPLICA")
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        c[2].sql("SET GLOBAL super_read_only = 0; SET sql_log_bin = 0; ALTER TABLE app.seq ADD UNIQUE (seq); INSERT INTO app.seq (seq, server) VALUES (11, 2)")
        self.fill(c[1], 11)
        c.wait_for(lambda: c[2].replica_status()["Last_SQL_Error"], f"{c[2]} to stop")
        self.does("-c", "skip-query", "-i", c[2])
        self.follows(c[2], c[1])

    @unittest.skipIf(IS_MYSQL, "MySQL knows no domains")
    def test_a_replica_that_leaves_out_domains_keeps_its_gtid(self):
        c = self.start(2)
        self.discover(c)
        c[2].sql("STOP SLAVE; CHANGE MASTER TO IGNORE_DOMAIN_IDS = (7); START SLAVE")
        self.refuses("-c", "disable-gtid", "-i", c[2], saying=r"IGNORE_DOMAIN_IDS = \(\)")
        status = c[2].replica_status()
        self.assertEqual((status["Using_Gtid"], status["Slave_SQL_Running"]), ("Slave_Pos", "Yes"))
        with contextlib.suppress(Problem):  # 1201, and it follows by coordinates all the same
            c[2].sql("STOP SLAVE; CHANGE MASTER TO MASTER_USE_GTID = no")
        c[2].sql("START SLAVE")
        self.refuses("-c", "repoint", "-i", c[2], "-d", c[1], saying=r"IGNORE_DOMAIN_IDS = \(\)")
        self.follows(c[2], c[1])
        self.does("-c", "enable-gtid", "-i", c[2])
        c[2].sql("STOP SLAVE; CHANGE MASTER TO IGNORE_DOMAIN_IDS = (); START SLAVE")
        self.does("-c", "disable-gtid", "-i", c[2])

    def test_a_wait_for_a_position_has_an_end(self):
        c = self.start(2)
        self.config["MySQLTopologyReadTimeoutSeconds"] = 2
        self.discover(c)
        words = ("-c", "master-pos-wait", "-i", c[2], "--binlog", "binlog.900000:4")
        for more, waited in (((), 2), (("--duration", "1s"), 1)):
            self.refuses(*words, *more, saying=f"{c[2]}: waited {waited}s in vain", seconds=20)

    def test_a_master_becomes_the_co_master_of_its_replica(self):
        c = self.start(3)
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        c[2].sql("SET GLOBAL read_only = 0")
        self.refuses("-c", "make-co-master", "-i", c[2], saying="is not read-only; first make it read-only")
        self.assertEqual(c[1].source(), "")
        c[2].sql("SET GLOBAL read_only = 1")
        self.assertEqual(self.does("-c", "make-co-master", "-i", c[2]).lines, [str(c[2])])
        self.follows(c[1], c[2])
        self.follows(c[2], c[1])
        self.refuses("-c", "make-co-master", "-i", c[2], saying="already co master")
        self.fill(c[1], 11)
        self.all_have(c, 20)

    def test_a_stopped_replica_is_told_its_users_password_again(self):
        c = self.start(2)
        self.discover(c)
        self.refuses("-c", "change-master-credentials", "-i", c[2],
                     saying=f"ChangeMasterTo: Cannot change master on: {c[2]} because replication is running")
        word, change = ("SOURCE", "CHANGE REPLICATION SOURCE TO") if IS_MYSQL else ("MASTER", "CHANGE MASTER TO")
        c[2].sql(f"STOP REPLICA; {change} {word}_PASSWORD='wrong'; START REPLICA")
        c.wait_for(lambda: not c[2].replicates(), "the replica to be turned away")
        c[2].sql("STOP REPLICA")
        self.does("-c", "change-master-credentials", "-i", c[2])
        self.does("-c", "start-replica", "-i", c[2])
        self.follows(c[2], c[1])

    def logs(self, node):
        return [line.split()[0] for line in node.sql("SHOW BINARY LOGS").splitlines()]

    def test_binary_logs_are_flushed_and_purged_but_not_what_a_replica_needs(self):
        # REF-6
        c = self.start(2)
        self.discover(c)
        last = self.logs(c[1])[-1]
        base, number = last.rsplit(".", 1)

        def name(more):
            return f"{base}.{int(number) + more:0{len(number)}}"
        self.does("-c", "flush-binary-logs", "-i", c[1])
        self.assertEqual(self.logs(c[1])[-1], name(1))
        self.does("-c", "flush-binary-logs", "-i", c[1], "--binlog", name(4))
        self.assertEqual(self.logs(c[1])[-1], name(4))
        self.refuses("-c", "flush-binary-logs", "-i", c[1], "--binlog", last, saying="is smaller than current log file")
        self.write(c[1], 1)
        self.arrives(1, at=[c[2]])

        def purged():
            self.does("-c", "purge-binary-logs", "-i", c[1], "--binlog", name(3))
            return self.logs(c[1]) == [name(3), name(4)]
        # MariaDB keeps, without a word, logs whose transactions are not yet safe in the engine.
        c.wait_for(purged, "the logs to be purged")
        c[2].sql("STOP REPLICA")
        self.does("-c", "flush-binary-logs", "-i", c[1])
        self.write(c[1], 2)
        self.refuses("-c", "purge-binary-logs", "-i", c[1], "--binlog", name(5),
                     saying=f"Unsafe to purge binary logs on {c[1]} up to {name(5)} because replica {c[2]}")
        self.refuses("-c", "purge-binary-logs", "-i", c[1], saying="expecting --binlog value")
        self.assertIn(name(4), self.logs(c[1]))

    def test_logs_that_were_brought_to_those_of_the_old_master_go_on_where_these_end(self):
        """What becomes of a binlog server, for which the third server stands here."""
        c = self.start(3, gtid=False)
        self.discover(c)
        base, number = self.logs(c[1])[-1].rsplit(".", 1)

        def name(more):
            return f"{base}.{int(number) + more:0{len(number)}}"
        self.does("-c", "flush-binary-logs", "-i", c[1], "--binlog", name(5))
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        for node in (c[2], c[3]):
            self.does("-c", "stop-replica", "-i", node)
        # One that is to be promoted is still as closed as can be.
        c[2].sql("SET GLOBAL super_read_only = 1" if IS_MYSQL else "SET GLOBAL read_only = 1")
        self.does("-c", "flush-binary-logs", "-i", c[2], "--binlog", name(6))
        self.assertEqual(self.logs(c[2])[-1], name(6))
        self.does("-c", "reset-replica", "-i", c[2])
        self.does("-c", "set-writeable", "-i", c[2])
        word, change = ("SOURCE", "CHANGE REPLICATION SOURCE TO") if IS_MYSQL else ("MASTER", "CHANGE MASTER TO")
        host, port = str(c[2]).rsplit(":", 1)
        c[3].sql(f"{change} {word}_HOST='{host}', {word}_PORT={port}, {word}_LOG_FILE='{name(6)}', {word}_LOG_POS=4")
        self.does("-c", "start-replica", "-i", c[3])
        self.fill(c[2], 11)

        def purged():
            self.does("-c", "purge-binary-logs", "-i", c[2], "--binlog", name(6))
            return self.logs(c[2]) == [name(6)]
        c.wait_for(purged, "the older logs to be dropped")
        self.fill(c[2], 21)
        self.follows(c[3], c[2])
        self.arrives(30, at=[c[3]])
        for node in (c[2], c[3]):
            self.assertEqual(self.rows(node), [f"{n}\t1" for n in range(1, 31)], str(node))

    def test_coordinates_after_a_move_by_gtid_are_those_of_what_the_replica_has(self):
        """Nothing is written meanwhile: the replica goes on by coordinates where it went by GTID."""
        c = self.start(3)
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        self.does("-c", "relocate", "-i", c[3], "-d", c[2])
        source = c[2].sql("SHOW BINARY LOG STATUS" if IS_MYSQL else "SHOW MASTER STATUS").split()[:2]

        def executed():
            status = c[3].replica_status()
            names = ("Relay_Source_Log_File", "Exec_Source_Log_Pos") if IS_MYSQL else \
                ("Relay_Master_Log_File", "Exec_Master_Log_Pos")
            return [status[name] for name in names] == source
        c.wait_for(executed, "the coordinates to come to the end of the source's log")

    @unittest.skipUnless(IS_MYSQL, "MariaDB tells no executed set")
    def test_errant_gtids_are_injected_or_forgotten(self):
        c = self.start(3)
        self.fill(c[1], 1)
        self.arrives(10, at=c.nodes)
        self.discover(c)
        self.refuses("-c", "gtid-errant-reset-master", "-i", c[3], saying="because no errant GTID is found")

        def err(node):
            node.sql("SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0; CREATE TABLE app.mine (i INT);"
                     " INSERT INTO app.mine VALUES (1); DROP TABLE app.mine; SET GLOBAL super_read_only = 1")
        err(c[3])
        self.assertNotEqual(self.does("-c", "which-gtid-errant", "-i", c[3]).lines, [""])
        self.refuses("-c", "gtid-errant-reset-master", "-i", c[1], saying="because no errant GTID is found")
        self.does("-c", "gtid-errant-reset-master", "-i", c[3])
        self.assertEqual(self.does("-c", "which-gtid-errant", "-i", c[3]).lines, [""])
        self.follows(c[3], c[1])
        err(c[2])
        self.does("gtid-errant-inject-empty", c[2])
        self.write(c[1], 11)
        self.all_have(c, 11)
        self.assertEqual(self.does("-c", "which-gtid-errant", "-i", c[2]).lines, [""])
        sets = {node.sql("SELECT @@gtid_executed").replace("\\n", "") for node in c.nodes}
        self.assertEqual(len(sets), 1, sets)

    @unittest.skipUnless(IS_MYSQL, "for GTIDs with tags")
    def test_a_history_that_could_not_be_given_back_is_not_reset(self):
        c = self.start(2)
        self.discover(c)
        c[1].sql("SET gtid_next = 'AUTOMATIC:nightly'; CREATE TABLE app.tagged (i INT PRIMARY KEY)")
        c[2].sql("SET GLOBAL super_read_only = 0; CREATE DATABASE strange; SET GLOBAL super_read_only = 1")
        before = c[2].sql("SELECT @@gtid_executed")
        self.refuses("-c", "gtid-errant-reset-master", "-i", c[2], saying="need the TRANSACTION_GTID_TAG")
        self.assertIn(before.split(":")[0], c[2].sql("SELECT @@gtid_executed"))
        self.follows(c[2], c[1])
        c[1].sql("GRANT TRANSACTION_GTID_TAG ON *.* TO orchestrator@'%'")
        c.wait_for(lambda: "TRANSACTION_GTID_TAG" in c[2].sql("SHOW GRANTS FOR orchestrator@'%'"), "the grant to arrive")
        self.does("-c", "gtid-errant-reset-master", "-i", c[2])
        self.follows(c[2], c[1])
        self.assertEqual(self.does("-c", "which-gtid-errant", "-i", c[2]).lines, [""])
        c.wait_for(lambda: c[2].sql("SELECT @@gtid_executed") == c[1].sql("SELECT @@gtid_executed"),
                   "both to have the same")

    @unittest.skipIf(IS_MYSQL, "for MariaDB")
    def test_mariadb_has_no_errant_set_to_work_on(self):
        c = self.start(2)
        self.discover(c)
        self.refuses("-c", "gtid-errant-reset-master", "-i", c[2], saying="it is not using oracle-gtid")


if __name__ == "__main__":
    unittest.main()
