"""What orchestrator's shell client needs of a running service to read, to label and to find the one that leads
(client_change_test: to change servers)."""
import contextlib
import sqlite3
import time
import unittest

import client_change_test
from client_case import COMMANDS, TESTED, AsClient, Client, ClientCase, about
from kv_test import PAIRS, Consul
from raft_case import RaftCase
from service_case import Service, ServiceCase

ALL = """
    which-api api clusters clusters-alias search all-instances instance which-instance which-master which-replicas
    which-broken-replicas which-cluster which-cluster-alias which-cluster-master which-cluster-instances all-clusters-masters
    dominant-dc which-cluster-osc-replicas which-cluster-osc-running-replicas downtimed topology topology-tabulated topology-tags
    is-replicating is-replication-stopped which-gtid-errant locate-gtid-errant last-pseudo-gtid can-replicate-from
    can-replicate-from-gtid tags tag-value tagged which-heuristic-cluster-pool-instances replication-analysis
    check-global-recoveries restart-replica-statements raft-leader raft-leader-hostname raft-health
    discover async-discover forget forget-cluster snapshot-topologies submit-masters-to-kv-stores tag untag untag-all
    submit-pool-instances begin-downtime end-downtime begin-maintenance end-maintenance register-candidate
    register-hostname-unresolve deregister-hostname-unresolve
    relocate match move-below move-equivalent repoint move-gtid match-up move-up make-co-master take-master take-siblings
    relocate-replicas move-replicas-gtid move-up-replicas repoint-replicas match-up-replicas
    stop-replica stop-replica-nice start-replica restart-replica reset-replica change-master-credentials detach-replica
    reattach-replica detach-replica-master-host reattach-replica-master-host skip-query gtid-errant-reset-master
    gtid-errant-inject-empty enable-semi-sync-master disable-semi-sync-master enable-semi-sync-replica
    disable-semi-sync-replica set-read-only set-writeable flush-binary-logs purge-binary-logs delay-replication
    recover graceful-master-takeover graceful-master-takeover-auto force-master-failover force-master-takeover
    ack-cluster-recoveries ack-all-recoveries disable-global-recoveries enable-global-recoveries raft-elect-leader
""".split()


class Complete(unittest.TestCase):
    def test_every_command_of_the_client_is_tested(self):
        self.assertEqual(len(ALL), 105)
        self.assertEqual(set(COMMANDS), {*ALL, "help"})
        self.assertEqual(TESTED, {*ALL, "help"}, client_change_test.__name__)


