"""What orch analyze and orch doctor say of real servers, healthy, spoilt on purpose, and dead."""
import json
import subprocess
import unittest

from live_case import IS_MYSQL, LiveCase, starts_writable

NO_LOGGING = "2:log_replica_updates=OFF" if IS_MYSQL else "2:log_slave_updates=OFF"


class Doctor(LiveCase):
    def setUp(self):
        super().setUp()
        self.config.update({"RecoverMasterClusterFilters": ["*"], "RecoverIntermediateMasterClusterFilters": ["*"],
                            "InstancePollSeconds": 300})

    def findings(self, *words):
        """-> {(code, server)}, and asserts that the exit code says the same as the findings."""
        done = self.orch("doctor", *words, "--json")
        found = json.loads(done.out)
        bad = any(f["Severity"] != "notice" for f in found)
        self.assertEqual(done.code, 1 if bad else 0, str(done))
        self.assertNotIn("orch_topology_password", done.out + done.err)
        return {(f["Code"], f"{f['Key']['Hostname']}:{f['Key']['Port']}" if f["Key"]["Port"] else ""): f for f in found}

    def analyses(self, *words):
        """-> {server: code}, and asserts that the exit code says whether anything is wrong."""
        done = self.orch("analyze", *words, "--json")
        found = json.loads(done.out)
        self.assertEqual(done.code, 1 if found else 0, str(done))
        return {f"{a['AnalyzedInstanceKey']['Hostname']}:{a['AnalyzedInstanceKey']['Port']}": a for a in found}

    def test_a_healthy_cluster_has_no_critical_finding(self):
        c = self.start(3)
        self.discover(c)
        found = self.findings(c.name)
        self.assertEqual({key: f for key, f in found.items() if f["Severity"] == "critical"}, {})
        self.assertEqual(("no-system-user", str(c[2])) in found, IS_MYSQL)
        self.assertIn("3 servers, 0 critical", self.orch("doctor", c.name).out)

    def test_seeded_problems_are_found_and_named(self):
        c = self.start(5, "1>2,1>3,3>4,1>5", settings=(NO_LOGGING, "4:sync_binlog=7"))
        self.config.update({"RecoverMasterClusterFilters": [],
                            "PreFailoverProcesses": ["/nowhere/fence {failedHost}", "echo fine"]})
        self.discover(c)
        stop = "STOP REPLICA" if IS_MYSQL else "STOP SLAVE"
        if not IS_MYSQL:
            c[1].sql("CREATE USER batch@'%'; GRANT READ_ONLY ADMIN ON *.* TO batch@'%'; CREATE DATABASE last")
            for node in c.nodes:
                c.wait_for(lambda n=node: n.sql("SHOW DATABASES LIKE 'last'"), f"{node} to follow")
        c[2].sql("SET GLOBAL super_read_only=0, GLOBAL read_only=0" if IS_MYSQL else "SET GLOBAL read_only=0")
        c[3].sql(stop)
        c[5].sql("SET GLOBAL super_read_only=0" if IS_MYSQL else "SELECT 1")
        c[5].sql("CREATE DATABASE errant")
        found = self.findings(c.name)
        for code, node in (("does-not-log", c[2]), ("writable-replica", c[2]), ("replication-broken", c[3]),
                           ("sync-binlog", c[4]), ("errant-gtids", c[5])):
            self.assertIn((code, str(node)), found)
        self.assertIn("sync_binlog is 7", found["sync-binlog", str(c[4])]["What"])
        if not IS_MYSQL:
            self.assertIn("'batch'@'%'", found["not-bound-by-read-only", str(c[1])]["What"])
            self.assertNotIn("'orchestrator'@", found["not-bound-by-read-only", str(c[1])]["What"])
        self.assertIn(("no-automatic-recovery", ""), found)
        self.assertIn("/nowhere/fence", found["hook-not-found", ""]["What"])
        for finding in found.values():
            self.assertTrue(finding["Remedy"], finding)

    def test_an_old_master_that_takes_writes_again_is_critical_until_it_is_read_only(self):
        c = self.start(3, settings=starts_writable(1))
        self.discover(c)
        c[1].kill()
        new = self.does("failover", c.name).lines[0].split()[0]
        c[1].start()
        found = self.findings()["quarantined-writable", str(c[1])]
        self.assertEqual((found["Severity"], found["Remedy"]), ("critical", f"orch discover {c[1]} makes it read-only"))
        self.assertIn(f"{new} took its place", found["What"])
        self.discover(c)
        self.assertTrue(self.read_only(c[1]))
        self.assertNotIn(("quarantined-writable", str(c[1])), self.findings())

    def test_nobody_to_promote_and_a_dead_master_are_critical(self):
        c = self.start(2, settings=(NO_LOGGING,))
        self.discover(c)
        self.assertEqual(self.findings(c.name)["no-candidate", str(c[1])]["Severity"], "critical")
        c[1].kill()
        found = self.findings(c.name)
        self.assertEqual(found["not-reached", str(c[1])]["Severity"], "critical")
        self.assertIn(("no-candidate", str(c[1])), found)

    def test_a_credentials_query_that_tells_nothing_is_told(self):
        c = self.start(3)
        self.discover(c)
        code = ("no-replication-credentials", "")
        self.assertNotIn(code, self.findings(c.name))
        for query, why in (("SELECT user, password FROM meta.nowhere", "nowhere"),
                           ("SELECT repl_user, repl_pass FROM meta.cluster WHERE anchor = 99", "no replication user")):
            self.config["ReplicationCredentialsQuery"] = query
            self.assertIn(why, self.findings(c.name)[code]["What"])

    def test_a_master_that_turns_clients_away_is_told_of_and_no_failover_is_proposed(self):
        c = self.start(2)
        self.discover(c)
        c[1].sql("SET GLOBAL max_connections = 10")
        client = c[1].software.client("-h", c[1].host, "-P", str(c[1].port), "-uapp", "-papp_password", "-nNB")
        quiet = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": c[1].data}
        clients = []

        def is_full():
            clients.append(subprocess.Popen(client, **quiet))
            tried = subprocess.run(client, input=b"SELECT 1", capture_output=True, cwd=c[1].data)
            return b"Too many connections" in tried.stderr

        try:
            c.wait_for(is_full, f"{c[1]} to be full")
            self.orch("discover", c[1])
            self.assertIn("TooManyConnections", self.orch("analyze", c.name).out)
            found = self.findings(c.name)
            self.assertEqual(found["connections", str(c[1])]["Severity"], "critical")
            self.assertNotIn(("not-reached", str(c[1])), found)
        finally:
            for process in clients:
                process.kill()
                process.wait()
                process.stdin.close()

    def test_an_account_that_may_do_little_is_told_so(self):
        c = self.start(2)
        self.discover(c)
        self.config["MySQLTopologyUser"] = "orchestrator_poor"
        found = self.findings(c.name)
        self.assertTrue({code for code, _ in found} & {"privilege-missing", "not-reached"}, found)

    def test_a_dead_master_is_analysed_and_what_would_be_done_is_said(self):
        c = self.start(3)
        self.discover(c)
        self.assertEqual(self.analyses(c.name), {})
        c[1].kill()
        for node in (c[2], c[3]):
            c.wait_for(lambda n=node: not n.replicates(), f"{node} to miss its master")

        def told():
            # Times are kept to the second: a check in the second of the last good one changes nothing.
            for node in c.nodes:
                self.orch("discover", node)
            return self.analyses(c.name).get(str(c[1]), {}).get("Analysis") == "DeadMaster"

        c.wait_for(told, "the dead master to be told")
        dead = self.analyses(c.name)[str(c[1])]
        self.assertEqual((dead["Analysis"], dead["Severity"], dead["Recovery"]), ("DeadMaster", "critical", "dead-master"))
        self.assertTrue(dead["IsActionableRecovery"], dead)
        self.assertEqual(dead["CountReplicasConfirmingFailure"], 2)
        self.assertIn("connection refused", dead["LastCheckError"])
        self.assertIn(f"{c[1]} (cluster {c[1]}): DeadMaster", self.does("-c", "replication-analysis").out)

    def test_a_replica_with_a_stopped_applier_is_told(self):
        c = self.start(3)
        c[2].sql("STOP REPLICA SQL_THREAD" if IS_MYSQL else "STOP SLAVE SQL_THREAD")
        self.discover(c)
        self.assertEqual({k: a["Analysis"] for k, a in self.analyses(c.name).items()},
                         {str(c[2]): "ReplicaNotReplicating"})
        self.assertEqual(self.does("-c", "replication-analysis").lines, [])


if __name__ == "__main__":
    unittest.main()
