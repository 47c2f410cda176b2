"""Who may lack rows that it has executed is passed over, or promoted with a word about it; whatever left them out."""
import unittest

from live_case import FLAVOR, IS_MYSQL, LiveCase
from service_case import ServiceCase

READ_ONLY = "super_read_only" if IS_MYSQL else "read_only"
CHANGE = "CHANGE REPLICATION SOURCE TO" if IS_MYSQL else "CHANGE MASTER TO"


class Filters(LiveCase):
    def rows(self, node):
        return int(node.sql("SELECT COUNT(*) FROM app.seq"))

    def have(self, count, nodes):
        for node in nodes:
            node.cluster.wait_for(lambda n=node: self.rows(n) == count, f"{count} rows at {node}")

    def whole_one_is_promoted(self, c):
        """1 is killed, 2 lacks some of its five rows, 3 has all."""
        self.have(5, [c[1], c[3]])
        self.assertLess(self.rows(c[2]), 5)
        self.discover(c)
        self.config["DataLossPolicy"] = "refuse"
        c[1].kill()
        self.assertIn("so that rows may be missing", self.does("explain", "failover", c.name).out)
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[3])
        self.assertEqual(self.rows(c[3]), 5)

    @unittest.skipIf(IS_MYSQL, "MySQL has no GTID domains")
    def test_one_that_leaves_out_a_gtid_domain(self):
        for option in ("IGNORE_DOMAIN_IDS = (5)", "DO_DOMAIN_IDS = (0)"):
            with self.subTest(option):
                c = self.start(3)
                c[2].sql(f"STOP REPLICA; {CHANGE} {option}; START REPLICA")
                for number in range(1, 5):
                    c[1].sql(f"SET gtid_domain_id = 5; INSERT INTO app.seq (seq, server) VALUES ({number}, 1)")
                self.write(c[1], 5)
                self.arrives(5, at=[c[2]])
                self.whole_one_is_promoted(c)

    def test_one_that_leaves_out_what_a_server_wrote(self):
        c = self.start(4, "4>1,1>2,1>3", gtid=False)
        c[2].sql(f"STOP REPLICA; {CHANGE} IGNORE_SERVER_IDS = ({c[4].port}); START REPLICA")
        for number in range(1, 5):
            self.write(c[4], number)
        self.have(4, [c[1], c[3]])
        c[1].sql("STOP REPLICA; RESET REPLICA ALL; SET GLOBAL read_only = 0")
        c[4].kill()
        self.write(c[1], 5)
        self.arrives(5, at=[c[2]])
        self.whole_one_is_promoted(c)

    def test_one_that_leaves_out_what_it_wrote_itself_is_whole(self):
        c = self.start(2, gtid=not IS_MYSQL)
        c[2].sql(f"STOP REPLICA; {CHANGE} IGNORE_SERVER_IDS = ({c[2].port}); START REPLICA")
        self.discover(c)
        self.assertNotIn("filters", self.does("topology", c[1]).out)
        self.assertEqual(self.does("tags", c[2]).lines, [])

    def test_one_whose_rows_come_into_another_database(self):
        c = self.start(3)
        made = "STOP REPLICA; SET sql_log_bin = 0; CREATE DATABASE app2; CREATE TABLE app2.seq LIKE app.seq;"
        c[2].sql(f"SET GLOBAL super_read_only = 0; {made} SET GLOBAL super_read_only = 1;"
                 "CHANGE REPLICATION FILTER REPLICATE_REWRITE_DB = ((app, app2)); START REPLICA" if IS_MYSQL
                 else f"{made} SET GLOBAL replicate_rewrite_db = 'app->app2'; START REPLICA")
        for number in range(1, 6):
            self.write(c[1], number)
        c.wait_for(lambda: c[2].sql("SELECT COUNT(*) FROM app2.seq") == "5", "the rows at 2")
        self.whole_one_is_promoted(c)

    def test_one_that_skips_errors(self):
        c = self.start(3, settings=[f"2:{'replica' if IS_MYSQL else 'slave'}_skip_errors=1062"])

        def alone(statement):
            c[2].sql(f"SET sql_log_bin = 0; SET GLOBAL read_only = 0; {statement}; SET GLOBAL {READ_ONLY} = 1")
        alone("INSERT INTO app.seq VALUES (3, -1, -1)")
        for number in range(1, 6):
            self.write(c[1], number)
        self.arrives(5, at=[c[2]])
        alone("DELETE FROM app.seq WHERE seq = -1")
        self.discover(c)
        self.assertRegex(self.orch("doctor").out, rf"replication-filters\n +{c[2]}: it skips errors")
        self.whole_one_is_promoted(c)


