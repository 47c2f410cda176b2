"""A master dies, and what a replica has received of it waits at its applier: for a delay, or for a rest that never comes."""
import json
import time
import unittest

from live_case import FLAVOR, IS_MYSQL, LiveCase

ROW = 1000000
# InnoDB's own list of transactions gets no newer while it is asked for again and again.
APPLIES_PART = "FROM performance_schema.replication_applier_status_by_worker JOIN performance_schema." \
    "replication_connection_status USING (channel_name) WHERE applying_transaction = queueing_transaction AND queueing_transaction <> ''"


class HeldBack(LiveCase):
    @unittest.skipIf(IS_MYSQL, "MySQL changes a delay while it receives")
    def test_a_delayed_replica_that_alone_has_all_is_promoted_with_it(self):
        c = self.start(4, "1>2,1>3,2>4")
        self.discover(c)
        self.hold_back(c[1], c[2], [c[3]])
        position = c[1].sql("SELECT @@gtid_binlog_pos")
        c[1].kill()
        shown = self.does("failover", c.name, "--dry-run")
        self.assertNotIn("passed over", shown.out)
        status = c[2].replica_status()
        self.assertEqual((status["SQL_Delay"], status["Using_Gtid"]), ("3600", "Slave_Pos"))
        done = self.does("failover", c.name)
        self.assertIs(self.promoted(done, c), c[2])
        self.assertRegex(done.out, r"lost +nothing; what .* wrote after its last record is unknown\n")
        self.assertEqual(c[2].sql("SELECT @@gtid_slave_pos"), position)
        self.assertEqual(c[2].sql("SELECT GROUP_CONCAT(seq ORDER BY id) FROM app.seq"), ",".join(map(str, range(1, 21))))
        self.heals(c, c[2], [c[3], c[4]])
        for replica in (c[3], c[4]):
            self.follows(replica, c[2])
            self.assertEqual(replica.sql("SELECT COUNT(DISTINCT seq), COUNT(*) FROM app.seq"), "21\t21")
            self.assertEqual(replica.replica_status()["Using_Gtid"], "Slave_Pos")

    @unittest.skipIf(IS_MYSQL, "MySQL changes a delay while it receives")
    def test_a_dry_run_says_why_a_delayed_replica_is_passed_over(self):
        c = self.start(3)
        self.discover(c)
        c[1].sql("SET SESSION gtid_domain_id = 5; CREATE DATABASE another")
        c.wait_for(lambda: all("5-" in n.sql("SELECT @@gtid_slave_pos") for n in c.nodes[1:]), "the second domain to arrive")
        self.hold_back(c[1], c[2], [c[3]])
        c[1].kill()
        shown = self.does("failover", c.name, "--dry-run")
        self.assertRegex(shown.out, rf"1\. {c[2]}  has received the most; passed over: .*it is delayed by 3600s")
        first = json.loads(self.does("failover", c.name, "--dry-run", "--json").out)["Candidates"][0]
        self.assertEqual((first["Key"]["Port"], first["Fit"]), (c[2].port, True))
        self.assertIn("; passed over: ", first["Because"])

    @unittest.skipIf(IS_MYSQL, "MySQL's applier can be started alone")
    def test_a_replica_that_somebody_stopped_is_promoted_with_what_it_holds(self):
        c = self.start(3)
        self.discover(c)
        c[3].sql("STOP REPLICA IO_THREAD")
        c[2].sql("STOP REPLICA SQL_THREAD")
        for number in range(1, 21):
            self.write(c[1], number)
        end = c[1].sql("SHOW MASTER STATUS").split("\t")[1]
        c.wait_for(lambda: c[2].replica_status()["Read_Master_Log_Pos"] == end, f"{c[2]} to receive all")
        c[2].sql("STOP REPLICA")
        c[1].kill()
        self.assertIn("Would be lost: nothing", self.does("failover", c.name, "--dry-run").out)
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[2])
        self.assertEqual(c[2].sql("SELECT COUNT(*) FROM app.seq"), "20")
        self.heals(c, c[2], [c[3]])

    def test_what_is_done_for_a_delayed_replica_is_what_a_dry_run_showed(self):
        c = self.start(3)
        self.discover(c)
        self.hold_back(c[1], c[2], [c[3]])
        c[1].kill()

        def steps(key, *words):
            found = json.loads(self.does(*words, "--json").out)[key]
            return [(step["Server"]["Port"], step["Action"]) for step in found if step["Server"]]
        shown = steps("Steps", "failover", c.name, "--dry-run")
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[2])
        self.assertEqual([step for step in steps("Journal", "recovery", "show", "1") if step not in shown], [])

    def test_a_delayed_replica_without_gtid_is_promoted_with_all_that_it_holds(self):
        for nodes, tree in ((2, "1>2"), (3, "1>2,1>3"), (3, "1>2,2>3")):
            c = self.start(nodes, tree, gtid=False)
            self.discover(c)
            self.hold_back(c[1], c[2], [node for node in c.nodes[2:] if tree == "1>2,1>3"])
            c[1].kill()
            done = self.orch("failover", c.name)
            self.assertIn(done.code, (0, 1), done)
            self.assertIs(self.promoted(done, c), c[2])
            self.assertNotIn("has received", done.out)
            self.assertEqual(c[2].sql("SELECT COUNT(DISTINCT seq), COUNT(*) FROM app.seq"), "20\t20", tree)
            self.heals(c, c[2], [c[3]] if tree == "1>2,2>3" else [])

    def purge(self, master, node):
        """All that the node has logged but for one more row."""
        node.sql("FLUSH BINARY LOGS")
        last = node.sql("SHOW BINARY LOGS").splitlines()[-1].split("\t")[0]
        self.write(master, 500 + node.number)
        self.arrives(500 + node.number, at=[node])
        def purged():
            node.sql(f"PURGE BINARY LOGS TO '{last}'")
            return node.sql("SHOW BINARY LOGS").startswith(last)
        node.cluster.wait_for(purged, f"{node} to need its older logs no more")

    def test_a_delayed_replica_keeps_what_the_others_have_purged(self):
        for taken_over in (True, False):
            c = self.start(4)
            self.discover(c)
            self.write(c[1], 1)
            self.arrives(1, at=c.nodes[1:])
            self.delay(c[3], 30)
            c.wait_for(c[3].replicates, f"{c[3]} to receive")
            for number in range(2, 22):
                self.write(c[1], number)
            for node in (c[2], c[4]):
                self.purge(c[1], node)
            if taken_over:
                self.refuses("takeover", c[1], "--to", c[2], saying="purged")
                self.assertFalse(self.read_only(c[1]))
                self.refuses("-c", "relocate", "-i", c[3], "-d", c[2], saying="purged")
                self.follows(c[3], c[1])
                c.down()
            else:
                c[1].kill()
                shown = self.orch("failover", c.name, "--dry-run", "--to", c[2])
                self.assertRegex(shown.out, rf"{c[3]}.*purged")
                done = self.does_in_part("failover", c.name, "--to", c[2])
                self.assertRegex(done.out + done.err, rf"{c[3]}.*purged")
                self.heals(c, c[2], [c[4]])
                self.assertFalse(self.has(c[3], 2))
                self.arrives(504, at=[c[3]])
                self.assertEqual(c[3].sql("SELECT COUNT(DISTINCT seq), COUNT(*) FROM app.seq"), "23\t23")

    def cut_in_the_middle(self, master, *replicas):
        """The master is killed while it sends a large transaction, which nobody is told to be committed."""
        for replica in replicas:
            replica.sql("STOP REPLICA IO_THREAD; FLUSH LOCAL RELAY LOGS; START REPLICA IO_THREAD")
        master.cluster.wait_for(lambda: master.sql("SHOW STATUS LIKE 'Rpl_semi_sync_source_clients'").endswith(f"\t{len(replicas)}"),
                                f"{replicas} to acknowledge")

        def received(choose=min):
            return choose(max(replica.data.glob("relay.0*")).stat().st_size for replica in replicas)
        writer = master.session("SELECT 1; BEGIN;" + f"INSERT INTO app.big (t) VALUES (REPEAT('x', {ROW}));" * 40 + "COMMIT;")
        self.addCleanup(writer.communicate)
        self.addCleanup(writer.kill)
        end = time.monotonic() + 60
        while received() < 3 * ROW and time.monotonic() < end:
            pass  # it takes a fraction of a second in all
        master.freeze()
        self.assertLess(received(max), 40 * ROW, "the master could not be stopped in time")
        for replica in replicas:
            replica.cluster.wait_for(lambda one=replica: one.sql(f"SELECT COUNT(*) {APPLIES_PART}") == "1",
                                     f"{replica} to begin with the transaction")
        master.kill()

    @unittest.skipUnless(FLAVOR == "mysql", "MySQL's applier waits for the rest of a transaction")
    def test_half_a_transaction_holds_up_no_failover(self):
        for workers, gtid in ((4, True), (1, True), (4, False)):
            c = self.start(3, gtid=gtid, semi_sync=True, settings=["1:rpl_semi_sync_source_timeout=600000",
                                                        f"replica_parallel_workers={workers}"])
            self.discover(c)
            c[1].sql("CREATE TABLE app.big (id INT AUTO_INCREMENT PRIMARY KEY, t LONGBLOB);"
                     "GRANT SYSTEM_USER ON *.* TO orchestrator@'%'")
            for number in range(1, 6):
                self.write(c[1], number)
            self.arrives(5, at=c.nodes[1:])
            c[3].sql("STOP REPLICA IO_THREAD")
            self.cut_in_the_middle(c[1], c[2])
            done = self.does("failover", c.name, "--to", c[2])
            self.assertIs(self.promoted(done, c), c[2])
            self.assertIn(f"the transaction that {c[2]} had received in part was rolled back", done.out + done.err)
            self.assertEqual(c[2].sql("SELECT COUNT(*) FROM app.seq"), "5")
            self.assertEqual(c[2].sql("SELECT COUNT(*) FROM app.big"), "0")
            self.heals(c, c[2], [c[3]])

    @unittest.skipUnless(FLAVOR == "mysql", "MySQL's applier waits for the rest of a transaction")
    def test_nobody_is_left_behind_whose_applier_may_not_be_ended(self):
        c = self.start(4, semi_sync=True, settings=["1:rpl_semi_sync_source_timeout=600000"])
        self.discover(c)
        c[1].sql("CREATE TABLE app.big (id INT AUTO_INCREMENT PRIMARY KEY, t LONGBLOB)")
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes[1:])
        c[4].sql("STOP REPLICA IO_THREAD")
        self.cut_in_the_middle(c[1], c[2], c[3])
        done = self.does("failover", c.name, "--to", c[2], seconds=170)
        self.assertIs(self.promoted(done, c), c[2])
        self.assertEqual(c[2].sql("SELECT COUNT(*) FROM app.big"), "0")
        self.heals(c, c[2], [c[3], c[4]])


if __name__ == "__main__":
    unittest.main()
