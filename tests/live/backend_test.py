"""A real server as the backend: the stores' own tests on it, and nodes that share it."""
import json
import os
import subprocess
import unittest
from pathlib import Path

from live_case import IS_MYSQL, TREE, LiveCase
from service_case import Service

PROGRAMS = Path(os.environ.get("ORCH_TEST_PROGRAMS") or TREE / "build/tests")

# What is about SQLite itself, or asks its own questions in SQLite's words.
OF_SQLITE = ["storage/sqlite", "storage/adopt", "storage/migrate", "storage/fixture*"]

# As an early orchestrator left them: other keys, narrower, without some defaults and columns.
EARLY = """
    CREATE TABLE database_instance (hostname varchar(128) NOT NULL, port smallint unsigned NOT NULL,
      last_attempted_check timestamp NOT NULL DEFAULT '2000-01-01 00:00:00', cluster_name varchar(128) NOT NULL,
      semi_sync_master_timeout int unsigned NOT NULL DEFAULT 0,
      PRIMARY KEY (hostname, port), KEY cluster_name_idx (cluster_name));
    CREATE TABLE node_health (hostname varchar(128) NOT NULL, token varchar(128) NOT NULL,
      last_seen_active timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, app_version varchar(64) CHARACTER SET ascii NOT NULL,
      PRIMARY KEY (hostname));
    CREATE TABLE database_instance_tags (hostname varchar(128) NOT NULL, port smallint unsigned NOT NULL,
      tag_name varchar(128) CHARACTER SET utf8 NOT NULL, tag_value varchar(128) CHARACTER SET utf8 NOT NULL,
      last_updated timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (hostname, port, tag_name, tag_value));
    CREATE TABLE topology_failure_detection (detection_id bigint unsigned NOT NULL AUTO_INCREMENT,
      hostname varchar(128) NOT NULL, port smallint unsigned NOT NULL, in_active_period tinyint unsigned NOT NULL DEFAULT 0,
      end_active_period_unixtime int unsigned NOT NULL, is_actionable tinyint NOT NULL DEFAULT 0, PRIMARY KEY (detection_id),
      UNIQUE KEY hostname_port_active_period_uidx_topology_failure_detection
        (hostname, port, in_active_period, end_active_period_unixtime));
    CREATE TABLE hostname_resolve_history (resolved_hostname varchar(128) NOT NULL, hostname varchar(128) NOT NULL,
      resolved_timestamp timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (resolved_hostname), KEY hostname (hostname));
    INSERT INTO database_instance_tags VALUES ('db1', 3306, 'role', 'old', '2020-01-01 00:00:00'), ('db1', 3306, 'role', 'new', '2021-01-01 00:00:00');
    CREATE VIEW whats_wrong AS SELECT 1;
"""


class Backend(LiveCase):
    def test_the_stores_do_on_it_what_they_do_on_sqlite(self):
        self.unit_tests("storage/storage_test", f"-tse={','.join(OF_SQLITE)}")

    def test_decisions_of_a_raft_group_stand_in_it_as_in_sqlite(self):
        # MySQL takes seconds for each test's schema.
        files = ["state"] if IS_MYSQL else ["state", "shared_database"]
        self.unit_tests("ha/ha_test", "-sf=" + ",".join(f"*/raft/{file}_test.cc" for file in files))

    def unit_tests(self, program, *options):
        node = self.backend()
        done = subprocess.run(
            [PROGRAMS / program, *options], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=900,
            env={**os.environ, "ORCH_SOURCE_ROOT": str(TREE),
                 "ORCH_TEST_BACKEND": f"{node.host}:{node.port}:backend:backend_password"})
        self.assertEqual(done.returncode, 0, done.stdout[-6000:])

    def test_commands_work_on_it_and_the_schema_is_made(self):
        node = self.backend()
        c = self.start(3)
        self.assertIn("3 servers found", self.discover(c).out)
        self.assertEqual(len(self.does("-c", "topology", "-i", c[1]).lines), 3)
        c[1].kill()
        self.does("failover", c.name)
        self.assertEqual(node.sql("SELECT COUNT(*) FROM orchestrator.topology_recovery WHERE is_successful = 1"), "1")
        node.kill()
        self.refuses("clusters", saying=f"backend database {node}")

    def test_its_tables_have_the_engine_that_is_wanted(self):
        node = self.backend()
        self.config["MySQLOrchestratorStorageEngine"] = "MyISAM"
        self.does("-c", "clusters")
        self.assertEqual(node.sql("SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = 'orchestrator'"),
                         "MyISAM")
        self.config.update(MySQLOrchestratorDatabase="other", MySQLOrchestratorStorageEngine="NOSUCH")
        self.refuses("clusters", saying="NOSUCH")
        self.config["MySQLOrchestratorStorageEngine"] = "InnoDB; DROP"
        self.refuses("clusters", saying="MySQLOrchestratorStorageEngine")

    def test_one_of_an_early_orchestrator_gets_the_keys_widths_and_defaults_of_a_new_one(self):
        node = self.backend()
        node.sql("CREATE DATABASE orchestrator; USE orchestrator;" + EARLY)
        self.does("-c", "tag", "-i", "db1:3306", "--tag", "role=newest")
        self.assertEqual(node.sql("SELECT tag_value FROM orchestrator.database_instance_tags"), "newest")
        self.config["MySQLOrchestratorDatabase"] = "fresh"
        self.does("-c", "clusters")

        def schema(name):
            columns = node.sql("SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable, column_default) "
                               f"FROM information_schema.columns WHERE table_schema = '{name}'")
            keys = node.sql("SELECT CONCAT_WS(' ', table_name, index_name, non_unique, seq_in_index, column_name, sub_part) "
                            f"FROM information_schema.statistics WHERE table_schema = '{name}'")
            return set(columns.split("\n")), set(keys.split("\n"))
        early, fresh = schema("orchestrator"), schema("fresh")
        for kind in (0, 1):
            self.assertEqual(early[kind] ^ fresh[kind], set())

    def test_nodes_that_share_it_heal_a_cluster_once_whoever_leads(self):
        node = self.backend()
        self.config.update(RecoverMasterClusterFilters=["*"], LeaseMilliseconds=1500)
        c = self.start(3)
        self.discover(c)
        nodes = []
        for number in (1, 2):
            service = Service(self, self.folder / f"node{number}.log")
            self.addCleanup(lambda s=service: s.process.poll() is None and s.end())
            c.wait_for(service.answers, "the node to answer")
            nodes.append(service)
        c.wait_for(lambda: sum(n.leads() for n in nodes) == 1, "one to lead")
        leader = next(n for n in nodes if n.leads())
        other = next(n for n in nodes if n is not leader)
        leader.process.kill()
        leader.process.wait()
        c.wait_for(other.leads, "the other to lead")
        c[1].kill()
        c.wait_for(lambda: [n for n in c.nodes[1:] if not self.read_only(n)], "a new master")
        self.assertEqual(node.sql("SELECT COUNT(*) FROM orchestrator.topology_recovery"), "1")
        # The backend is away for a moment: whoever leads stops believing in it, and leads again.
        node.freeze()
        c.wait_for(lambda: other.ask("leader-check")[0] == 404, "the node to stop leading")
        status, told = other.ask("health", patience=10)
        self.assertEqual((status, json.loads(told)["Details"]["Healthy"]), (500, False), told)
        node.thaw()
        c.wait_for(other.leads, "the node to lead again")


if __name__ == "__main__":
    unittest.main()