@unittest.skipIf(FLAVOR == "mariadb", "MariaDB tells in a harmless way what it does not log as of 11.7")
class BinlogFilters(LiveCase):
    def test_a_server_that_does_not_log_all_is_ranked_behind(self):
        c = self.start(3, settings=["2:binlog_ignore_db=app"])
        self.write(c[1], 1)
        self.arrives(1, at=[c[2], c[3]])
        self.discover(c)
        self.assertRegex(self.orch("doctor").out, rf"binlog-filters\n +{c[2]}: it leaves databases out")
        c[1].kill()
        self.assertIn("leaves databases out of its binary log", self.does("explain", "failover", c.name).out)
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[3])

    def test_nothing_is_fetched_from_it(self):
        c = self.start(3, settings=["2:binlog_ignore_db=app"])
        self.discover(c)
        self.does("register-candidate", c[2], "--promotion-rule", "must_not")
        c[3].sql("STOP REPLICA IO_THREAD")
        self.write(c[1], 1)
        self.arrives(1, at=[c[2]])
        c[1].kill()
        done = self.does_in_part("failover", c.name)
        self.assertIs(self.promoted(done, c), c[3])
        self.assertRegex(done.out, f"lost +.*1 transaction.* that {c[2]} has received and the new primary lacks")
        self.assertNotEqual(c[2].source(), str(c[3]))

    def test_who_is_promoted_all_the_same_is_named(self):
        c = self.start(2, settings=["2:binlog_ignore_db=app"])
        self.discover(c)
        self.refuses("takeover", c.name, saying="leaves databases out of its binary log")
        done = self.does("takeover", c.name, "--to", c[2])
        self.assertRegex(done.out, "lost +nothing")
        self.assertIn(f"{c[2]} leaves databases out of its binary log", done.err)

    def test_what_a_master_did_not_log_it_had_alone(self):
        c = self.start(3, settings=["1:binlog_ignore_db=scratch"])
        c[1].sql("CREATE DATABASE scratch; USE scratch; CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)")
        self.write(c[1], 1)
        self.arrives(1, at=[c[2], c[3]])
        self.assertEqual(c[2].told("SELECT COUNT(*) FROM scratch.t"), "")
        self.discover(c)
        self.assertEqual(self.does("tags", c[2]).lines, [f"orch-incomplete={c[1]}"])
        c[1].kill()
        done = self.does("failover", c.name)
        self.assertIs(self.promoted(done, c), c[2])
        self.assertRegex(done.out, f"lost +unknown: {c[2]} may lack rows, by its tag orch-incomplete={c[1]}")


class MovedAway(ServiceCase):
    """3 was below 2, which filters, and is beside 4 now."""

    def start_filtering(self, serve=False):
        c = self.start(4, "1>2,2>3,1>4")
        self.discover(c)
        service = self.serve(c) if serve else None
        c[2].sql("STOP REPLICA; CHANGE REPLICATION FILTER REPLICATE_WILD_IGNORE_TABLE = ('app.big%'); START REPLICA" if IS_MYSQL
                 else "STOP REPLICA; SET GLOBAL replicate_wild_ignore_table = 'app.big%'; START REPLICA")
        c[1].sql("CREATE TABLE app.big1 (id INT PRIMARY KEY); INSERT INTO app.big1 VALUES (1), (2), (3)")
        self.write(c[1], 1)
        self.arrives(1, at=[c[2], c[3], c[4]])
        if serve:
            return c, service
        self.discover(c)
        return c

    def the_whole_one_is_promoted(self, c, how):
        if c[3].source() != str(c[1]):  # its sibling may have taken it in
            self.does("relocate", c[3], c[1])
        self.follows(c[3], c[1])
        self.assertEqual(c[3].sql("SHOW TABLES FROM app LIKE 'big1'"), "")
        self.assertEqual(c[4].sql("SELECT COUNT(*) FROM app.big1"), "3")
        self.assertEqual(self.does("tags", c[3]).lines, [f"orch-incomplete={c[2]}"])
        self.assertIn(f"may lack what {c[2]} left out", self.does("topology", c[1]).out)
        self.assertIn(f"orch untag {c[3]} orch-incomplete", self.orch("doctor").out)
        c[1].kill()
        how()
        self.assertEqual(c[4].sql("SELECT @@read_only"), "0")
        self.assertEqual(c[4].sql("SELECT COUNT(*) FROM app.big1"), "3")

    def test_by_the_recovery_of_the_one_that_filters(self):
        c = self.start_filtering()
        c[2].kill()
        self.assertIn("orch-incomplete", self.does("recover", c[2]).err)

        def failed_over():
            text = f"may lack rows, by its tag orch-incomplete={c[2]} (once it has them all: orch untag {c[3]} orch-incomplete)"
            self.assertIn(text, self.does("explain", "failover", c.name).out)
            self.assertIs(self.promoted(self.does("failover", c.name), c), c[4])
        self.the_whole_one_is_promoted(c, failed_over)

    def test_by_hand_until_somebody_says_that_it_is_whole(self):
        c = self.start_filtering()
        self.does("relocate", c[3], c[1])
        self.does("discover", c[1])
        self.assertEqual(self.does("tags", c[3]).lines, [f"orch-incomplete={c[2]}"])
        self.does("untag", c[3], "orch-incomplete")
        self.does("discover", c[1])
        self.assertEqual(self.does("tags", c[3]).lines, [])
        self.assertEqual(self.does("tags", c[2]).lines, [f"orch-incomplete={c[2]}"])
        c[1].kill()
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[3])

    def test_with_a_service(self):
        self.config["InstancePollSeconds"] = 1
        c, service = self.start_filtering(serve=True)
        c.wait_for(lambda: self.does("tags", c[3]).lines, "the tag of 3")
        c[2].kill()
        c.wait_for(lambda: c[3].source() != str(c[2]), "3 below another")

        def failed_over():
            c.wait_for(lambda: c[4].sql("SELECT @@read_only") == "0", lambda: f"4 to take writes: {service.told()}")
        self.the_whole_one_is_promoted(c, failed_over)


if __name__ == "__main__":
    unittest.main()
