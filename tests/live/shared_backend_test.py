"""Nodes that share a backend of several servers: one acts, whatever dies, and each dead master is replaced once."""
import contextlib
import time
import unittest
import urllib.request

import proxy
from shared_rounds import SharedRounds


class Galera(SharedRounds):
    def test_nodes_on_a_galera_server_each_heal_a_cluster_once_whatever_dies(self):
        group = self.cluster("galera", self.NODES)
        self.open_backend(group[1])
        self.members = group.nodes
        self.start_peers([(n.host, n.port, n) for n in group.nodes])
        self.rounds()


class OneServer(SharedRounds):
    def test_nodes_on_one_server_heal_a_cluster_once_whichever_dies(self):
        node = self.cluster("mariadb", 1)[1]
        node.sql("SET GLOBAL read_only = 0")
        self.open_backend(node)
        self.members = [node]
        self.start_peers([(node.host, node.port, None)] * self.NODES)
        self.rounds()

    def test_a_proxy_sends_everybody_to_the_node_that_leads(self):
        node = self.cluster("mariadb", 1)[1]
        node.sql("SET GLOBAL read_only = 0")
        self.open_backend(node)
        self.start_peers([(node.host, node.port, None)] * self.NODES)
        front = proxy.Proxy(self.folder, proxy.LEADER, [p.listen for p in self.peers])
        self.addCleanup(front.end)

        def role():
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{front.port}/api/clusters", timeout=5) as answer:
                    return answer.headers["X-Orch-Role"]

        self.wait(lambda: role() == "leader", "the proxy to find the leader")
        for change in ("kill", "freeze", "reelect", "end"):
            before = self.leader()
            {"kill": before.kill, "freeze": before.freeze, "reelect": lambda p=before: p.service.ask("reelect"),
             "end": before.service.process.terminate}[change]()
            if change != "reelect":
                self.wait(lambda b=before: any(p.leads() for p in self.peers if p is not b), "another to lead")
            self.leader()
            began = time.monotonic()
            self.wait(lambda: role() == "leader", f"the proxy to find the leader after {change}")
            print(f"    {change}: found {time.monotonic() - began:.2f} s after it led", flush=True)
            if change == "end":
                before.service.process.wait()
            before.restore()


class Pair(SharedRounds):
    def test_nodes_behind_a_proxy_to_a_pair_of_masters_heal_a_cluster_once_whichever_dies(self):
        # HA-5
        pair = self.cluster("mariadb", 2, "1<>2", settings=[
            "binlog_format=STATEMENT", "max_connect_errors=1000000", "auto_increment_increment=2",
            "1:auto_increment_offset=1", "2:auto_increment_offset=2"])
        pair[2].sql("SET GLOBAL read_only = 0")
        self.open_backend(pair[1])
        self.wait(lambda: pair[2].sql("SELECT COUNT(*) FROM mysql.user WHERE user = 'backend'") == "1", "the account")
        front = proxy.Proxy(self.folder, proxy.DATABASES, pair.nodes)
        self.addCleanup(front.end)
        self.members = pair.nodes
        self.front = front
        self.start_peers([("127.0.0.1", front.port, None)] * 2)
        self.rounds()
        for node in pair.nodes:
            self.assertTrue(node.replicates(), node.replica_status())

    def serving(self):
        """The backend's server that the proxy uses."""
        with contextlib.suppress(OSError):
            done = self.members[0].client("", "-h127.0.0.1", f"-P{self.front.port}", "--protocol=tcp", "-ubackend",
                                          "-pbackend_password", "-NBe", "SELECT @@port")
            return next((m for m in self.members if done.stdout.strip() == str(m.port)), None)

    def backend(self, question):
        done = self.members[0].client("", "-h127.0.0.1", f"-P{self.front.port}", "--protocol=tcp", "-ubackend",
                                      "-pbackend_password", "-NBe", question)
        return done.stdout.strip()

    def faults(self):
        return {**super().faults(), "kill the database in use": lambda leader: self.serving().kill(),
                "stop the database in use": lambda leader: self.serving().freeze()}

    def restore(self):
        for member in self.members:
            member.thaw()
            if not member.pid():
                member.start()
                member.sql("SET GLOBAL read_only = 0")
            self.wait(member.replicates, f"{member} to replicate: {member.replica_status()}")
        for peer in self.peers:
            peer.restore()


class Group(SharedRounds):
    """Group Replication; a member comes back slowly, so the rounds are few."""
    ROUNDS = 2

    def start_members(self, *settings):
        group = self.cluster("group", self.NODES, settings=settings)
        self.open_backend(group[1])
        self.members = group.nodes
        return group

    def backend(self, question):
        """Asks a member that most members take for one: who has come back may not know the rest yet."""
        up = [member for member in self.members if member.state() == "up"]
        views = [member.told("SELECT member_port FROM performance_schema.replication_group_members"
                             " WHERE member_state = 'ONLINE'").split() for member in up]
        known = (m for m in up if 2 * sum(str(m.port) in view for view in views) > len(self.members))
        return next(filter(None, (member.told(question) for member in known)), "")

    def start_group(self, *settings):
        group = self.start_members(*settings)
        self.start_peers([(n.host, n.port, n) for n in group.nodes])

    def test_nodes_on_a_member_each_of_a_group_that_writes_everywhere(self):
        self.start_group("group_replication_single_primary_mode=OFF",
                         "group_replication_enforce_update_everywhere_checks=ON")
        self.rounds()

    def test_nodes_behind_a_proxy_to_the_primary_of_a_group(self):
        group = self.start_members()

        def takes_writes(node):
            return node.state() == "up" and node.told("SELECT @@super_read_only") == "0"
        checks = [proxy.Checks(lambda n=node: takes_writes(n)) for node in group.nodes]
        for check in checks:
            self.addCleanup(check.end)
        front = proxy.Proxy(self.folder, proxy.WRITABLE, group.nodes, [check.port for check in checks])
        self.addCleanup(front.end)
        # At first the proxy takes all of them for good.
        self.wait(lambda: any(c.good for c in checks) and all(c.told > 9 for c in checks), "the proxy to know the primary")
        self.start_peers([("127.0.0.1", front.port, None)] * self.NODES)
        self.rounds()

    def faults(self):
        def primary():
            port = self.backend("SELECT member_port FROM performance_schema.replication_group_members"
                                " WHERE member_role = 'PRIMARY'").splitlines()[0]
            return next(member for member in self.members if str(member.port) == port)
        if self.peers[0].member:
            return super().faults()
        return {"kill the primary": lambda leader: primary().kill(), "stop the primary": lambda leader: primary().freeze(),
                **super().faults()}


if __name__ == "__main__":
    unittest.main()
