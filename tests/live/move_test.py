"""Moves and switches by GTID: each is asserted on the servers themselves."""
import json
import subprocess
import unittest

from live_case import FLAVOR, IS_MYSQL, ORCH, LiveCase


class Moves(LiveCase):
    def test_relocate_moves_a_replica_below_its_sibling_and_back_up(self):
        c = self.start(4)
        self.discover(c)
        self.assertEqual(self.does("-c", "relocate", "-i", c[4], "-d", c[2]).lines, [f"{c[4]}<{c[2]}"])
        self.follows(c[4], c[2])
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes[1:])
        self.assertEqual(self.does("-c", "relocate-below", "-i", c[4], "-d", c[1]).lines, [f"{c[4]}<{c[1]}"])
        self.follows(c[4], c[1])
        self.write(c[1], 2)
        self.arrives(2, at=c.nodes[1:])

    def test_relocate_is_a_verb_with_two_words(self):
        c = self.start(3)
        self.discover(c)
        self.does("relocate", c[3], c[2])
        self.follows(c[3], c[2])

    def test_the_backend_knows_the_new_place(self):
        c = self.start(3)
        self.discover(c)
        self.does("-c", "move-gtid", "-i", c[3], "-d", c[2])
        self.assertEqual(self.does("-c", "which-master", "-i", c[3]).lines, [str(c[2])])
        self.assertEqual(self.does("-c", "which-replicas", "-i", c[2]).lines, [str(c[3])])

    def test_move_gtid(self):
        c = self.start(4, "1>2,2>3,1>4")
        self.discover(c)
        self.assertEqual(self.does("-c", "move-gtid", "-i", c[3], "-d", c[4]).lines, [f"{c[3]}<{c[4]}"])
        self.follows(c[3], c[4])

    def test_relocate_replicas_moves_all_or_those_that_match(self):
        c = self.start(5)
        self.discover(c)
        moved = self.does("-c", "relocate-replicas", "-i", c[1], "-d", c[2], "--pattern", f":{c[3].port}$").lines
        self.assertEqual(moved, [str(c[3])])
        self.follows(c[4], c[1])
        moved = self.does("-c", "relocate-replicas", "-i", c[1], "-d", c[2]).lines
        self.assertEqual(sorted(moved), [str(c[4]), str(c[5])])
        for i in (3, 4, 5):
            self.follows(c[i], c[2])

    def test_a_server_is_not_moved_below_its_own_descendant_or_itself(self):
        c = self.start(3, "1>2,2>3")
        self.discover(c)
        self.refuses("-c", "relocate", "-i", c[2], "-d", c[3], saying="descendant")
        self.refuses("-c", "relocate", "-i", c[2], "-d", c[2],
                     saying=rf"{c[2]} (cannot replicate from|is a descendant of) {c[2]}\b")
        self.follows(c[2], c[1])
        self.follows(c[3], c[2])

    def test_an_unknown_server_is_not_moved(self):
        c = self.start(2)
        self.does("-c", "discover", "-i", c[1])
        self.refuses("-c", "relocate", "-i", c[2], "-d", c[1], saying=str(c[2]))

    def test_a_replica_that_its_new_source_turns_away_goes_back(self):
        c = self.start(3)
        self.discover(c)
        on, off = ("SET GLOBAL super_read_only=0; ", "; SET GLOBAL super_read_only=1") if IS_MYSQL else ("", "")
        c[2].sql(f"{on}SET sql_log_bin=0; ALTER USER repl@'%' ACCOUNT LOCK{off}")
        self.refuses("-c", "relocate", "-i", c[3], "-d", c[2], saying="[Ll]ocked")
        self.follows(c[3], c[1])
        self.assertRegex(self.does("-c", "topology", "-i", c[1]).out, rf"\+ {c[3]} \[\d+s,ok,")
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes[1:])

    def test_a_source_is_written_by_its_registered_virtual_name(self):
        c = self.start(3)
        self.config.update(HostnameResolveMethod="default", MySQLHostnameResolveMethod="report_host")
        self.discover(c)
        host, virtual = c[2].host, "127.1"  # an address to the resolver, a name to us

        def written():
            status = c[3].replica_status()
            return status.get("Source_Host", status.get("Master_Host"))
        self.does("-c", "register-hostname-unresolve", "-i", c[2], "--hostname", virtual)
        self.assertIn(f"_HOST='{virtual}'", self.does("relocate", c[3], c[2], "--dry-run").out)
        self.assertEqual(self.does("-c", "relocate", "-i", c[3], "-d", c[2]).lines, [f"{c[3]}<{c[2]}"])
        self.assertEqual(written(), virtual)
        self.assertEqual(self.does("-c", "which-master", "-i", c[3]).lines, [str(c[2])])
        self.discover(c)
        self.assertEqual(self.does("-c", "which-master", "-i", c[3]).lines, [str(c[2])])
        self.does("-c", "relocate", "-i", c[3], "-d", c[1], "--skip-unresolve")
        self.assertEqual(written(), host)
        self.does("-c", "register-hostname-unresolve", "-i", c[2], "--hostname", "no-such-host.invalid")
        self.refuses("relocate", c[3], c[2], "--dry-run", saying="virtual name 'no-such-host.invalid'")
        self.refuses("-c", "relocate", "-i", c[3], "-d", c[2], saying="virtual name 'no-such-host.invalid'")
        self.assertEqual(c[3].source(), str(c[1]))
        self.does("-c", "relocate", "-i", c[3], "-d", c[2], "--skip-unresolve-check")
        self.follows(c[3], c[2])

    def test_a_dry_run_changes_nothing(self):
        c = self.start(3)
        self.discover(c)
        done = self.does("relocate", c[3], c[2], "--dry-run")
        self.assertIn(f"{c[2].port}", done.out)
        self.follows(c[3], c[1])

    def test_repoint_keeps_what_was_executed(self):
        c = self.start(3)
        self.discover(c)
        self.assertEqual(self.does("-c", "repoint", "-i", c[2]).lines, [f"{c[2]}<{c[1]}"])
        self.follows(c[2], c[1])
        self.write(c[1], 7)
        self.arrives(7, at=[c[2], c[3]])

    def test_take_master_swaps_a_replica_and_its_source(self):
        c = self.start(3, "1>2,2>3")
        self.discover(c)
        self.assertEqual(self.does("-c", "take-master", "-i", c[3]).lines, [str(c[3])])
        self.follows(c[3], c[1])
        self.follows(c[2], c[3])
        self.write(c[1], 1)
        self.arrives(1, at=[c[2], c[3]])

    def test_take_master_is_refused_when_the_source_is_the_master(self):
        c = self.start(2)
        self.discover(c)
        self.refuses("-c", "take-master", "-i", c[2], saying=str(c[1]))
        self.follows(c[2], c[1])

    def test_take_siblings(self):
        c = self.start(4)
        self.discover(c)
        self.assertEqual(self.does("-c", "take-siblings", "-i", c[2]).lines, [str(c[2])])
        self.follows(c[3], c[2])
        self.follows(c[4], c[2])

    def test_options_of_replication_are_kept_over_a_move(self):
        c = self.start(3, tls=True)
        word = "SOURCE" if IS_MYSQL else "MASTER"
        change = "CHANGE REPLICATION SOURCE TO" if IS_MYSQL else "CHANGE MASTER TO"
        c[3].sql(f"STOP REPLICA; {change} {word}_DELAY=3, {word}_HEARTBEAT_PERIOD=3.5, {word}_CONNECT_RETRY=7;"
                 f" START REPLICA")
        self.discover(c)
        before = c[3].replica_status()
        self.does("-c", "relocate", "-i", c[3], "-d", c[2])
        self.follows(c[3], c[2])
        after = c[3].replica_status()
        kept = [name for name in before if "SSL" in name or name in
                ("SQL_Delay", "Connect_Retry", "Master_User", "Source_User", "Get_Source_public_key", "Auto_Position",
                 "Using_Gtid", "Source_Retry_Count", "Source_Bind", "Channel_Name")]
        self.assertEqual({n: after.get(n) for n in kept}, {n: before[n] for n in kept})
        self.assertEqual(after["SQL_Delay"], "3")
        period = "SELECT HEARTBEAT_INTERVAL FROM performance_schema.replication_connection_configuration" if IS_MYSQL \
            else "SELECT variable_value FROM information_schema.global_status WHERE variable_name='slave_heartbeat_period'"
        self.assertEqual(float(c[3].sql(period)), 3.5)
        self.does("delay-replication", c[3], "--duration", "1s")
        self.assertEqual(float(c[3].sql(period)), 3.5)
        self.assertIn("Yes", [after.get("Source_SSL_Allowed"), after.get("Master_SSL_Allowed")])
        self.write(c[1], 1)
        self.arrives(1, at=[c[2], c[3]])

    def test_a_replica_keeps_the_name_by_which_it_knows_its_source(self):
        # A certificate may have no other.
        self.config.update(HostnameResolveMethod="default", MySQLHostnameResolveMethod="@@report_host")
        c = self.start(2)
        word, change = ("SOURCE", "REPLICATION SOURCE") if IS_MYSQL else ("MASTER", "MASTER")
        c[2].sql(f"STOP REPLICA; CHANGE {change} TO {word}_HOST='localhost'; START REPLICA")
        self.discover(c)
        for command in ("disable-gtid", "repoint", "enable-gtid", "repoint"):
            self.does("-c", command, "-i", c[2])
            self.assertEqual(c[2].source(), f"localhost:{c[1].port}")
            c.wait_for(c[2].replicates, f"{c[2]} to replicate")
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes)

    @unittest.skipIf(IS_MYSQL, "MASTER_USE_GTID is MariaDB's")
    def test_a_former_master_keeps_current_pos_over_moves_that_work_and_that_fail(self):
        c = self.start(3)
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes[1:])
        for node in c.nodes:
            node.sql("FLUSH BINARY LOGS")
            last = node.sql("SHOW MASTER STATUS").split()[0]
            node.sql(f"PURGE BINARY LOGS TO '{last}'")
        self.discover(c)
        self.does("takeover", c.name, "--to", c[2])

        def stands_below(source):
            self.follows(c[1], source)
            self.assertEqual(c[1].replica_status()["Using_Gtid"], "Current_Pos")
        stands_below(c[2])
        c[3].sql("SET sql_log_bin=0; ALTER USER repl@'%' ACCOUNT LOCK")
        self.refuses("-c", "relocate", "-i", c[1], "-d", c[3], saying="[Ll]ocked")
        stands_below(c[2])
        c[3].sql("SET sql_log_bin=0; ALTER USER repl@'%' ACCOUNT UNLOCK")
        self.does("-c", "relocate", "-i", c[1], "-d", c[3])
        stands_below(c[3])
        self.does("-c", "take-master", "-i", c[1])
        stands_below(c[2])
        self.does("-c", "take-siblings", "-i", c[3])
        self.does("-c", "move-gtid", "-i", c[1], "-d", c[2])
        stands_below(c[2])
        self.write(c[2], 2)
        self.arrives(2, at=[c[1], c[3]])

    @unittest.skipIf(IS_MYSQL, "MASTER_USE_GTID is MariaDB's")
    def test_a_replica_that_could_not_start_again_for_its_own_transactions_is_not_stopped(self):
        c = self.start(4, "1>2,2>3,2>4")
        for node in c.nodes[1:]:
            node.sql("STOP SLAVE; CHANGE MASTER TO MASTER_USE_GTID=current_pos; START SLAVE")
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes[1:])
        self.write(c[2], 2)
        self.arrives(2, at=[c[3], c[4]])
        self.write(c[4], 3)
        self.discover(c)
        for words in (("relocate", "-i", c[4], "-d", c[3]), ("repoint", "-i", c[4]), ("take-master", "-i", c[3]),
                      ("restart-replica", "-i", c[4])):
            self.refuses("-c", *words, saying=r"current_pos.* of its own .*\(0-")
        self.follows(c[2], c[1])
        for node in (c[3], c[4]):
            self.follows(node, c[2])

    @unittest.skipIf(FLAVOR != "mariadb", "MySQL and MariaDB 11.8 keep them")
    def test_a_replica_is_not_moved_while_a_client_has_a_temporary_table(self):
        self.config.update(ReasonableMaintenanceReplicationLagSeconds=3)
        c = self.start(4, settings=["binlog_format=MIXED"])
        self.discover(c)
        client = c[1].session("SELECT 1;")
        self.addCleanup(client.kill)

        def says(text):
            client.stdin.write(text + " SELECT 1;\n")
            client.stdin.flush()
            self.assertEqual(client.stdout.readline().strip(), "1")
        says("CREATE TEMPORARY TABLE app.mine (n INT); INSERT INTO app.mine VALUES (7);")
        for replica in c.nodes[1:]:
            c.wait_for(lambda one=replica: one.sql("SHOW STATUS LIKE 'Slave_open_temp_tables'").endswith("1"), f"the table at {replica}")
        self.refuses("-c", "relocate", "-i", c[3], "-d", c[2], saying=rf"{c[3]}.* holds 1 temporary table .*{c[1]}")
        self.follows(c[3], c[1])
        # One that comes back to its source finds them.
        self.does("-c", "repoint", "-i", c[3])
        self.does("-c", "detach-replica", "-i", c[4])
        self.does("-c", "reattach-replica", "-i", c[4])
        says("INSERT INTO app.seq (seq, server) SELECT n, 1 FROM app.mine;")
        self.arrives(7, at=c.nodes[1:])
        self.does("takeover", c[1], "--to", c[2])
        for replica in (c[1], c[3], c[4]):
            self.follows(replica, c[2])
        self.write(c[2], 8)
        self.arrives(8, at=c.nodes)
        self.does("-c", "relocate", "-i", c[3], "-d", c[4])
        self.follows(c[3], c[4])

    def test_two_moves_at_once_make_no_circle(self):
        c = self.start(3)
        self.discover(c)
        file = self.folder / "orch.conf.json"
        file.write_text(json.dumps(self.config))
        for _ in range(6):
            both = [subprocess.Popen([ORCH, "--config", file, "relocate", str(one), str(other)], cwd=self.folder,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    for one, other in ((c[2], c[3]), (c[3], c[2]))]
            codes = [process.wait(60) for process in both]
            self.assertIn(str(c[1]), [node.source() for node in c.nodes[1:]], codes)
            for node in c.nodes[1:]:
                if node.source() != str(c[1]):
                    self.does("relocate", node, c[1])


class Switches(LiveCase):
    def test_replication_is_stopped_and_started(self):
        c = self.start(2)
        self.discover(c)
        self.assertEqual(self.does("-c", "stop-replica", "-i", c[2]).lines, [str(c[2])])
        self.assertFalse(c[2].replicates())
        self.assertEqual(self.does("-c", "start-replica", "-i", c[2]).lines, [str(c[2])])
        self.follows(c[2], c[1])
        self.assertEqual(self.does("-c", "restart-slave", "-i", c[2]).lines, [str(c[2])])
        self.follows(c[2], c[1])

    def test_noop_forbids_what_changes_a_topology_and_not_to_stop_and_start(self):
        c = self.start(2)
        self.discover(c)
        nothing = "operation on %s; signalling error but nothing went wrong."
        self.refuses("-c", "reset-replica", "-i", c[2], "--noop", saying=nothing % c[2])
        self.refuses("-c", "detach-replica", "-i", c[2], "--noop", saying=nothing % c[2])
        self.refuses("-c", "set-read-only", "-i", c[1], "--noop", saying=nothing % c[1])
        self.assertFalse(self.read_only(c[1]))
        self.follows(c[2], c[1])
        self.assertEqual(self.does("-c", "stop-replica", "-i", c[2], "--noop").lines, [str(c[2])])
        self.assertFalse(c[2].replicates())
        self.assertEqual(self.does("-c", "start-replica", "-i", c[2], "--noop").lines, [str(c[2])])
        self.follows(c[2], c[1])

    def test_the_statement_of_a_session_is_ended(self):
        c = self.start(1)
        c[1].sql("CREATE USER app@localhost")
        self.discover(c)
        session = c[1].session("SELECT 'it is there';", user="app")
        self.addCleanup(session.kill)
        session.stdin.write("SELECT SLEEP(4711);\n")
        session.stdin.flush()
        its_id = "SELECT MIN(id) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(4711)'"
        c.wait_for(lambda: c[1].sql(its_id) not in ("", "NULL"), "the session to sleep")
        self.does("kill-query", c[1], "--statement", c[1].sql(its_id))
        c.wait_for(lambda: c[1].sql(its_id) in ("", "NULL"), "the statement to end")
        self.refuses("kill-query", c[1], "--statement", "all", saying="give the session's id")

    def test_a_master_has_no_replication_to_stop(self):
        c = self.start(2)
        self.discover(c)
        self.refuses("-c", "stop-replica", "-i", c[1], saying="not a replica")

    def test_detach_and_reattach(self):
        c = self.start(2)
        self.discover(c)
        self.assertEqual(self.does("-c", "detach-replica-master-host", "-i", c[2]).lines, [str(c[2])])
        self.assertEqual(c[2].source(), f"//{c[1]}")
        self.refuses("-c", "detach-replica", "-i", c[2], saying="already detached")
        self.assertEqual(self.does("-c", "reattach-replica-master-host", "-i", c[2]).lines, [str(c[2])])
        self.follows(c[2], c[1])
        self.refuses("-c", "reattach-replica", "-i", c[2], saying="does not seem to be detached")
        self.write(c[1], 3)
        self.arrives(3, at=[c[2]])

    def test_an_applier_that_was_stopped_on_purpose_stays_so_when_its_replica_is_detached_and_reattached(self):
        c = self.start(2)
        self.discover(c)
        c[2].sql("STOP REPLICA SQL_THREAD")
        for word, source in ("detach", f"//{c[1]}"), ("reattach", str(c[1])):
            self.does("-c", f"{word}-replica-master-host", "-i", c[2])
            self.assertEqual(c[2].source(), source)
            status = list(c[2].replica_status().items())
            self.assertEqual([value for name, value in status if name.endswith("_SQL_Running")], ["No"])
            self.assertNotEqual([value for name, value in status if name.endswith("_IO_Running")], ["No"])

    def test_what_a_replica_alone_holds_is_not_thrown_away_when_its_source_has_just_died(self):
        for gtid in True, False:
            with self.subTest(gtid=gtid):
                c = self.start(2, gtid=gtid)
                self.discover(c)
                self.hold_back(c[1], c[2], [])
                space = int(c[2].replica_status()["Relay_Log_Space"])
                c[1].kill()
                # The backend still has the source as it was when it lived.
                for dry in ["--dry-run"], []:
                    self.refuses("detach-replica", c[2], *dry, saying="would lose what it has received")
                self.assertEqual(c[2].source(), str(c[1]))
                self.assertEqual(int(c[2].replica_status()["Relay_Log_Space"]), space)
                self.does("-c", "stop-replica", "-i", c[2])
                self.refuses("-c", "change-master-credentials", "-i", c[2], saying="would lose what it has received")
                self.assertGreaterEqual(int(c[2].replica_status()["Relay_Log_Space"]), space)
                done = self.does("-c", "reset-replica", "-i", c[2])
                self.assertEqual(done.lines, [str(c[2])])
                self.assertIn(f"what {c[2]} had received and not applied is thrown away", done.err)

    def test_reset_replica_forgets_the_source(self):
        c = self.start(2)
        self.discover(c)
        self.assertEqual(self.does("-c", "reset-replica", "-i", c[2]).lines, [str(c[2])])
        self.assertEqual(c[2].source(), "")

    def test_read_only_and_writeable(self):
        c = self.start(2)
        self.discover(c)
        self.assertEqual(self.does("-c", "set-read-only", "-i", c[1]).lines, [str(c[1])])
        self.assertTrue(self.read_only(c[1]))
        self.assertEqual(self.does("-c", "set-writeable", "-i", c[1]).lines, [str(c[1])])
        self.assertFalse(self.read_only(c[1]))
        self.write(c[1], 1)

    def test_semi_sync_is_switched(self):
        c = self.start(2)
        self.discover(c)
        new, old = ("source", "replica") if IS_MYSQL else ("master", "slave")
        for what, node, variable in (("master", c[1], new), ("replica", c[2], old)):
            for verb, value in (("enable", "1"), ("disable", "0")):
                self.assertEqual(self.does("-c", f"{verb}-semi-sync-{what}", "-i", node).lines, [str(node)])
                self.assertEqual(node.sql(f"SELECT @@rpl_semi_sync_{variable}_enabled"), value)

    def test_the_statements_to_restart_replication_are_listed(self):
        c = self.start(2)
        self.discover(c)
        word = "replica" if IS_MYSQL else "slave"
        lines = self.does("-c", "restart-replica-statements", "-i", c[2], "--statement", "select 1;").lines
        self.assertEqual(lines, [f"stop {word} io_thread;", f"stop {word} sql_thread;", "select 1;",
                                 f"start {word} sql_thread;", f"start {word} io_thread;"])

    def test_an_errant_transaction_is_found(self):
        if not IS_MYSQL:
            self.skipTest("errant transactions are told by MySQL's GTID sets")
        c = self.start(2)
        self.discover(c)
        self.assertEqual(self.does("-c", "which-gtid-errant", "-i", c[2]).out, "\n")
        c[2].sql("SET GLOBAL super_read_only=0; CREATE DATABASE strange; SET GLOBAL super_read_only=1")
        uuid = c[2].sql("SELECT @@server_uuid")
        self.does("discover", c[1])
        self.assertEqual(self.does("-c", "which-gtid-errant", "-i", c[2]).lines, [f"{uuid}:1"])


if __name__ == "__main__":
    unittest.main()
