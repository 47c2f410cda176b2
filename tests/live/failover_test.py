"""The main job: a master dies, and a replica takes its place."""
import json
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from live_case import IS_MYSQL, LiveCase, Writer, starts_writable

TIMEOUT = "rpl_semi_sync_source_timeout=60000" if IS_MYSQL else "rpl_semi_sync_master_timeout=60000"


class Failover(LiveCase):
    def test_a_dead_master_is_replaced_and_all_others_follow(self):
        c = self.start(4, "1>2,1>3,2>4")
        self.discover(c)
        c[1].kill()
        new = self.promoted(self.does("failover", c.name), c)
        self.assertIn(new.number, (2, 3))
        self.heals(c, new, [n for n in c.nodes[1:] if n is not new])
        lines = self.does("-c", "topology", "-i", new).lines
        self.assertTrue(lines[0].startswith(str(new)), lines)
        self.assertEqual(len([line for line in lines if " + " in f" {line}"]), 2, lines)

    def test_what_is_known_under_two_names_is_worked_on_under_one(self):
        c = self.start(3)
        self.discover(c)
        for replica in c.nodes[1:]:
            self.does("-c", "discover", "-i", f"localhost:{replica.port}")
        c[1].kill()
        done = self.does("failover", c.name)
        new = self.promoted(done, c)
        self.heals(c, new, [n for n in c.nodes[1:] if n is not new])
        for replica in c.nodes[1:]:
            self.assertIn(f"localhost:{replica.port} is {replica} under another name", done.err)

    def test_nothing_acknowledged_is_lost_under_load_with_semi_sync(self):
        c = self.start(4, semi_sync=True, settings=[f"1:{TIMEOUT}"])
        self.discover(c)
        writers = [Writer(c[1])]
        self.assertTrue(writers[0].some.wait(60), "the writer did not come to 200 writes")
        c[1].kill()
        acknowledged = writers[0].end()
        new = self.promoted(self.does("failover", c.name), c)
        have = set(map(int, new.sql("SELECT seq FROM app.seq").split()))
        self.assertEqual([n for n in acknowledged if n not in have], [])
        self.heals(c, new, [n for n in c.nodes[1:] if n is not new])

    def lagging_star(self):
        """Node 2 has received all but applied nothing; nodes 3 and 4 received nothing. 20 rows are written."""
        c = self.start(4)
        self.discover(c)
        c[3].sql("STOP REPLICA IO_THREAD")
        c[4].sql("STOP REPLICA IO_THREAD")
        c[2].sql("STOP REPLICA SQL_THREAD")
        for number in range(1, 21):
            self.write(c[1], number)
        end = c[1].sql("SHOW BINARY LOG STATUS" if IS_MYSQL else "SHOW MASTER STATUS").split()[1]
        c.wait_for(lambda: end in (c[2].replica_status().get("Read_Source_Log_Pos"),
                                   c[2].replica_status().get("Read_Master_Log_Pos")), f"{c[2]} to receive all")
        return c

    def test_the_candidate_is_ranked_by_what_it_received_and_drained(self):
        c = self.lagging_star()
        c[1].kill()
        new = self.promoted(self.does("failover", c.name), c)
        self.assertIs(new, c[2])
        self.assertEqual(new.sql("SELECT COUNT(*) FROM app.seq"), "20")
        self.heals(c, new, [c[3], c[4]])
        for replica in (c[3], c[4]):
            self.assertEqual(replica.sql("SELECT COUNT(*) FROM app.seq"), "21")

    def test_a_dry_run_ranks_the_candidates_shows_the_statements_and_changes_nothing(self):
        c = self.lagging_star()
        c[1].kill()
        done = self.does("failover", c.name, "--dry-run")
        for node in c.nodes[1:]:
            self.assertIn(str(node), done.out)
        self.assertRegex(done.out, "CHANGE (MASTER|REPLICATION SOURCE) TO")
        self.assertNotIn("repl_password", done.out)
        for node in c.nodes[1:]:
            self.assertEqual(node.source(), str(c[1]))
            self.assertTrue(self.read_only(node))
        self.assertEqual(c[2].sql("SELECT COUNT(*) FROM app.seq"), "0")
        self.assertEqual(json.loads(self.does("failover", c.name, "--dry-run", "--json").out)["Promoted"]["Port"],
                         c[2].port)

    def test_a_named_replica_is_promoted(self):
        c = self.start(4)
        self.discover(c)
        c[1].kill()
        self.assertIs(self.promoted(self.does("failover", c.name, "--to", c[4]), c), c[4])
        self.heals(c, c[4], [c[2], c[3]])

    def test_a_named_replica_that_is_behind_ends_with_all_that_was_received(self):
        c = self.lagging_star()
        c[1].kill()
        self.assertIs(self.promoted(self.does("failover", c.name, "--to", c[3]), c), c[3])
        self.heals(c, c[3], [c[2], c[4]])
        self.assertEqual(c[3].sql("SELECT COUNT(*) FROM app.seq"), "21")

    def test_a_server_outside_the_cluster_is_not_promoted(self):
        c, other = self.start(2), self.start(1)
        self.discover(c)
        self.discover(other)
        c[1].kill()
        self.refuses("failover", c.name, "--to", other[1], saying=str(other[1]))
        self.assertTrue(self.read_only(c[2]))

    def test_a_replica_that_must_not_be_promoted_is_passed_over(self):
        c = self.start(3)
        self.discover(c)
        self.does("-c", "register-candidate", "-i", c[2], "--promotion-rule", "must_not")
        c[1].kill()
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[3])
        self.heals(c, c[3], [c[2]])

    def test_without_any_replica_alive_nothing_is_done(self):
        c = self.start(2)
        self.discover(c)
        c[1].kill()
        c[2].kill()
        done = self.refuses("failover", c.name)
        self.assertEqual(done.code, 4, done)
        self.assertRegex(done.err, rf"\Aorch: no replica of {c[1]} can be promoted: {c[2]} does not answer: .*\n\Z")
        [record] = json.loads(self.does("recovery", "list", "--json").out)
        self.assertEqual((record["State"], record["Successor"]), ("failed", None), record)
        self.assertEqual(self.does("-c", "which-cluster-master", "-i", c[2]).lines, [str(c[1])])
        self.assertEqual(self.does("-c", "which-lost-in-recovery").out, "")
        for node in c.nodes:
            node.start()
        self.follows(c[2], c[1])
        self.assertTrue(self.read_only(c[2]))

    def test_a_living_master_is_read_only_when_another_is_promoted(self):
        c = self.start(3)
        if not IS_MYSQL:  # whom read_only does not bind
            c[1].sql("DROP USER orchestrator_ssl@'%', orchestrator_x509@'%'")
        self.discover(c)
        done = self.does("failover", c.name)
        new = self.promoted(done, c)
        self.assertNotIn("failed", done.err)
        self.assertIsNot(new, c[1])
        self.assertTrue(self.read_only(c[1]), "two servers are writable")
        self.assertFalse(self.read_only(new))

    def test_the_name_of_a_dead_replica_does_not_replace_the_master_that_lives(self):
        c = self.start(4, "1>2,2>3,1>4")
        self.discover(c)
        c[2].kill()
        for words in (("failover", c[2]), ("-c", "force-master-failover", "-i", c[2]), ("failover", c[2], "--dry-run")):
            self.refuses(*words, saying=f"{c[2]} does not answer, but it is not the master: {c[1]} is, and answers; "
                                        f"'orch recover {c[2]}'")
        self.assertFalse(self.read_only(c[1]))
        self.does("recover", c[2])
        self.assertIn(c[3].source(), (str(c[1]), str(c[4])))
        c[1].kill()
        self.promoted(self.does("failover", c[4]), c)

    def test_a_session_that_cannot_be_ended_does_not_keep_the_old_master_writable(self):
        c = self.start(2)
        self.discover(c)
        staying = c[1].session("SELECT 1;")  # of root, whom orch's account may not end on MySQL
        self.addCleanup(staying.communicate)
        self.addCleanup(staying.kill)
        self.does("failover", c.name)
        self.assertTrue(self.read_only(c[1]), "two servers are writable")
        self.assertFalse(self.read_only(c[2]))

    def test_what_a_fence_cannot_hold_off_is_told(self):
        c = self.start(2)
        self.discover(c)
        c[1].sql("XA START 'late'; INSERT INTO app.seq (seq, server) VALUES (77, 1); XA END 'late'; XA PREPARE 'late'")
        self.assertIn("1 prepared XA transaction could be committed there", self.does("failover", c.name).err)

    def test_a_replica_that_filters_is_promoted_only_with_a_word_about_it(self):
        for kill in (True, False):
            c = self.start(2, settings=["2:replicate_ignore_table=app.orders"])
            self.discover(c)
            c[1].sql("CREATE TABLE app.orders (id INT PRIMARY KEY); INSERT INTO app.orders VALUES (1)")
            if kill:
                c[1].kill()
                done = self.does("failover", c.name)
            else:
                self.refuses("takeover", c.name, saying="filters what it replicates")
                self.assertFalse(self.read_only(c[1]))
                done = self.does("takeover", c.name, "--to", c[2])
            self.assertRegex(done.out, "lost +unknown: .* filter")

    def test_a_replica_that_was_detached_and_put_back_counts(self):
        c = self.start(3)
        self.discover(c)
        self.does("detach-replica-master-host", c[2])
        self.does("reattach-replica-master-host", c[2])
        self.follows(c[2], c[1])
        self.assertEqual(len(self.does("-c", "topology", "-i", c[1]).lines), 3)
        c[3].sql("STOP REPLICA IO_THREAD")
        for number in range(1, 6):
            self.write(c[1], number)
        self.arrives(5, at=[c[2]])
        c[1].kill()
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[2])
        self.heals(c, c[2], [c[3]])
        self.assertEqual(c[2].sql("SELECT COUNT(*) FROM app.seq"), "6")

    def test_what_lives_below_a_dead_replica_follows_the_new_master_too(self):
        c = self.start(4, "1>2,1>3,3>4")
        self.discover(c)
        c[1].kill()
        c[3].kill()
        done = self.does("failover", c.name)
        self.assertIs(self.promoted(done, c), c[2])
        self.assertIn(str(c[3]), done.out + done.err)
        self.heals(c, c[2], [c[4]])

    def test_the_preferred_replica_fetches_what_another_received_and_is_promoted(self):
        c = self.lagging_star()
        self.does("-c", "register-candidate", "-i", c[3], "--promotion-rule", "prefer")
        c[1].kill()
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[3])
        self.heals(c, c[3], [c[2], c[4]])
        self.assertEqual(c[3].sql("SELECT COUNT(*) FROM app.seq"), "21")

    def test_what_would_be_lost_is_shown_where_it_keeps_everybody_from_being_promoted(self):
        c = self.start(2)
        self.config.update(DataLossPolicy="refuse")
        self.discover(c)
        c[2].sql("STOP REPLICA IO_THREAD")
        for number in range(3):
            self.write(c[1], number)
        self.discover(c)
        c[1].kill()
        shown = self.orch("explain", "failover", c.name).out
        self.assertRegex(shown, rf"Would be lost: (at most )?3 transactions .*\(with {c[2]}, which is not promoted\)")

    def left_behind(self, c, lost):
        """Fails over; that one is left behind -> the new master, and what was said."""
        shown = self.does("failover", c.name, "--dry-run").out
        done = self.does_in_part("failover", c.name)
        new = self.promoted(done, c)
        self.assertIsNot(new, lost)
        self.assertRegex(done.err, f"left behind: {lost}: has ")
        self.assertIn(f"Left behind: {lost}: has ", shown)
        self.heals(c, new, [n for n in c.nodes[1:] if n not in (new, lost)])
        return new, shown, done.err

    def test_a_lost_replica_is_detached_from_the_dead_master_and_can_be_put_back(self):
        c = self.start(4)
        self.discover(c)
        self.stray(c[4])
        c[1].kill()
        new, shown, said = self.left_behind(c, c[4])
        self.assertIn(f"{c[4]}: replicate from //{c[1]}", shown)
        self.assertIn(f"{c[4]} is detached from {c[1]}", said)
        self.assertEqual(c[4].source(), f"//{c[1]}")
        self.assertTrue(self.read_only(c[4]))
        self.assertIn(str(c[4]), self.does("-c", "which-lost-in-recovery").lines)
        c[1].start()
        if IS_MYSQL:
            c[1].sql("SET GLOBAL super_read_only = 0")
        self.write(c[1], 7)  # by root, whom read_only does not bind
        self.does("discover", c[1])
        self.does("-c", "reattach-replica-master-host", "-i", c[4])
        self.follows(c[4], c[1])
        self.arrives(7, at=[c[4]])
        self.assertFalse(self.has(new, 7))

    def test_a_lost_replica_is_left_alone_where_operators_want_that(self):
        c = self.start(3)
        self.config["DetachLostSlavesAfterMasterFailover"] = False
        self.discover(c)
        self.stray(c[3])
        c[1].kill()
        self.assertNotIn("detached", self.left_behind(c, c[3])[2])
        self.assertEqual(c[3].source(), str(c[1]))

    def test_what_a_lost_replica_has_received_is_not_thrown_away(self):
        c = self.start(3)
        self.config["InstanceBulkOperationsWaitTimeoutSeconds"] = 1
        self.discover(c)
        self.stray(c[3])
        lock = c[3].session("LOCK TABLES app.seq READ; SELECT 1;")
        self.addCleanup(lock.communicate)
        self.addCleanup(lock.kill)
        self.write(c[1], 5)
        end = c[1].sql("SHOW BINARY LOG STATUS" if IS_MYSQL else "SHOW MASTER STATUS").split()[1]
        c.wait_for(lambda: end in (c[3].replica_status().get("Read_Source_Log_Pos"),
                                   c[3].replica_status().get("Read_Master_Log_Pos")), f"{c[3]} to receive it")
        self.arrives(5, at=[c[2]])
        c[1].kill()
        said = self.left_behind(c, c[3])[2]
        self.assertIn(f"{c[3]} is not detached from {c[1]}: would lose what it has received", said)
        self.assertEqual(c[3].source(), str(c[1]))
        self.assertFalse(self.has(c[3], 5))
        lock.kill()
        self.arrives(5, at=[c[3]])

    def test_a_query_of_the_users_own_that_hangs_does_not_keep_a_replica_from_promotion(self):
        c = self.start(3)
        self.config.update(MySQLDiscoveryReadTimeoutSeconds=2, DetectDataCenterQuery="SELECT 'dc'",
                           PreventCrossDataCenterMasterFailover=True)
        self.discover(c)
        c[3].sql("STOP REPLICA IO_THREAD")
        self.write(c[1], 5)
        self.arrives(5, at=[c[2]])
        self.config["DetectDataCenterQuery"] = f"SELECT IF(@@port = {c[2].port}, SLEEP(4711), 'dc')"
        c[1].kill()
        new = self.promoted(self.does("failover", c.name), c)
        self.assertIs(new, c[2])
        self.heals(c, new, [c[3]])
        self.assertTrue(self.has(c[3], 5))

    def test_a_promoted_server_that_stays_as_it_is_is_detached_where_operators_want_that(self):
        c = self.start(3)
        self.config.update(ApplyMySQLPromotionAfterMasterFailover=False, MasterFailoverDetachReplicaMasterHost=True)
        self.discover(c)
        c[1].kill()
        done = self.does("failover", c.name)
        new = self.promoted(done, c)
        self.assertIn(f"{new} is detached from {c[1]}", done.err)
        self.assertEqual(new.source(), f"//{c[1]}")
        self.assertTrue(self.read_only(new))
        other = c[5 - new.number]
        self.follows(other, new)
        new.sql("SET GLOBAL read_only = 0")  # as a hook does it
        self.write(new, 8)
        self.arrives(8, at=[other])

    def test_a_replica_with_a_long_delay_is_moved_after_all_others(self):
        # REC-51
        c = self.start(5)
        self.config["PostponeReplicaRecoveryOnLagMinutes"] = 1
        self.discover(c)
        self.delay(c[2], 600)
        self.stray(c[5])
        c[1].kill()
        done = self.does_in_part("failover", c.name, "--json")
        steps = [f"{s['Server']['Port']} {s['Action'].split(' by ')[0]}" for s in json.loads(done.out)["Steps"]]
        new = c.nodes[[n.port for n in c.nodes].index(json.loads(done.out)["Promoted"]["Port"])]
        self.assertIn(new.number, (3, 4))
        late = steps.index(f"{c[2].port} replicate from {new}")
        for earlier in (f"{c[7 - new.number].port} wait", f"{c[5].port} replicate from //{c[1]}"):
            self.assertLess(max(i for i, s in enumerate(steps) if s.startswith(earlier)), late, steps)
        self.follows(c[2], new)

    def test_a_dry_run_knows_whom_somebody_has_locked(self):
        c = self.start(3)
        self.discover(c)
        c[3].sql("STOP REPLICA IO_THREAD")
        self.write(c[1], 1)
        self.arrives(1, at=[c[2]])
        self.does("-c", "begin-maintenance", "-i", c[2], "-reason", "backup", "-owner", "me")
        c[1].kill()
        shown = self.does("failover", c.name, "--dry-run")
        self.assertIn("held by me: backup", shown.out)
        self.assertEqual(json.loads(self.does("failover", c.name, "--dry-run", "--json").out)["Promoted"]["Port"], c[3].port)
        self.assertIs(self.promoted(self.does_in_part("failover", c.name), c), c[3])
        self.assertTrue(self.has(c[3], 1))

    @unittest.skipUnless(IS_MYSQL, "MariaDB has no offline_mode")
    def test_who_turns_clients_away_is_not_promoted(self):
        c = self.start(3)
        c[2].sql("SET GLOBAL offline_mode = ON")
        self.discover(c)
        self.assertIn("offline-mode", self.orch("doctor", c.name).out)
        self.refuses("takeover", c.name, "--to", c[2], saying="offline_mode")
        self.assertFalse(self.read_only(c[1]))
        c[1].kill()
        self.assertIs(self.promoted(self.orch("failover", c.name), c), c[3])

    def test_where_no_client_could_write_nobody_is_promoted(self):
        c = self.start(3)
        c[2].sql(f"SET GLOBAL {'transaction_read_only' if IS_MYSQL else 'tx_read_only'} = ON")
        self.discover(c)
        self.assertIn("transaction-read-only", self.orch("doctor", c.name).out)
        self.refuses("takeover", c.name, "--to", c[2], saying="transaction_read_only")
        c[1].kill()
        self.assertIs(self.promoted(self.orch("failover", c.name), c), c[3])

    def test_a_frozen_master_is_replaced(self):
        c = self.start(3)
        self.config.update(MySQLConnectTimeoutSeconds=2, MySQLDiscoveryReadTimeoutSeconds=3)
        self.discover(c)
        c[1].freeze()
        new = self.promoted(self.does("failover", c.name), c)
        self.heals(c, new, [n for n in c.nodes[1:] if n is not new])

    def test_a_replica_that_is_dead_too_is_left_behind_and_said(self):
        c = self.start(4)
        self.discover(c)
        c[1].kill()
        c[4].kill()
        done = self.does("failover", c.name)
        new = self.promoted(done, c)
        self.assertIn(str(c[4]), done.out + done.err)
        self.heals(c, new, [n for n in c.nodes[1:3] if n is not new])
        lines = self.does("-c", "topology", "-i", new).lines
        self.assertTrue(lines[0].startswith(str(new)), lines)

    def test_a_transaction_that_the_masters_death_cut_off_keeps_nobody_from_its_place(self):
        # MySQL's STOP REPLICA waits a minute for the rest of it.
        c, done = self.failover_after_half_a_transaction(2)
        if IS_MYSQL:  # without SYSTEM_USER; see held_back_test.py
            self.assertIn(f"{c[2]} had received in part held up its applier, which could not be ended", done.err)

    def test_a_transaction_that_was_cut_off_keeps_nobody_from_its_place_without_gtid(self):
        # By coordinates, all that was received counts.
        begun = time.monotonic()
        def fill_relay_logs(c):
            c[3].sql("SET GLOBAL max_relay_log_size = 4194304")
        c, done = self.failover_after_half_a_transaction(3, fill_relay_logs, gtid=False)
        for n in c.nodes[1:]:
            self.assertIn(f"{n} had received in part was rolled back", done.err)
        self.assertLess(time.monotonic() - begun, 50)

    @unittest.skipIf(IS_MYSQL, "MariaDB's receivers can be told to leave marked events out")
    def test_what_receivers_left_out_does_not_hide_where_a_transaction_begins_that_was_cut_off(self):
        def leave_out(c):
            c[2].sql("STOP REPLICA; SET GLOBAL replicate_events_marked_for_skip = FILTER_ON_MASTER; START REPLICA")
            self.write(c[1], 2)
            self.arrives(2, at=[c[2]])
            c[2].sql("STOP REPLICA SQL_THREAD")
            c[1].sql("SET skip_replication = 1; INSERT INTO app.seq (seq, server) VALUES "
                     + ", ".join(f"({number}, 1)" for number in range(100, 200)))
            self.write(c[1], 3)
        c, done = self.failover_after_half_a_transaction(2, leave_out, gtid=False)
        self.assertIn(f"{c[2]} had received in part was rolled back", done.err)
        self.assertEqual(c[2].sql("SELECT COUNT(*), MAX(seq) FROM app.seq WHERE seq < 1000"), "3\t3")

    def failover_after_half_a_transaction(self, count, meanwhile=lambda c: None, **options):
        c = self.start(count, **options)
        if IS_MYSQL and options:
            c[1].sql("GRANT SYSTEM_USER ON *.* TO orchestrator@'%'")
        self.discover(c)
        c[1].sql("CREATE TABLE app.big (id INT AUTO_INCREMENT PRIMARY KEY, filling LONGBLOB)")
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes[1:])
        meanwhile(c)
        rows = "INSERT INTO app.big (filling) VALUES (REPEAT('a', 2000000));" * 150
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(c[1].client, f"BEGIN; {rows} COMMIT;")
            c.wait_for(lambda: all(sum(log.stat().st_size for log in n.data.glob("relay.0*")) > 10000000
                                   for n in c.nodes[1:]), "a part of it to arrive")
            c[1].kill()
            writing.result()
        done = self.does("failover", c.name)
        new = self.promoted(done, c)
        self.assertEqual(new.sql("SELECT COUNT(*) FROM app.big"), "0")
        self.heals(c, new, [n for n in c.nodes[1:] if n is not new])
        return c, done

    @unittest.skipIf(IS_MYSQL, "MySQL's sets of GTIDs show it, and the replica is left behind")
    def test_a_replica_with_rows_of_its_own_that_goes_on_all_the_same_is_named(self):
        c = self.start(3)
        self.discover(c)
        self.write(c[1], 1)
        self.arrives(1, at=c.nodes[1:])
        c[3].sql("INSERT INTO app.seq (id, seq, server) VALUES (5000, 5000, 3)")
        own = c[3].sql("SELECT @@gtid_binlog_pos")
        for number in range(2, 5):
            self.write(c[1], number)
        self.arrives(4, at=c.nodes[1:])
        c[1].kill()
        names = f"{c[3]} wrote {own} itself, which no other server's binary log knows of"
        self.assertIn(names, self.does("explain", "failover", c.name).out)
        done = self.does("failover", c.name)
        self.assertIs(self.promoted(done, c), c[2])
        self.assertIn(names, done.err)
        self.assertIn(names, self.does("recovery", "show", "1").out)
        self.heals(c, c[2], [c[3]])

    def test_a_master_that_comes_back_meanwhile_is_made_read_only(self):
        # As most are configured: after a restart it takes writes.
        c = self.start(3, settings=["1:read_only=0", *(["1:super_read_only=0"] if IS_MYSQL else [])])
        self.config["FenceTimeoutMilliseconds"] = 20000  # how long a busy machine may take to answer
        self.discover(c)
        holders = [n.session("LOCK TABLES app.seq READ; SELECT 1;") for n in c.nodes[1:]]
        for holder in holders:
            self.addCleanup(holder.communicate)
            self.addCleanup(holder.kill)
        self.write(c[1], 1)
        end = c[1].sql("SHOW BINARY LOG STATUS" if IS_MYSQL else "SHOW MASTER STATUS").split("\t")[1]
        read = "Read_Source_Log_Pos" if IS_MYSQL else "Read_Master_Log_Pos"
        for n in c.nodes[1:]:
            c.wait_for(lambda n=n: n.replica_status()[read] == end, f"{n} to receive the row")
        c[1].kill()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.does, "failover", c.name)
            # What they hold is waited for when their receivers are stopped.
            stopped = "Replica_IO_Running" if IS_MYSQL else "Slave_IO_Running"
            c.wait_for(lambda: all(n.replica_status()[stopped] == "No" for n in c.nodes[1:]), "the receivers to stop")
            c[1].start()
            self.assertFalse(self.read_only(c[1]))
            for holder in holders:
                holder.kill()
            done = running.result()
        new = self.promoted(done, c)
        self.assertTrue(self.read_only(c[1]), done)
        self.assertIn(f"{c[1]} is left read-only", done.err)
        self.assertTrue(self.has(new, 1))
        self.heals(c, new, [n for n in c.nodes[1:] if n is not new])

    def test_the_old_master_comes_back_read_only_and_can_join_again(self):
        c = self.start(3, settings=starts_writable(1))
        self.discover(c)
        c[1].kill()
        new = self.promoted(self.does("failover", c.name), c)
        c[1].start()
        self.assertFalse(self.read_only(c[1]))
        self.does("discover", c[1])
        self.assertTrue(self.read_only(c[1]))
        if not IS_MYSQL:
            c[1].sql("SET GLOBAL gtid_slave_pos = @@gtid_current_pos")
        c[1].follow(new)
        self.follows(c[1], new)
        self.does("discover", c[1])
        self.heals(c, new, [n for n in c.nodes if n is not new])

    def test_the_compatible_command_prints_the_promoted_server_only(self):
        c = self.start(3)
        self.discover(c)
        c[1].kill()
        done = self.does("-c", "force-master-failover", "--alias", c.name)
        self.assertEqual(len(done.lines), 1, done)
        self.assertFalse(self.read_only(self.promoted(done, c)))

    def test_a_replica_is_made_the_master_only_when_its_master_is_dead(self):
        # REF-17
        c = self.start(3)
        self.discover(c)
        self.refuses("make-master", c[3], saying=f"{c[1]}, the master of {c[3]}, answers")
        c[1].kill()
        self.does("make-master", c[3])
        self.assertFalse(self.read_only(c[3]))
        self.heals(c, c[3], [c[2]])

    def test_a_replica_takes_its_siblings_up_beside_its_master(self):
        c = self.start(4)
        self.discover(c)
        for node in (c[3], c[4]):
            self.does("relocate", node, c[2])
        self.does("make-local-master", c[3])
        self.heals(c, c[1], [c[2], c[3]])
        self.follows(c[4], c[3])

    def test_recover_does_nothing_while_the_master_lives_and_replaces_it_when_it_is_dead(self):
        c = self.start(3)
        self.discover(c)
        self.assertEqual(self.does("-c", "recover", "-i", c[1]).lines, [])
        self.assertFalse(self.read_only(c[1]))
        c[1].kill()
        c.wait_for(lambda: not c[2].replicates() and not c[3].replicates(), "the replicas to notice")
        new = self.promoted(self.does("-c", "recover", "-i", c[1]), c)
        self.heals(c, new, [n for n in c.nodes[1:] if n is not new])


if __name__ == "__main__":
    unittest.main()
