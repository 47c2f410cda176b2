"""Who is promoted where replicas follow by coordinates, or not all by GTID: the one that has received the most."""
import threading
import time
import unittest

from live_case import IS_MYSQL, LiveCase


class Measure(LiveCase):
    def rows(self, node):
        return int(node.sql("SELECT COUNT(*) FROM app.seq"))

    def write_rows(self, node, first, count):
        for number in range(first, first + count):
            self.write(node, number)

    def by_coordinates(self, node):
        node.sql("STOP SLAVE; CHANGE MASTER TO MASTER_USE_GTID = no; START SLAVE")
        node.cluster.wait_for(node.replicates, f"{node} to replicate")

    def to_gtid_mode(self, cluster, last):
        for mode in "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON":
            for node in cluster.nodes:
                node.sql(f"SET GLOBAL enforce_gtid_consistency = ON; SET GLOBAL gtid_mode = {mode}")
            self.write(cluster[1], 900 + len(mode))
            self.arrives(900 + len(mode), at=cluster.nodes[1:])
            if mode == last:
                return

    def test_names_of_logs_with_another_base_say_nothing_of_who_is_ahead(self):
        c = self.start(4, gtid=False)
        self.write_rows(c[1], 1, 3)
        self.arrives(3, at=c.nodes)
        c[4].sql("STOP REPLICA")
        index = c[1].sql("SELECT @@log_bin_index")
        c[1].end()
        kept = [line for line in c[1].cnf.read_text().splitlines() if not line.startswith("log_bin")]
        c[1].cnf.write_text("\n".join([*kept, "log_bin=abin", f"log_bin_index={index}", ""]))
        c[1].start()
        c[1].sql("SET GLOBAL read_only = 0")
        self.write_rows(c[1], 10, 20)
        self.arrives(29, at=[c[2], c[3]])
        self.discover(c)
        self.discover(c, 4)
        self.refuses("-c", "purge-binary-logs", "-i", c[1], "--binlog", "abin.000001", saying="has only applied up to bin.")
        c[1].kill()
        done = self.does_in_part("failover", c.name)
        new = self.promoted(done, c)
        self.assertIn(new, (c[2], c[3]))
        self.assertEqual(self.rows(new), 23)
        self.assertIn(f"{c[4]}: stopped at bin.0", done.err)
        self.assertIn("is no place in the log", done.err)
        self.heals(c, new, [c[2] if new is c[3] else c[3]])

    def test_a_master_without_gtid_that_answers_gives_the_new_one_what_it_has(self):
        for tree in "star", "1<>2,1>3":
            with self.subTest(tree=tree):
                c = self.start(3, tree, gtid=False)
                self.write_rows(c[1], 1, 3)
                self.arrives(3, at=c.nodes)
                self.discover(c)
                for _ in range(5):  # the numbers of its logs are ahead of its partner's
                    c[1].sql("FLUSH BINARY LOGS")
                for node in c[2], c[3]:
                    node.sql("STOP REPLICA IO_THREAD")
                self.write_rows(c[1], 10, 20)
                self.assertIn("Would be lost: nothing\n", self.does("failover", c[1], "--dry-run").out)
                done = self.does_in_part("failover", c[1])
                new = self.promoted(done, c)
                self.assertEqual(self.rows(new), 23)
                self.assertRegex(done.out, r"lost +nothing\n")

    def test_a_co_master_without_gtid_is_measured_by_its_own_log(self):
        c = self.start(4, "1<>2,1>3,1>4", gtid=False)
        self.write_rows(c[1], 1, 7)
        self.arrives(7, at=c.nodes)
        self.discover(c)
        begun = time.monotonic()
        done = self.does("failover", c[1])
        self.assertLess(time.monotonic() - begun, 9)
        self.assertRegex(done.out, r"lost +nothing\n")
        self.heals(c, c[2], [c[3], c[4]])

    @unittest.skipIf(IS_MYSQL, "MySQL's sets are known of all where one follows by GTID")
    def test_the_one_by_gtid_is_not_promoted_over_those_by_coordinates_who_have_more(self):
        for stale in 2, 4:
            with self.subTest(stale=stale):
                c = self.start(4)
                self.write_rows(c[1], 1, 3)
                self.arrives(3, at=c.nodes)
                others = [node for node in c.nodes[1:] if node is not c[stale]]
                for node in others:
                    self.by_coordinates(node)
                self.discover(c)
                c[stale].sql("STOP SLAVE IO_THREAD")
                self.write_rows(c[1], 10, 20)
                self.arrives(29, at=others)
                c[1].kill()
                new = self.promoted(self.does("failover", c.name), c)
                self.assertIn(new, others)
                self.assertEqual(self.rows(new), 23)
                self.heals(c, new, [node for node in c.nodes[1:] if node is not new])
                self.assertEqual(self.rows(c[stale]), 24)

    @unittest.skipIf(IS_MYSQL, "MySQL tells coordinates from the beginning")
    def test_coordinates_that_are_not_known_yet_are_waited_for(self):
        c = self.start(3, gtid=False)
        self.discover(c)
        ends = threading.Event()

        def write():
            for number in range(1, 400):
                if ends.wait(0.05):
                    return
                self.write(c[1], number)
        writing = threading.Thread(target=write)
        writing.start()
        try:
            for _ in range(3):
                self.does("-c", "enable-gtid", "-i", c[3])
                self.does("-c", "disable-gtid", "-i", c[3])
                self.assertRegex(c[3].replica_status()["Master_Log_File"], r"^bin\.\d+$")
        finally:
            ends.set()
            writing.join()
        self.follows(c[3], c[1])
        c[3].cluster.wait_for(lambda: self.rows(c[3]) == self.rows(c[1]), "all to arrive")

    @unittest.skipIf(not IS_MYSQL, "MariaDB knows no gtid_mode")
    def test_sets_in_which_no_transaction_of_the_masters_is_are_no_measure(self):
        c = self.start(4, gtid=False)
        self.to_gtid_mode(c, "OFF_PERMISSIVE")
        self.discover(c)
        c[2].sql("STOP REPLICA IO_THREAD")
        self.write_rows(c[1], 10, 20)
        self.arrives(29, at=[c[3], c[4]])
        c[1].kill()
        new = self.promoted(self.does_in_part("failover", c.name), c)
        self.assertIn(new, (c[3], c[4]))
        self.assertEqual(self.rows(new), 21)
        self.heals(c, new, [c[4] if new is c[3] else c[3]])

    @unittest.skipIf(not IS_MYSQL, "MariaDB knows no gtid_mode")
    def test_anonymous_transactions_that_were_received_are_applied(self):
        c = self.start(3, gtid=False)
        self.to_gtid_mode(c, "OFF_PERMISSIVE")
        self.discover(c)
        holders = [node.session("LOCK TABLES app.seq READ; SELECT 1;") for node in c.nodes[1:]]
        for holder in holders:
            self.addCleanup(holder.kill)
        self.write_rows(c[1], 10, 20)
        end = c[1].sql("SHOW BINARY LOG STATUS").split("\t")[1]
        for node in c.nodes[1:]:
            c.wait_for(lambda n=node: n.replica_status()["Read_Source_Log_Pos"] == end, "all to be received")
        c[1].kill()
        release = threading.Timer(1, lambda: [holder.kill() for holder in holders])
        release.start()
        new = self.promoted(self.does("failover", c.name), c)
        release.join()
        self.assertEqual(self.rows(new), 21)

    @unittest.skipIf(not IS_MYSQL, "MariaDB knows no gtid_mode")
    def test_replicas_with_gtids_that_follow_by_coordinates_are_gathered(self):
        c = self.start(4, gtid=False)
        self.to_gtid_mode(c, "ON")
        self.write_rows(c[1], 10, 5)
        self.arrives(14, at=c.nodes[1:])
        self.discover(c)
        c[1].kill()
        new = self.promoted(self.does("failover", c.name), c)
        self.heals(c, new, [node for node in c.nodes[1:] if node is not new])