class Reading(ClientCase):
    NODES, TREE = 4, "1>2,1>3,3>4"
    CONFIG = {"DetectDataCenterQuery": "SELECT data_center FROM meta.cluster WHERE anchor = 1", "AuditToBackendDB": True}

    @classmethod
    def before_service(cls):
        cls.consul = Consul()
        cls.addClassCleanup(cls.consul.end)
        # So that the host alone is a hint, too.
        cls.stage.config.update(ConsulAddress=cls.consul.address, DefaultInstancePort=cls.c[1].port)

    def hints(self):
        return [*super().hints(), {"i": self.c[1].host}]

    @about("which-api", "api", "help", "clusters", "clusters-alias", "search", "all-instances", "instance", "which-instance",
           "which-master", "which-replicas", "all-clusters-masters", "dominant-dc")
    def test_servers_and_clusters_are_listed(self):
        c = self.c
        self.says("which-api", self.service.base.rstrip("/"))
        self.says("help", "usage")
        self.says("api", '"OK"', path="lb-check")
        self.says("api", f'["{c[1]}"]', path="clusters")
        self.says("clusters", c[1])
        self.says("clusters-alias", f"{c[1]},{c.name}")
        self.says("all-instances", *c.nodes)
        self.says("search", c[3], i=c[3].port)
        self.says("search", *c.nodes, i=c.name)
        self.says("search", i="nothing of the kind")
        self.says("all-clusters-masters", c[1])
        self.says("dominant-dc", "dc1")
        for name in ("instance", "which-instance"):
            self.says(name, c[4], i=c[4])
            # The port that is not given is the client's own.
            self.says(name, c[4], i=c[4].host, client=Client(self.service.base, port=c[4].port))
            self.fails(name, f"{c[4].host}:1", i=f"{c[4].host}:1")
            self.fails(name, ":x names no instance", i=f"{c[4].host}:x")
        self.says("which-master", c[3], i=c[4])
        self.says("which-master", ":0", i=c[1])
        self.says("which-replicas", c[2], c[3], i=c[1])
        self.says("which-slaves", i=c[4])
        done = self.ask("api", path="instance/nowhere/1")
        self.assertEqual(done.code, 1, done)
        self.assertRegex(done.out, r'^\{"Code":"ERROR","Message":".+","Details":null\}\n$')

    @about("which-cluster", "which-cluster-alias", "which-cluster-master", "which-cluster-instances",
           "which-cluster-osc-replicas", "which-cluster-osc-running-replicas", "topology", "topology-tabulated",
           "topology-tags", "snapshot-topologies")
    def test_a_cluster_is_found_by_any_of_its_names(self):
        c = self.c
        for hint in self.hints():
            self.says("which-cluster", c[1], **hint)
            self.says("which-cluster-alias", c.name, **hint)
            self.says("which-cluster-master", c[1], **hint)
            self.says("which-cluster-instances", *c.nodes, **hint)
            for osc in ("which-cluster-osc-replicas", "which-cluster-osc-running-replicas"):
                self.says(osc, *c.nodes[1:], **hint)
        for name in ("which-cluster", "which-cluster-master", "topology", "topology-tabulated", "topology-tags"):
            self.fails(name, "nobody", alias="nobody")
        for hint in self.hints():
            tree = self.ask("topology", **hint)
            self.assertEqual(tree.code, 0, tree)
            column = max(len(f"{'  ' if node is c[4] else ''}{'+ ' if node is not c[1] else ''}{node}") for node in c.nodes)
            for line, (before, node) in zip(tree.lines, (("", c[1]), ("+ ", c[2]), ("+ ", c[3]), ("  + ", c[4])), strict=True):
                self.assertEqual(line[:column + 1].rstrip(), before + str(node))
                self.assertRegex(line[column:], r"^ *\[[0-9]+s,ok,[^,]+,r[ow],ROW,>>,(P-)?GTID\]$" if before else
                                 r"^ *\[[0-9]+s,ok,[^,]+,rw,ROW,>>(,GTID)?\]$")
        tabulated = self.ask("topology-tabulated", alias=c.name)
        self.assertEqual([line.split("|")[0].strip(" +") for line in tabulated.lines], [str(c[n]) for n in (1, 2, 3, 4)])
        self.assertEqual(len({line.count("|") for line in tabulated.lines}), 1)
        self.assertEqual(len({len(line) for line in tabulated.lines}), 1)
        tags = self.ask("topology-tags", i=c[2])
        self.assertTrue(all(line.endswith(" []") for line in tags.lines), tags)
        self.assertRegex(self.ask("snapshot-topologies").out, r"^Took [0-9.]+ms\n$")
        with contextlib.closing(sqlite3.connect(self.stage.config["SQLite3DataFile"], timeout=30)) as db:
            rows = db.execute("SELECT port, master_port FROM database_instance_topology_history").fetchall()
        self.assertEqual(sorted(rows), [(c[1].port, 0), (c[2].port, c[1].port), (c[3].port, c[1].port), (c[4].port, c[3].port)])

    @about("tag", "tags", "tag-value", "tagged", "untag", "untag-all")
    def test_tags_are_set_and_found(self):
        c = self.c
        self.says("tag", c[2], i=c[2], tag="role=web")
        self.says("tag", c[3], i=c[3], tag="role=a b/c & d")
        self.says("tag", c[2], i=c[2], tag="spare")
        self.says("tags", "role=web", "spare=", i=c[2])
        self.says("tag-value", "web", i=c[2], tag="role")
        self.says("tag-value", "a b/c & d", i=c[3], tag="role")
        self.fails("tag-value", "role", i=c[4], tag="role")
        self.says("tagged", c[2], c[3], tag="role")
        self.says("tagged", c[2], tag="role=web,spare")
        self.says("tagged", c[3], tag="role,~spare")
        self.says("tagged", c[2], c[3], tag="role", i=c[4])
        self.assertIn(" [role=web,spare]", self.ask("topology-tags", alias=c.name).out)
        self.says("untag", c[2], i=c[2], tag="spare")
        self.says("untag", i=c[2], tag="spare")
        self.says("untag", i=c[2], tag="role=other")
        self.says("tag", c[4], i=c[4], tag="role=web")
        self.fails("untag-all", "value", tag="role")
        self.says("untag-all", c[2], c[4], tag="role=web")
        self.says("tagged", c[3], tag="role")
        self.says("untag", c[3], i=c[3], tag="role")
        self.says("tagged", tag="role")

    @about("submit-pool-instances", "which-heuristic-cluster-pool-instances")
    def test_pools_are_filled_and_emptied(self):
        c = self.c
        self.says("submit-pool-instances", "web", pool="web", i=f"{c[2]}, {c[3]}")
        self.says("submit-pool-instances", "batch", pool="batch", i=c[4])
        for hint in self.hints():
            self.says("which-heuristic-cluster-pool-instances", c[2], c[3], pool="web", **hint)
            self.says("which-heuristic-cluster-pool-instances", c[2], c[3], c[4], **hint)
        self.says("submit-pool-instances", "web", pool="web", i=c[2])
        self.says("which-heuristic-cluster-pool-instances", c[2], pool="web", alias=c.name)
        for pool in ("web", "batch"):
            self.says("submit-pool-instances", pool, pool=pool, i="")
        self.says("which-heuristic-cluster-pool-instances", alias=c.name)
        self.fails("which-heuristic-cluster-pool-instances", "nobody", alias="nobody")

    @about("begin-downtime", "end-downtime", "downtimed", "begin-maintenance", "end-maintenance")
    def test_downtime_and_maintenance_begin_and_end(self):
        c = self.c
        self.says("downtimed")
        self.says("begin-downtime", c[2], i=c[2], owner="al", reason="a/b: disk & more")
        self.says("begin-downtime", c[4], i=c[4], reason="disk", duration="1h")
        self.says("downtimed", c[2], c[4])
        for hint in self.hints():
            self.says("downtimed", c[2], c[4], **hint)
        record = self.record(c[2])
        self.assertEqual((record["IsDowntimed"], record["DowntimeOwner"], record["DowntimeReason"]),
                         (True, "al", "a/b: disk & more"))
        self.assertIn(",downtimed]", self.ask("topology", i=c[1]).out)
        self.fails("begin-downtime", "1y", i=c[2], reason="disk", duration="1y")
        self.says("end-downtime", c[2], i=c[2])
        self.says("downtimed", c[4])
        self.says("end-downtime", c[4], i=c[4])
        self.says("end-downtime", c[4], i=c[4])
        self.says("downtimed")
        self.says("begin-maintenance", c[3], i=c[3], reason="disk swap")
        self.fails("begin-maintenance", str(c[3]), out="0", i=c[3], reason="disk swap")
        active = self.service.json("maintenance")
        self.assertEqual([(m["Key"]["Port"], m["Owner"], m["Reason"]) for m in active], [(c[3].port, "tester", "disk swap")])
        self.says("end-maintenance", c[3], i=c[3])
        self.says("end-maintenance", c[3], i=c[3])
        self.assertEqual(self.service.json("maintenance"), [])

    @about("register-candidate", "register-hostname-unresolve", "deregister-hostname-unresolve")
    def test_candidates_and_virtual_names_are_registered(self):
        c = self.c
        self.says("register-candidate", c[2], i=c[2], rule="prefer")
        self.assertEqual([self.record(c[2])[name] for name in ("PromotionRule", "IsCandidate")], ["prefer", True])
        self.fails("register-candidate", "promotion rule", i=c[2], rule="must")
        self.says("register-candidate", c[2], i=c[2], rule="neutral")
        self.assertEqual([self.record(c[2])[name] for name in ("PromotionRule", "IsCandidate")], ["neutral", False])
        self.says("register-hostname-unresolve", c[2], i=c[2], hostname="db.example")
        self.assertEqual(self.record(c[2])["UnresolvedHostname"], "db.example")
        self.says("deregister-hostname-unresolve", c[2], i=c[2])
        self.assertEqual(self.record(c[2])["UnresolvedHostname"], "")
        self.fails("register-hostname-unresolve", ":x names no instance", i=f"{c[2].host}:x", hostname="db.example")

    @about("submit-masters-to-kv-stores")
    def test_masters_are_told_to_the_stores(self):
        c = self.c
        base = f"mysql/master/{c.name}"
        values = dict(zip((base + end for end in PAIRS), (c[1], c[1].host, c[1].port, "127.0.0.1", ""), strict=True))
        for given in ({}, {"alias": c.name}):
            self.consul.values.clear()
            self.says("submit-masters-to-kv-stores", *(f"{key}:{value}" for key, value in values.items()), **given)
            self.assertEqual(self.consul.values, {key: str(value) for key, value in values.items()})
        self.fails("submit-masters-to-kv-stores", "nobody", alias="nobody")

    @about("discover", "async-discover", "forget", "forget-cluster")
    def test_servers_are_forgotten_and_found_again(self):
        c = self.c
        self.says("forget", i=c[4])
        self.says("discover", c[4], i=c[4])
        self.says("all-instances", *c.nodes)
        self.says("which-master", c[3], i=c[4])
        self.says("forget", i=c[4])
        self.says("async-discover", c[4], i=c[4])
        c.wait_for(lambda: self.ask("which-master", i=c[4]).out == f"{c[3]}\n", "it to be found")
        nobody = f"{c[1].host}:{c[1].port - 1}"
        self.fails("discover", nobody, i=nobody)
        self.fails("forget", nobody, i=nobody)
        self.fails("forget-cluster", "nobody", alias="nobody")
        for hint in self.hints()[1:3]:
            self.says("forget-cluster", **hint)
            self.says("all-instances")
            self.says("discover", c[1], i=c[1])
            self.stage.knows_all(self.service, c)
            c.wait_for(lambda: self.ask("clusters-alias").out == f"{c[1]},{c.name}\n", "the cluster's alias")

    @about("replication-analysis", "check-global-recoveries", "disable-global-recoveries", "enable-global-recoveries")
    def test_what_is_wrong_is_told_and_recoveries_can_be_switched_off(self):
        c = self.c
        self.says("check-global-recoveries", "enabled")
        self.says("disable-global-recoveries", "disabled")
        self.says("check-global-recoveries", "disabled")
        self.says("enable-global-recoveries", "enabled")
        self.says("check-global-recoveries", "enabled")
        c.wait_for(lambda: self.ask("replication-analysis").out == "", "nothing to be wrong")
        self.says("set-read-only", c[1], i=c[1])
        self.says("replication-analysis", f"{c[1]} (cluster {c[1]}): NoWriteableMasterStructureWarning")
        self.says("set-writeable", c[1], i=c[1])
        self.says("replication-analysis")
        # While it is connected: its source names only such replicas.
        self.says("which-cluster-osc-replicas", c[2], c[3], c[4], alias=c.name)
        self.says("stop-replica", c[4], i=c[4])
        self.says("replication-analysis", f"{c[3]} (cluster {c[1]}): AllIntermediateMasterReplicasNotReplicating")
        self.says("which-cluster-osc-running-replicas", c[2], c[3], alias=c.name)
        self.says("start-replica", c[4], i=c[4])
        self.says("replication-analysis")


