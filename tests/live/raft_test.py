"""Three `orch serve` with a backend each that agree by raft: what one decides the others know, whoever dies."""
import json
import shutil
import signal
import sqlite3
import unittest

import proxy
from live_case import FLAVOR, LiveCase
from service_case import Service

NODES = 3


class RaftNode:
    """One node of the group, with a SQLite file and a log of its own."""

    def __init__(self, case, number, raft_ports, http_port):
        self.case, self.number = case, number
        self.home = case.folder / f"node{number}"
        self.home.mkdir()
        self.listen = f"127.0.0.1:{http_port}"
        self.address = f"127.0.0.1:{raft_ports[number]}"
        config = {**case.config, **case.backend_of(self),
                  "RaftEnabled": True, "RaftDataDir": str(self.home / "raft"), "RaftBind": self.address,
                  "RaftNodes": [f"127.0.0.1:{port}" for port in raft_ports], "RaftSecret": "raft_test_secret",
                  # Long enough for a machine that does much else: nobody is to be elected by chance.
                  "RaftHeartbeatMilliseconds": 200, "RaftElectionTimeoutMilliseconds": 2000,
                  "ListenAddress": self.listen}
        self.config = self.home / "orch.conf.json"
        self.config.write_text(json.dumps(config))
        self.start()

    def start(self):
        self.service = Service(self.case, self.home / "serve.log", self.config, self.listen)
        self.frozen = False

    def is_up(self):
        return self.service.process.poll() is None and not self.frozen

    def answers(self):
        return self.service.answers()

    def leads(self):
        return self.is_up() and self.service.leads()

    def kill(self):
        self.service.process.kill()
        self.service.process.wait()
        self.service.log.close()

    def end(self):
        if self.service.process.poll() is None:
            self.service.process.kill()
            self.service.process.wait()
        if not self.service.log.closed:
            self.service.log.close()

    def freeze(self):
        self.service.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.service.process.send_signal(signal.SIGCONT)
        self.frozen = False


