"""The server to be promoted gets what others hold, and nothing that does not belong to it."""
import threading
import unittest

from live_case import IS_MYSQL, LiveCase


class Fetch(LiveCase):
    def failed_over_when_the_fourth_alone_has_ten_rows(self, c):
        self.does("-c", "register-candidate", "-i", c[4], "--promotion-rule", "must_not")
        for node in (c[2], c[3]):
            node.sql("STOP REPLICA IO_THREAD")
        for number in range(1, 11):
            self.write(c[1], number)
        self.arrives(10, at=[c[4]])
        c[1].kill()
        return self.does_in_part("failover", c.name)

    @unittest.skipIf(IS_MYSQL, "MySQL tells beforehand what it has purged")
    def test_what_a_server_that_has_it_cannot_send_any_more_is_not_waited_for(self):
        c = self.start(4)
        self.discover(c)
        self.does("-c", "register-candidate", "-i", c[4], "--promotion-rule", "must_not")
        for node in (c[2], c[3]):
            node.sql("STOP REPLICA IO_THREAD")
        self.write(c[1], 1)
        self.arrives(1, at=[c[4]])
        c[4].sql("FLUSH BINARY LOGS; FLUSH BINARY LOGS")
        last = c[4].sql("SHOW MASTER STATUS").split("\t")[0]
        c.wait_for(lambda: c[4].sql(f"PURGE BINARY LOGS TO '{last}'; SHOW BINARY LOGS").count("\n") == 0, "it to purge")
        c[1].kill()
        done = self.does_in_part("failover", c.name)
        self.assertRegex(done.err, f"left behind: {c[4]}: has at most 1 transaction")
        self.assertNotIn("in vain", done.err)

    def test_what_a_dead_intermediates_replica_alone_has_is_fetched_from_it(self):
        c = self.start(4, "1>2,2>3,1>4")
        self.discover(c)
        self.does("-c", "register-candidate", "-i", c[3], "--promotion-rule", "must_not")
        c[4].sql("STOP REPLICA IO_THREAD")
        for number in range(1, 11):
            self.write(c[1], number)
        self.arrives(10, at=[c[3]])
        c[1].kill()
        c[2].kill()
        done = self.does("failover", c.name)
        self.assertIs(self.promoted(done, c), c[4])
        self.assertEqual(c[4].sql("SELECT COUNT(*) FROM app.seq"), "10")
        self.heals(c, c[4], [c[3]])

    def test_whom_the_winner_follows_applies_what_it_received_first(self):
        for gtid in True, False:
            with self.subTest(gtid=gtid):
                c = self.start(4, "1>2,2>3,2>4", gtid=gtid)
                self.discover(c)
                holder = c[2].session("LOCK TABLES app.seq READ; SELECT 1;")
                self.addCleanup(holder.kill)
                for number in range(1, 11):
                    self.write(c[1], number)
                end = c[1].sql("SHOW BINARY LOG STATUS" if IS_MYSQL else "SHOW MASTER STATUS").split("\t")[1]
                place = "Read_Source_Log_Pos" if IS_MYSQL else "Read_Master_Log_Pos"
                c.wait_for(lambda: c[2].replica_status()[place] == end, "all to be received")
                c[1].kill()
                release = threading.Timer(1, holder.kill)
                release.start()
                done = self.does("failover", c.name, "--to", c[3])
                release.join()
                self.assertIs(self.promoted(done, c), c[3])
                self.assertEqual(c[3].sql("SELECT COUNT(*) FROM app.seq"), "10")
                self.assertIn("nothing", done.out)
                self.heals(c, c[3], [c[2], c[4]])

    def test_who_replicates_by_way_of_a_server_that_filters_is_not_promoted_over_a_whole_one(self):
        c = self.start(4, "1>2,2>3,1>4")
        c[2].sql("STOP REPLICA; CHANGE REPLICATION FILTER REPLICATE_IGNORE_TABLE = (app.seq); START REPLICA" if IS_MYSQL
                 else "STOP REPLICA; SET GLOBAL replicate_ignore_table = 'app.seq'; START REPLICA")
        self.discover(c)
        self.does("-c", "register-candidate", "-i", c[3], "--promotion-rule", "prefer")
        self.write(c[1], 1)
        c[1].sql("CREATE TABLE app.other (id INT PRIMARY KEY)")
        for node in (c[3], c[4]):
            c.wait_for(lambda n=node: n.sql("SHOW TABLES FROM app LIKE 'other'") == "other", f"the table at {node}")
        c[1].kill()
        c[2].kill()
        text = f"replicates by way of {c[2]}, which filters what it replicates, so that rows may be missing"
        self.assertIn(text, self.does("explain", "failover", c.name).out)
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[4])
        self.assertEqual(c[4].sql("SELECT COUNT(*) FROM app.seq"), "1")

    def test_one_that_cannot_apply_what_it_fetched_is_promoted_as_it_was(self):
        c = self.start(4)
        self.discover(c)
        for node in c.nodes[1:]:  # by hand, on each
            row = f"INSERT INTO app.seq VALUES (5000, 5000, {node.number})"
            node.sql(f"SET GLOBAL super_read_only = 0; {row}; SET GLOBAL super_read_only = 1" if IS_MYSQL
                     else f"SET SESSION gtid_domain_id = {node.number + 10}; {row}")
        done = self.failed_over_when_the_fourth_alone_has_ten_rows(c)
        new = self.promoted(done, c)
        self.assertIn(new.number, (2, 3))
        self.assertFalse(self.read_only(new))
        self.assertEqual(new.sql("SELECT seq, server FROM app.seq"), f"5000\t{new.number}")
        self.assertIn(f"that {c[4]} has received and the new primary lacks", done.err)
        other = c[5 - new.number]
        self.assertNotEqual(other.source(), str(c[4]), "the other one stays where it could not fetch")

    def test_one_that_cannot_apply_what_it_fetched_gives_way_to_one_that_can(self):
        c = self.start(4)
        self.discover(c)
        c[2].sql(("SET GLOBAL super_read_only = 0; " if IS_MYSQL else "")
                 + "SET sql_log_bin = 0; INSERT INTO app.seq (id, seq, server) VALUES (1, 999, 2)"
                 + ("; SET GLOBAL super_read_only = 1" if IS_MYSQL else ""))  # drifted
        done = self.failed_over_when_the_fourth_alone_has_ten_rows(c)
        self.assertIs(self.promoted(done, c), c[3])
        self.assertEqual(c[3].sql("SELECT COUNT(*) FROM app.seq"), "10")
        self.assertIn(f"left behind: {c[2]}", done.err)
        self.follows(c[4], c[3])

    def test_nothing_is_fetched_from_a_replica_of_several_sources(self):
        c = self.start(3)
        other = self.start(1, settings=() if IS_MYSQL else ("gtid_domain_id=9",))
        other[1].sql("CREATE DATABASE shard; USE shard; CREATE TABLE t (id INT PRIMARY KEY)")
        login = f"_HOST = '{other[1].host}', {{0}}_PORT = {other[1].port}, {{0}}_USER = 'repl', {{0}}_PASSWORD = 'repl_password', "
        if IS_MYSQL:
            c[3].sql("CHANGE REPLICATION SOURCE TO SOURCE" + login.format("SOURCE") + "SOURCE_AUTO_POSITION = 1, "
                     "GET_SOURCE_PUBLIC_KEY = 1 FOR CHANNEL 'b'; CHANGE REPLICATION FILTER REPLICATE_DO_DB = (shard) "
                     "FOR CHANNEL 'b'; START REPLICA FOR CHANNEL 'b'")
        else:
            c[3].sql("STOP SLAVE; CHANGE MASTER 'b' TO MASTER" + login.format("MASTER") + "MASTER_USE_GTID = slave_pos; "
                     "SET @@default_master_connection = 'b'; SET GLOBAL b.replicate_do_db = 'shard'; START SLAVE 'b'; "
                     "SET @@default_master_connection = ''; START SLAVE")
        c.wait_for(lambda: c[3].sql("SHOW TABLES FROM shard") == "t"
                   if "shard" in c[3].sql("SHOW DATABASES") else False, "the other cluster's table")
        self.write(c[1], 1)
        self.arrives(1, at=[c[2], c[3]])
        self.discover(c)
        c[1].kill()
        done = self.does_in_part("failover", c.name)
        self.assertIs(self.promoted(done, c), c[2])
        self.assertNotIn("shard", c[2].sql("SHOW DATABASES"))
        self.assertNotIn("has received and the new primary lacks", done.out + done.err)


if __name__ == "__main__":
    unittest.main()
