"""Who may lack rows that it has executed is passed over, or promoted with a word about it; whatever left them out."""
import unittest

from live_case import IS_MYSQL, LiveCase

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


if __name__ == "__main__":
    unittest.main()