class Raft(LiveCase):
    def backend_of(self, node):
        return {"BackendDB": "sqlite", "SQLite3DataFile": str(node.home / "orch.db")}

    def setUp(self):
        super().setUp()
        self.config.update(RecoverMasterClusterFilters=["*"], RecoverIntermediateMasterClusterFilters=["*"],
                           RecoveryPeriodBlockSeconds=1, InstancePollSeconds=2)

    def start_nodes(self):
        ports = proxy.free_ports(2 * NODES)
        self.nodes = [RaftNode(self, i, ports[:NODES], ports[NODES + i]) for i in range(NODES)]
        for node in self.nodes:
            self.addCleanup(node.end)
        for node in self.nodes:
            self.wait(node.answers, f"node {node.number} to answer")
        return self.leader()

    def wait(self, condition, what):
        self.timer.wait_for(condition, what)

    def leader(self, among=None):
        found = []

        def one_leads():
            found[:] = [n for n in among or self.nodes if n.leads()]
            return len(found) == 1

        self.wait(one_leads, "one node to lead")
        return found[0]

    def followers(self, leader):
        def others():
            return [n for n in self.nodes if n.is_up() and n is not leader]

        def know():
            return all(n.service.ask("routed-leader-check")[0] == 200 for n in others())

        self.wait(know, "the followers to find the leader")
        return others()

    def prepare(self, servers=4):
        self.timer = c = self.start(servers)
        leader = self.start_nodes()
        follower = self.followers(leader)[0]
        # Through one that does not lead.
        follower.service.details(f"discover/{c[1].host}/{c[1].port}")
        self.all_know(c)
        return c, leader

    def all_know(self, c):
        def knows(node):
            text = self.sql(node, "select port from database_instance where last_seen >= last_checked")
            named = self.sql(node, "select alias from cluster_alias")
            return {str(s.port) for s in c.nodes if s.pid()} <= set(text.split()) and named == c.name

        for node in self.nodes:
            if node.is_up():
                self.wait(lambda n=node: knows(n), f"node {node.number} to know all servers")

    def sql(self, node, statement):
        """What stands in the node's own backend."""
        with sqlite3.connect(f"file:{node.home}/orch.db?mode=ro", uri=True, timeout=30) as db:
            return "\n".join("|".join("NULL" if v is None else str(v) for v in row) for row in db.execute(statement))

    def agree(self, statement, expected=None):
        def same():
            said = {self.sql(n, statement) for n in self.nodes if n.is_up()}
            return len(said) == 1 and (expected is None or said == {expected})

        self.wait(same, f"all nodes to say {expected or 'the same'} to {statement}: " +
                  repr([self.sql(n, statement) for n in self.nodes]))

    def healed_once(self, c, dead):
        others = [n for n in c.nodes if n is not dead]

        def writable():
            return [n for n in others if n.pid() and n.state() == "up" and not self.read_only(n)]

        self.wait(lambda: len(writable()) == 1, "a new master")
        new = writable()[0]
        for node in others:
            if node is not new:
                self.wait(lambda n=node: n.source() == str(new), f"{node} to follow {new}")
        done = ("select count(*) from topology_recovery where is_successful = 1 and port = "
                f"{dead.port} and end_recovery is not null")
        self.agree(done, "1")
        self.agree("select recovery_id, uid, successor_port, in_active_period from topology_recovery order by 1")
        return new

    def test_what_is_asked_of_a_follower_stands_on_all_nodes_and_outlives_the_leader(self):
        c, leader = self.prepare(3)
        follower = self.followers(leader)[0]
        self.assertEqual(follower.service.json("raft-state"), "Follower")
        self.assertEqual(follower.service.json("raft-leader"), leader.address)
        self.assertEqual(sorted(follower.service.json("raft-peers")), sorted(n.address for n in self.nodes))
        self.assertEqual(follower.service.ask("leader-check")[0], 404)
        self.assertEqual(follower.service.ask("routed-leader-check")[0], 200)
        key = f"{c[2].host}/{c[2].port}"
        follower.service.details(f"tag/{key}?tag=role%3Dspare")
        follower.service.details(f"begin-downtime/{key}/me/because/1h")
        self.agree("select tag_name, tag_value from database_instance_tags", "role|spare")
        self.agree("select owner, reason from database_instance_downtime", "me|because")
        leader.kill()
        rest = [n for n in self.nodes if n is not leader]
        new = self.leader(rest)
        self.assertEqual(new.service.json(f"tags/{key}"), ["role=spare"])
        new.service.details(f"untag/{key}?tag=role")
        self.agree("select count(*) from database_instance_tags", "0")
        # One that comes back learns of it, too.
        leader.start()
        self.wait(leader.answers, "the killed node to answer")
        self.agree("select count(*) from database_instance_tags", "0")
        # One that comes back with nothing, as well.
        new.service.details(f"tag/{key}?tag=again")
        leader.kill()
        shutil.rmtree(leader.home / "raft")
        leader.start()
        self.wait(leader.answers, "the emptied node to answer")
        self.agree("select tag_name from database_instance_tags", "again")
        self.agree("select owner, reason from database_instance_downtime", "me|because")

    def test_without_a_majority_a_node_says_so_and_does_nothing(self):
        c, leader = self.prepare(2)
        rest = self.followers(leader)
        for node in rest:
            node.kill()
        self.wait(lambda: not leader.leads(), "the leader to stand back")
        status, body = leader.service.ask("clusters")
        self.assertEqual(status, 503, body)
        self.assertIn("knows no node that does", body)
        self.wait(lambda: leader.service.ask("health")[0] == 500, "the node to call itself unhealthy")
        self.assertEqual(leader.service.ask(f"tag/{c[1].host}/{c[1].port}?tag=x")[0], 503)
        self.config.update(json.loads(leader.config.read_text()))
        self.refuses("clusters", saying="knows no node that does")
        self.refuses("-c", "clusters", saying="knows no node that does")
        self.refuses("raft", "status", saying="no node is known to lead")
        rest[0].start()
        self.leader([leader, rest[0]])

    def test_a_dead_master_is_replaced_once(self):
        c, leader = self.prepare()
        c[1].kill()
        self.healed_once(c, c[1])
        self.assertNotEqual(self.sql(leader, "select count(*) from orch_recovery_journal"), "0")
        self.agree("select count(*), max(sequence) from orch_recovery_journal where state <> 'intent'")

    def test_a_master_that_dies_with_the_leader_is_replaced_once_by_its_successor(self):
        c, leader = self.prepare()
        leader.kill()
        c[1].kill()
        self.healed_once(c, c[1])

    def test_a_recovery_whose_leader_dies_is_finished_by_the_next_one(self):
        marker = self.folder / "hook"
        self.config["PreFailoverProcesses"] = [f"echo x >> {marker}; sleep 5"]
        c, leader = self.prepare()
        c[1].kill()
        self.wait(marker.exists, "the hook to run")
        leader.kill()
        self.healed_once(c, c[1])

    def test_a_leader_that_was_frozen_in_a_recovery_does_nothing_more_of_it(self):
        before, after = self.folder / "before", self.folder / "after"
        self.config.update(PreFailoverProcesses=[f"echo x >> {before}; sleep 2"],
                           PostFailoverProcesses=[f"echo {{orchestratorHost}} >> {after}"])
        c, leader = self.prepare()
        c[1].kill()
        self.wait(before.exists, "the hook to run")
        leader.freeze()
        new = self.healed_once(c, c[1])
        self.wait(after.exists, "the hook that follows")
        leader.thaw()
        self.wait(lambda: leader.service.ask("routed-leader-check")[0] == 200, "the frozen node to know who leads")
        # Its own was cut off before it changed anything; the next leader's is another.
        self.agree("select is_successful, count(*) from topology_recovery group by is_successful", "0|1\n1|1")
        self.assertEqual(len(after.read_text().splitlines()), 1)
        self.assertEqual([n for n in c.nodes if n.pid() and not self.read_only(n)], [new])

    def test_a_takeover_through_a_follower_ends_with_its_answer(self):
        c, leader = self.prepare(3)
        follower = self.followers(leader)[0]
        self.config["PostFailoverProcesses"] = []
        details = follower.service.details(
            f"graceful-master-takeover/{c.name}/{c[2].host}/{c[2].port}")
        self.assertEqual(details["SuccessorKey"]["Port"], c[2].port)

    def test_commands_find_the_leader_by_themselves(self):
        c, leader = self.prepare(2)
        follower = self.followers(leader)[0]
        self.config.update(json.loads(follower.config.read_text()))
        self.does("tag", c[2], "--tag", "by=command")
        self.agree("select tag_value from database_instance_tags", "command")
        self.assertIn(leader.address, self.does("raft", "status").out)
        self.wait(lambda: sorted(leader.service.json("health")["Details"]["RaftHealthyMembers"])
                  == sorted(node.address for node in self.nodes), "all nodes to be healthy members")
        other = self.followers(leader)[1]
        self.does("raft", "elect", other.address)
        self.wait(other.leads, "the node that was named to lead")
        for node in self.nodes:
            node.end()
        self.refuses("tag", c[2], "--tag", "by=nobody", saying="none was found")


class RaftOnMySql(Raft):
    """Each node on a schema of its own; of a server for all of them, since only the schema counts here."""

    def setUp(self):
        if FLAVOR != "mariadb":
            self.skipTest("a schema takes MySQL long to make, and backend_test asks it the same statements")
        super().setUp()
        self.server = self.start(1, "")[1]
        self.server.sql("CREATE USER backend@'%' IDENTIFIED BY 'backend_password'; GRANT ALL ON *.* TO backend@'%';"
                        "SET GLOBAL read_only = 0")

    def backend_of(self, node):
        return {"BackendDB": "mysql", "MySQLOrchestratorHost": self.server.host,
                "MySQLOrchestratorPort": self.server.port, "MySQLOrchestratorDatabase": f"orch_{node.number}",
                "MySQLOrchestratorUser": "backend", "MySQLOrchestratorPassword": "backend_password"}

    def sql(self, node, statement):
        return self.server.sql(f"use orch_{node.number}; {statement}").replace("\t", "|")


if __name__ == "__main__":
    unittest.main()
