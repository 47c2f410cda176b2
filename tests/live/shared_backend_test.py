"""Nodes that share a backend of several servers: one acts, whatever dies, and each dead master is replaced once."""
import contextlib
import time
import unittest
import urllib.request

import proxy
from shared_rounds import NODES, SharedRounds


class Galera(SharedRounds):
    def test_nodes_on_a_galera_server_each_heal_a_cluster_once_whatever_dies(self):
        group = self.cluster("galera", NODES)
        self.open_backend(group[1])
        self.members = group.nodes
        self.start_peers([(n.host, n.port, n) for n in group.nodes])
        self.rounds()


class OneServer(SharedRounds):
    def test_a_proxy_sends_everybody_to_the_node_that_leads(self):
        node = self.cluster("mariadb", 1)[1]
        node.sql("SET GLOBAL read_only = 0")
        self.open_backend(node)
        self.start_peers([(node.host, node.port, None)] * NODES)
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


if __name__ == "__main__":
    unittest.main()
