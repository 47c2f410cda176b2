"""A healthy master hands over to a replica: nothing is lost, and never are two servers writable."""
import unittest
from concurrent.futures import ThreadPoolExecutor

from live_case import IS_MYSQL, LiveCase, Writer


class Takeover(LiveCase):
    def switched(self, cluster, new, others):
        self.assertFalse(self.read_only(new))
        for node in others:
            self.assertTrue(self.read_only(node), f"{node} is writable")
        self.write(new, 2000000)
        self.arrives(2000000, at=others)

    def test_a_named_replica_takes_over_and_the_old_master_follows_it(self):
        c = self.start(4)
        self.discover(c)
        self.does("takeover", c.name, "--to", c[3])
        for i in (1, 2, 4):
            self.follows(c[i], c[3])
        self.switched(c, c[3], [c[1], c[2], c[4]])

    @unittest.skipUnless(IS_MYSQL, "MariaDB has no such options of a link")
    def test_the_old_master_gets_a_link_like_that_of_the_replicas(self):
        c = self.start(3, tls=True)
        for node in c.nodes[1:]:
            node.sql("STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_RETRY_COUNT=77, SOURCE_CONNECT_RETRY=2,"
                     " SOURCE_COMPRESSION_ALGORITHMS='zstd', SOURCE_ZSTD_COMPRESSION_LEVEL=9, SOURCE_TLS_VERSION='TLSv1.3',"
                     " SOURCE_TLS_CIPHERSUITES='TLS_AES_256_GCM_SHA384'; START REPLICA")
        self.discover(c)
        self.does("takeover", c.name, "--to", c[2])
        self.follows(c[1], c[2])
        link = ("SELECT connection_retry_count, connection_retry_interval, compression_algorithm, zstd_compression_level,"
                " tls_version, tls_ciphersuites FROM performance_schema.replication_connection_configuration")
        self.assertEqual(c[1].sql(link).split(), ["77", "2", "zstd", "9", "TLSv1.3", "TLS_AES_256_GCM_SHA384"])
        self.assertEqual(c[3].sql(link), c[1].sql(link))

    def test_a_replica_that_knows_the_master_by_another_name_takes_over(self):
        self.config.update(HostnameResolveMethod="default", MySQLHostnameResolveMethod="@@report_host")
        c = self.start(3)
        word, change = ("SOURCE", "REPLICATION SOURCE") if IS_MYSQL else ("MASTER", "MASTER")
        c[3].sql(f"STOP REPLICA; CHANGE {change} TO {word}_HOST='localhost'; START REPLICA")
        self.discover(c)
        self.does("takeover", c.name, "--to", c[3])
        self.follows(c[1], c[3])
        self.follows(c[2], c[3])

    def test_a_replica_is_chosen_when_none_is_named(self):
        c = self.start(3)
        self.discover(c)
        self.does("takeover", c.name)
        new = [n for n in c.nodes if not self.read_only(n)]
        self.assertEqual(len(new), 1)
        self.assertIsNot(new[0], c[1])
        self.switched(c, new[0], [n for n in c.nodes if n is not new[0]])

    def test_nothing_is_lost_or_doubled_when_the_application_writes_on(self):
        c = self.start(3)
        self.discover(c)
        writer = Writer(c[1])
        self.assertTrue(writer.some.wait(60))
        self.does("takeover", c.name, "--to", c[2])
        writer.thread.join(10)  # the old master refuses it now
        acknowledged = writer.end()
        have = list(map(int, c[2].sql("SELECT seq FROM app.seq ORDER BY seq").split()))
        self.assertEqual(have, acknowledged)

    def test_a_replica_that_is_behind_follows_although_the_new_master_is_written_to(self):
        # The old master follows already, and passes on what the new one writes.
        c = self.start(4)
        self.discover(c)
        holder = c[4].session("LOCK TABLES app.seq READ; SELECT 1;")
        self.addCleanup(holder.communicate)
        self.addCleanup(holder.kill)
        self.write(c[1], 2000000)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.does, "takeover", c.name, "--to", c[2])
            c.wait_for(lambda: not self.read_only(c[2]), "the new master to take writes")
            writer = Writer(c[2])
            self.assertTrue(writer.some.wait(60), "the writer did not come to 200 writes")
            holder.kill()
            running.result()
        last = writer.end()[-1]
        for i in (1, 3, 4):
            self.follows(c[i], c[2])
        self.arrives(last, at=[c[1], c[3], c[4]])

    def test_a_transaction_that_is_open_cannot_be_committed_on_the_old_master(self):
        # REC-43
        for verb in ("takeover", "failover"):
            c = self.start(2)
            c[1].sql("CREATE USER app@localhost; GRANT ALL ON app.* TO app@localhost")
            self.discover(c)
            session = c[1].session("BEGIN; INSERT INTO app.seq (seq, server) VALUES (77, 1); SELECT 1;", user="app")
            self.addCleanup(session.kill)
            self.does(verb, c.name, "--to", c[2])
            session.communicate("COMMIT;\n")
            self.assertNotEqual(session.returncode, 0)
            for node in c.nodes:
                self.assertEqual(node.sql("SELECT COUNT(*) FROM app.seq WHERE seq = 77"), "0", f"{verb}: {node}")

    def test_the_compatible_command_leaves_the_old_master_a_stopped_replica(self):
        c = self.start(3, "1>2,2>3")
        self.discover(c)
        done = self.does("-c", "graceful-master-takeover", "--alias", c.name, "-d", c[2])
        self.assertEqual(done.lines[0], str(c[2]))
        self.assertRegex(done.lines[1], r"^bin\.\d+:\d+$")
        self.assertEqual(c[1].source(), str(c[2]))
        self.assertFalse(c[1].replicates())
        self.follows(c[3], c[2])

    def test_the_compatible_automatic_command_starts_replication_on_the_old_master(self):
        c = self.start(3)
        self.discover(c)
        done = self.does("-c", "graceful-master-takeover-auto", "--alias", c.name)
        new = next(n for n in c.nodes if str(n) == done.lines[0])
        self.switched(c, new, [n for n in c.nodes if n is not new])

    def test_there_and_back_again(self):
        c = self.start(3)
        self.discover(c)
        self.does("takeover", c.name, "--to", c[2])
        self.does("takeover", c.name, "--to", c[1])
        self.switched(c, c[1], [c[2], c[3]])

    def test_a_replica_that_stands_still_is_found_out_while_the_master_takes_writes(self):
        c = self.start(3)
        self.discover(c)
        holder = c[2].session("FLUSH TABLES WITH READ LOCK; SELECT 1;")
        self.write(c[1], 1)
        self.arrives(1, at=[c[3]])
        done = self.refuses("takeover", c.name, "--to", c[2], saying="does not keep up")
        self.assertNotIn("read-only: done", done.err)
        self.assertFalse(self.read_only(c[1]))
        holder.kill()
        holder.communicate()
        self.arrives(1, at=[c[2]])
        self.does("takeover", c.name, "--to", c[2])

    @unittest.skipIf(IS_MYSQL, "super_read_only binds all accounts")
    def test_while_an_account_writes_that_read_only_does_not_bind_there_is_no_takeover(self):
        for _ in range(6):  # where the writer gets no turn between two looks, it is not seen
            c = self.start(3)
            self.discover(c)
            writer = Writer(c[1], user="root")
            self.assertTrue(writer.some.wait(60))
            done = self.orch("takeover", c.name, "--to", c[2])
            acknowledged = writer.end()
            if "although it is read-only" in done.err:
                break
        self.assertIn("although it is read-only", done.err)
        self.assertNotEqual(done.code, 0, done)
        self.assertFalse(self.read_only(c[1]))
        self.assertTrue(self.read_only(c[2]))
        self.follows(c[2], c[1])
        self.arrives(acknowledged[-1], at=[c[2], c[3]])

    @unittest.skipIf(IS_MYSQL, "super_read_only binds all accounts")
    def test_who_may_go_on_writing_is_named_though_nobody_has_a_session(self):
        c = self.start(3, settings=["1:event_scheduler=ON"])
        c[1].sql("CREATE USER churn@'%'; GRANT ALL ON *.* TO churn@'%';"
                 "CREATE EVENT app.tick ON SCHEDULE EVERY 1 HOUR STARTS NOW() + INTERVAL 1 HOUR DO DELETE FROM app.seq")
        self.discover(c)
        self.assertIn("GRANT EVENT", self.orch("doctor", c.name).out)
        c[1].sql("GRANT EVENT ON *.* TO orchestrator@'%'")
        said = fr"{c[1]}: 'churn'@'%'.* and the event app.tick of root@localhost may go on writing there"
        self.assertIn("event-not-bound-by-read-only", self.orch("doctor", c.name).out)
        for words in (("takeover", c.name, "--to", c[2], "--dry-run"), ("failover", c.name, "--dry-run")):
            self.assertRegex(self.does(*words).err, said)
        self.config["FencingPolicy"] = "required"
        self.refuses("failover", c.name, saying="could not be fenced .*the event app.tick of root@localhost may go on writing")
        self.assertFalse(self.read_only(c[1]))
        staying = c[1].session("SELECT 1;")  # of root, who needs no fence to be known, but for one who is there
        self.addCleanup(staying.communicate)
        self.assertRegex(self.does("takeover", c.name, "--to", c[2]).err, f"{said.split('.*')[0]}.*'root'@'localhost'.*may go on")
        self.assertRegex(self.does("recovery", "show", "2").out, said)

    @unittest.skipIf(IS_MYSQL, "super_read_only binds all accounts")
    def test_who_writes_by_a_role_or_by_a_routine_is_named_too(self):
        c = self.start(3)
        c[1].sql("DROP USER orchestrator_ssl@'%', orchestrator_x509@'%'; GRANT EVENT ON *.* TO orchestrator@'%';"
                 "CREATE ROLE keeper; GRANT READ ONLY ADMIN ON *.* TO keeper; CREATE ROLE shift; GRANT keeper TO shift;"
                 "CREATE USER nightly@'10.%'; GRANT shift TO nightly@'10.%'")
        self.discover(c)
        self.config["FencingPolicy"] = "required"
        self.refuses("failover", c.name, saying=r"could not be fenced .*: 'nightly'@'10\.%' may go on writing")
        c[1].sql("DROP USER nightly@'10.%'")
        c[1].sql("CREATE FUNCTION app.last() RETURNS INT READS SQL DATA RETURN (SELECT MAX(seq) FROM app.seq);"
                 "CREATE PROCEDURE app.put(n INT) INSERT INTO app.seq (seq, server) VALUES (n, 1)")
        said = "the procedure app.put of root@localhost may go on writing"
        self.refuses("failover", c.name, saying="could not be fenced .*" + said)
        self.assertIn("routine-not-bound-by-read-only", self.orch("doctor", c.name).out)
        self.assertRegex(self.does("takeover", c.name, "--to", c[2], "--dry-run").err, said)
        c[1].sql("ALTER PROCEDURE app.put SQL SECURITY INVOKER")
        self.does("failover", c.name)

    def test_where_replication_may_not_be_stopped_the_master_goes_on(self):
        c = self.start(3)
        self.discover(c)
        lacks = "REPLICATION_SLAVE_ADMIN" if IS_MYSQL else "REPLICATION SLAVE ADMIN, SUPER"
        if IS_MYSQL:
            c[2].sql("SET GLOBAL super_read_only = 0")
        c[2].sql(f"SET SESSION sql_log_bin = 0; REVOKE {lacks} ON *.* FROM orchestrator@'%'")
        self.refuses("takeover", c[1], "--to", c[2],
                     saying=f"{c[2]} could not be promoted: .*STOP.*undone: {c[1]} takes writes as before")
        self.assertFalse(self.read_only(c[1]))
        self.follows(c[2], c[1])

    @unittest.skipIf(IS_MYSQL, "it is asked for the user in another way, too")
    def test_what_is_wrong_with_the_query_for_the_replication_user_is_told(self):
        c = self.start(2)
        self.config["ReplicationCredentialsQuery"] = "SELECT a, b FROM meta.nowhere"
        self.discover(c)
        self.refuses("takeover", c[1], saying="ReplicationCredentialsQuery: .*nowhere' doesn't exist")
        self.assertFalse(self.read_only(c[1]))

    def test_a_prepared_transaction_could_be_committed_later_so_there_is_no_takeover(self):
        c = self.start(3)
        self.discover(c)
        c[1].sql("XA START 'pending'; INSERT INTO app.seq (seq, server) VALUES (77, 1); XA END 'pending'; "
                 "XA PREPARE 'pending'")
        for words in (("explain", "takeover"), ("takeover",)):
            self.refuses(*words, c.name, "--to", c[2], saying="1 prepared XA transaction")
        self.assertFalse(self.read_only(c[1]))
        self.assertTrue(self.read_only(c[2]))
        c[1].sql("XA COMMIT 'pending'")
        self.does("takeover", c.name, "--to", c[2])
        self.switched(c, c[2], [c[1], c[3]])
        self.arrives(77, at=c.nodes)

    def test_a_dry_run_changes_nothing(self):
        c = self.start(3)
        self.discover(c)
        done = self.does("takeover", c.name, "--to", c[2], "--dry-run")
        self.assertIn(str(c[2]), done.out)
        self.assertFalse(self.read_only(c[1]))
        self.follows(c[2], c[1])
        self.follows(c[3], c[1])

    def test_without_a_name_and_with_two_replicas_the_compatible_command_refuses(self):
        c = self.start(3)
        self.discover(c)
        self.refuses("-c", "graceful-master-takeover", "--alias", c.name, saying="target instance not indicated")
        self.assertFalse(self.read_only(c[1]))

    def test_a_dead_master_is_not_taken_over(self):
        c = self.start(3)
        self.discover(c)
        c[1].kill()
        self.refuses("takeover", c.name, "--to", c[2], saying=str(c[1]))
        self.assertTrue(self.read_only(c[2]))


if __name__ == "__main__":
    unittest.main()