class Access(AsClient, ServiceCase):
    """Where to ask, and as whom: of services that know no server."""

    def serve(self, log="serve.log", **settings):
        """It listens when this ends."""
        self.config.update(settings)
        service = Service(self, self.folder / log)
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        self.until(lambda: service.answers() or service.base, service)
        return service

    def until(self, condition, service):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, service.told())
            time.sleep(0.02)

    def test_without_the_password_the_client_is_told_so(self):
        service = self.serve(AuthenticationMethod="basic", HTTPAuthUser="al", HTTPAuthPassword="pass word")
        for api in (service.base, service.base.replace("://", "://al:wrong@")):
            self.fails("clusters", "wants a password", client=Client(api))
        self.says("clusters", client=Client(service.base, "--basic", "--user", "al:pass word"))
        self.says("enable-global-recoveries", "enabled", client=Client(service.base.replace("://", "://al:pass%20word@")))

    def test_who_may_only_read_is_refused_by_a_message(self):
        service = self.serve(AuthenticationMethod="proxy", PowerAuthUsers=["alice"])
        alice, bob = (Client(service.base, "-H", f"X-Forwarded-User:{who}") for who in ("alice", "bob"))
        self.says("check-global-recoveries", "enabled", client=bob)
        self.fails("disable-global-recoveries", "^Unauthorized$", client=bob)
        self.says("check-global-recoveries", "enabled", client=bob)
        self.says("disable-global-recoveries", "disabled", client=alice)
        self.says("check-global-recoveries", "disabled", client=bob)

    def test_a_prefix_and_any_form_of_the_address_are_served(self):
        service = self.serve(URLPrefix="/orch")
        base = service.base.replace("/api/", "/orch/api")
        for api in (base, base + "/", base.removesuffix("/api"), base.removesuffix("api")):
            self.says("which-api", base, client=Client(api))
            self.says("check-global-recoveries", "enabled", client=Client(api))
        done = self.ask("check-global-recoveries", client=Client(service.base))
        self.assertEqual(done.code, 1, done)
        self.assertIn("404 page not found", done.err)

    def test_of_several_addresses_the_one_that_leads_is_asked(self):
        first = self.serve()
        self.until(first.leads, first)
        second = self.serve("second.log")
        nobody = "http://127.0.0.1:1"
        for apis in ([first, second], [second, first]):
            self.says("which-api", first.base.rstrip("/"), client=Client(" ".join([nobody, *(api.base for api in apis)])))
        self.fails("clusters", "cannot determine leader", client=Client(f"{second.base} {nobody}"))
        self.says("clusters", client=Client(second.base))  # of one alone nobody asks whether it leads


