"""A group of `orch serve` that agree by raft, with a backend each, for tests."""
import json
import signal
import sqlite3

import proxy
from live_case import LiveCase
from service_case import Service
from software import Problem

NODES = 3


class RaftNode:
    """One node of the group, with a SQLite file and a log of its own."""

    def __init__(self, case, number, raft_ports, http_port):
        self.case, self.number = case, number
        self.home = case.folder / f"node{number}"
        self.home.mkdir(exist_ok=True)
        self.listen = f"{case.HOST}:{http_port}"
        self.address = f"{case.HOST}:{raft_ports[number]}"
        config = {"RaftEnabled": True, "RaftDataDir": str(self.home / "raft"), "RaftBind": self.address,
                  "RaftNodes": [f"{case.HOST}:{port}" for port in raft_ports], "RaftSecret": "raft_test_secret",
                  # Long enough for a machine that does much else: nobody is to be elected by chance.
                  "RaftHeartbeatMilliseconds": 200, "RaftElectionTimeoutMilliseconds": 2000,
                  "ListenAddress": self.listen, **case.config, **case.backend_of(self)}
        self.config = self.home / "orch.conf.json"
        self.config.write_text(json.dumps(config))
        self.start()

    def start(self):
        self.service = Service(self.case, self.home / "serve.log", self.config, self.listen, trust=self.case.trust)
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


class RaftCase(LiveCase):
    HOST = "127.0.0.1"  # of all nodes
    trust = None  # whose certificates the API shows; none: it has none

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
                try:
                    self.wait(lambda n=node: knows(n), f"node {node.number} to know all servers")
                except Problem as problem:
                    seen = self.sql(node, "select port, cluster_name, last_checked, last_seen from database_instance")
                    self.fail(f"{problem}: it knows\n{seen}\n{node.service.told()}")

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
