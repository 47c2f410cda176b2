"""Discovery and reading of real topologies."""
import json
import threading
import unittest

from live_case import FLAVOR, IS_MYSQL, LiveCase

VERSION = {"mariadb": r"10\.11\.", "mariadb11": r"11\.8\.", "mysql": r"9\.\d+\."}[FLAVOR]


class Discover(LiveCase):
    def tree(self, cluster):
        """The names of `-c topology` without what is said of each, as the marks and indents show them."""
        return [line.split("[")[0].rstrip() for line in self.does("-c", "topology", "-i", cluster[1]).lines]

    def test_a_star_is_found_from_its_master(self):
        c = self.start(4)
        done = self.discover(c)
        self.assertIn("4 servers found, 0 skipped, 0 unreachable", done.out)
        self.assertEqual(self.tree(c), [f"{c[1]}", f"+ {c[2]}", f"+ {c[3]}", f"+ {c[4]}"])

    @unittest.skipUnless(IS_MYSQL, "MariaDB is read without performance_schema")
    def test_replicas_are_found_though_performance_schema_is_off(self):
        c = self.start(3, settings=["performance_schema=OFF", "report_host="])
        self.assertIn("3 servers found", self.discover(c).out)

    def test_a_tree_of_three_levels_is_found_from_a_leaf(self):
        c = self.start(5, "1>2,1>3,3>4,4>5")
        self.assertIn("5 servers found", self.discover(c, 5).out)
        self.assertEqual(self.tree(c), [f"{c[1]}", f"+ {c[2]}", f"+ {c[3]}", f"  + {c[4]}", f"    + {c[5]}"])

    def test_the_topology_tells_state_version_and_mode_of_each_server(self):
        c = self.start(2)
        self.discover(c)
        master, replica = self.does("-c", "topology", "-i", c[1]).lines
        gtid = ",GTID" if IS_MYSQL else ""  # MariaDB's masters always have it; it is told of replicas that use it
        self.assertRegex(master, rf"^{c[1]} +\[0s,ok,{VERSION}[^,]*,rw,ROW,>>{gtid}\]$")
        self.assertRegex(replica, rf"^\+ {c[2]} +\[[0-5]s,ok,{VERSION}[^,]*,ro,ROW,>>,GTID\]$")
        self.assertEqual(master.index("["), replica.index("["))

    def test_a_replica_that_is_to_be_left_alone_is_told_with_the_reason(self):
        c = self.start(3, "1>2,1>3")
        self.config["DiscoveryIgnoreReplicaHostnameFilters"] = [str(c[3].port)]
        done = self.discover(c, 2)
        self.assertIn("2 servers found, 1 skipped, 0 unreachable", done.out)
        self.assertRegex(done.out + done.err, f"{c[3]}: filtered by DiscoveryIgnoreReplicaHostnameFilters")

    def test_co_masters_are_found_with_their_replicas(self):
        c = self.start(4, "1<>2,1>3,2>4")
        self.assertIn("4 servers found", self.discover(c, 4).out)
        self.assertEqual(self.does("-c", "which-cluster-instances", "-i", c[1]).lines, [str(n) for n in c.nodes])
        self.assertEqual(self.does("-c", "which-cluster-master", "-i", c[3]).lines, [str(c[1])])
        names = [line.lstrip(" +-").split()[0] for line in self.does("-c", "topology", "-i", c[1]).lines]
        self.assertEqual(sorted(names), sorted(str(n) for n in c.nodes))

    def test_a_circle_of_three_is_found_and_said(self):
        c = self.start(3, "1>2,2>3")
        c[1].follow(c[3])
        c.wait_for(c[1].replicates, "the circle to close")
        done = self.does_in_part("discover", c[2])
        self.assertIn("3 servers found", done.out)
        self.assertRegex(done.err, rf"{c[1]} follows {c[3]} follows {c[2]} follows {c[1]}: a circle")
        self.assertEqual(self.does("-c", "which-cluster-instances", "-i", c[2]).lines, [str(n) for n in c.nodes])
        for command in "topology", "topology-tabulated":
            done = self.does("-c", command, "-i", c[2])
            self.assertEqual(done.out, "\n")
            self.assertRegex(done.err, f"{c[1]} follows .*: a circle of replication")
        shown = self.does_in_part("topology", c[2])
        for node in c.nodes:
            self.assertIn(str(node), shown.out)
        self.assertIn("a circle of replication", shown.err)

    def test_the_compatible_discover_reads_one_server_only(self):
        c = self.start(3)
        self.assertEqual(self.does("-c", "discover", "-i", c[2]).lines, [str(c[2])])
        self.assertEqual(self.does("-c", "all-instances").lines, [str(c[2])])

    def test_the_cluster_has_the_name_and_alias_that_its_master_tells(self):
        c = self.start(2)
        self.discover(c)
        self.assertEqual(self.does("-c", "clusters").lines, [str(c[1])])
        self.assertEqual(self.does("-c", "clusters-alias").lines, [f"{c[1]}\t{c.name}"])
        self.assertEqual(self.does("-c", "which-cluster", "--alias", c.name).lines, [str(c[1])])
        self.assertIn(str(c[2]), self.does("topology", c.name).out)

    def test_replicas_are_found_by_the_process_list_too(self):
        if not IS_MYSQL:
            self.skipTest("MariaDB's replicas cannot be told to connect from an address of their own")
        c = self.start(3, spread=True)
        self.config["DiscoverByShowSlaveHosts"] = False
        self.assertIn("3 servers found", self.discover(c).out)
        self.assertEqual(self.does("-c", "which-replicas", "-i", c[1]).lines, [str(c[2]), str(c[3])])

    def test_a_server_has_one_name_by_whatever_name_it_is_typed(self):
        c = self.start(2)
        self.config.update(HostnameResolveMethod="ip")
        done = self.does("discover", f"localhost:{c[1].port}")
        self.assertIn("2 servers found", done.out)
        self.assertEqual(done.err, "")
        self.assertEqual(self.tree(c), [f"{c[1]}", f"+ {c[2]}"])
        self.assertEqual(self.does("-c", "which-instance", "-i", f"localhost:{c[2].port}").lines, [str(c[2])])

    def test_a_dead_replica_is_reported_and_the_others_are_found(self):
        c = self.start(4, "1>2,1>3,3>4")
        self.discover(c)
        c[3].kill()
        done = self.does_in_part("discover", c[1])
        self.assertRegex(done.err, rf"unreachable: {c[3]}: ")
        lines = self.does("-c", "topology", "-i", c[1]).lines
        self.assertTrue(any(line.startswith(f"- {c[3]}") and "invalid" in line for line in lines), lines)

    def test_stopped_replication_shows_in_the_topology(self):
        c = self.start(3)
        self.discover(c)  # a master does not name who has left it
        c[2].sql("STOP REPLICA")
        self.discover(c)
        lines = self.does("-c", "topology", "-i", c[1]).lines
        self.assertTrue(any(line.startswith(f"- {c[2]}") and "nonreplicating" in line for line in lines), lines)
        self.assertEqual(self.does("-c", "is-replicating", "-i", c[2]).lines, [])
        self.assertEqual(self.does("-c", "is-replicating", "-i", c[3]).lines, [str(c[3])])
        self.assertEqual(self.does("-c", "is-replication-stopped", "-i", c[2]).lines, [str(c[2])])

    def test_semi_sync_is_seen(self):
        c = self.start(2, semi_sync=True)
        self.write(c[1], 1)
        self.discover(c)
        master, replica = self.does("-c", "topology", "-i", c[1]).lines
        self.assertIn("semi:master", master)
        self.assertIn("semi:replica", replica)

    def test_a_master_is_read_while_several_commits_wait_for_an_acknowledgement(self):
        """MariaDB's SHOW MASTER STATUS would wait with them."""
        side = "source" if IS_MYSQL else "master"
        c = self.start(3, semi_sync=True, settings=[f"1:rpl_semi_sync_{side}_timeout=600000",
                                                    f"1:rpl_semi_sync_{side}_wait_point=AFTER_SYNC"])
        self.discover(c)
        for node in (c[2], c[3]):
            node.sql("STOP REPLICA IO_THREAD")
        clients = f"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_{side}_clients'"
        c.wait_for(lambda: c[1].sql(clients).split()[-1] == "0", "the master to lose its semi-sync replicas")
        writes = [threading.Thread(target=self.write, args=(c[1], number)) for number in (1, 2, 3)]
        for write in writes:
            write.start()
            self.addCleanup(write.join)
        self.addCleanup(c[1].sql, f"SET GLOBAL rpl_semi_sync_{side}_enabled=0")
        stuck = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO app.seq%'"
        c.wait_for(lambda: c[1].sql(stuck) == "3", "three commits to wait")
        self.config.update(MySQLConnectTimeoutSeconds=2, MySQLDiscoveryReadTimeoutSeconds=3)
        self.assertIn("0 unreachable", self.discover(c).out)
        self.assertIn(f"{c[1]}  LockedSemiSyncMaster", self.orch("analyze").out)

    def test_servers_without_gtid_are_found(self):
        c = self.start(3, gtid=False)
        self.assertIn("3 servers found", self.discover(c).out)
        master, *replicas = self.does("-c", "topology", "-i", c[1]).lines
        self.assertEqual([line.split()[1] for line in replicas], [str(c[2]), str(c[3])])
        for line in replicas:
            self.assertRegex(line, r"^\+ \S+ +\[[0-5]s,ok,[^,]+,ro,ROW,>>\]$")
        if IS_MYSQL:  # MariaDB's servers have GTID, whether they are asked for it or not
            self.assertNotIn("GTID", master)

    def test_the_replicas_of_a_dead_intermediate_master_are_read_all_the_same(self):
        c = self.start(4, "1>2,2>3,3>4")
        self.discover(c)
        c[2].kill()
        c[3].sql("SET GLOBAL read_only = 0")
        done = self.does_in_part("discover", c[1])
        self.assertIn("3 servers found", done.out)
        self.assertRegex(done.err, rf"unreachable: {c[2]}: ")
        line = next(line for line in self.does("-c", "topology", "-i", c[1]).lines if f" {c[3]} " in line)
        self.assertIn(",rw,", line)

    def test_two_servers_of_one_server_id_are_both_found(self):
        c = self.start(2, "", settings=["server_id=77"])
        for node in c.nodes:
            self.does("discover", node)
        self.assertEqual(self.does("-c", "all-instances").lines, [str(n) for n in c.nodes])

    def test_the_compatible_discover_tells_that_a_server_is_known_by_another_name(self):
        c = self.start(2)
        self.discover(c)
        second = self.does("-c", "discover", "-i", f"localhost:{c[2].port}")
        self.assertEqual(second.lines, [f"localhost:{c[2].port}"])
        self.assertIn(f"localhost:{c[2].port} and {c[2]} have the same server_", second.err)
        self.assertEqual(self.does("-c", "discover", "-i", c[1]).err, "")

    def test_limits_that_are_meant_for_peoples_queries_do_not_bind_orch(self):
        c = self.start(4)
        for node in c.nodes:
            node.sql("SET GLOBAL sql_select_limit = 1; SET GLOBAL sql_big_selects = 0; SET GLOBAL max_join_size = 1; "
                     + ("SET GLOBAL max_execution_time = 1" if IS_MYSQL else "SET GLOBAL max_statement_time = 0.001"))
        self.assertEqual(len(json.loads(self.does("discover", c[1], "--json").out)["Found"]), 4)
        self.assertEqual(self.does("-c", "stop-replica", "-i", c[3]).lines, [str(c[3])])

    def test_json_has_a_stable_shape(self):
        c = self.start(2)
        found = json.loads(self.does("discover", c[1], "--json").out)
        self.assertEqual([f["Port"] for f in found["Found"]], [n.port for n in c.nodes])
        self.assertEqual(found["Clusters"], [str(c[1])])
        self.assertEqual((found["Skipped"], found["Unreachable"]), ([], []))

    def test_a_forgotten_server_is_gone_and_found_again(self):
        c = self.start(2)
        self.discover(c)
        self.assertEqual(self.does("-c", "forget", "-i", c[2]).lines, [str(c[2])])
        self.assertEqual(self.does("-c", "all-instances").lines, [str(c[1])])
        self.discover(c)
        self.assertEqual(self.does("-c", "all-instances").lines, [str(c[1]), str(c[2])])


if __name__ == "__main__":
    unittest.main()