class Raft(AsClient, RaftCase):
    @about("raft-leader", "raft-leader-hostname", "raft-health", "raft-elect-leader")
    def test_the_group_says_who_leads_and_any_node_of_it_will_do(self):
        c, leader = self.prepare(2)
        others = self.followers(leader)
        clients = {node: Client(node.service.base) for node in self.nodes}
        hostname = leader.service.details("status")["Hostname"]
        self.says("raft-leader", leader.address, client=clients[leader])
        self.says("raft-leader-hostname", hostname, client=clients[leader])
        for node in self.nodes:
            self.says("raft-health", "healthy", client=clients[node])
        for node in others:
            for name in ("raft-leader", "raft-leader-hostname"):
                self.fails(name, "not the leader", client=clients[node])
            self.fails("raft-elect-leader", "not the leader", hostname="nobody", client=clients[node])
        at = {node: node.service.base.rstrip("/") for node in self.nodes}
        self.says("which-api", at[leader], client=Client(" ".join([at[others[0]], at[others[1]], at[leader]])))
        # One that only knows the leader will do, too.
        pair = Client(f"http://127.0.0.1:1 {at[others[1]]} {at[others[0]]}")
        self.says("which-api", at[others[1]], client=pair)
        self.says("disable-global-recoveries", "disabled", client=pair)
        for node in self.nodes:
            self.says("check-global-recoveries", "disabled", client=clients[node])
        self.says("stop-replica", c[2], i=c[2], client=pair)
        self.assertFalse(c[2].replicates())
        self.says("is-replication-stopped", c[2], i=c[2], client=pair)
        self.fails("raft-elect-leader", "nobody", hostname="nobody", client=clients[leader])
        hint = others[0].address.partition(":")[2]
        self.says("raft-elect-leader", hint, hostname=hint, client=clients[leader])
        self.wait(others[0].leads, "the other node to lead")
        self.says("raft-leader", others[0].address, client=clients[others[0]])


if __name__ == "__main__":
    unittest.main()
