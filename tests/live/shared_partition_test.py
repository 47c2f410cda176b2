"""Nodes that share a backend, in a host each: whichever of them the network cuts off, from whom ever, one acts, and
each master that dies or is cut off is replaced once. See net.py and shared_rounds.py."""
import unittest

from net import network
from shared_rounds import SharedRounds
from software import Software

SERVERS = 3


class Cut(SharedRounds):
    """The hosts: what is managed, the nodes, what else the backend needs."""

    def backend_hosts(self):
        """Empty: each node has a backend of its own."""
        return []

    def make_network(self, more, flavor):
        for name in ("mariadb", flavor):
            Software(name).install()  # while there is a way to the mirror
        self.net = network(self, SERVERS + self.NODES + more)
        self.hosts, self.sites = self.net.hosts[:SERVERS], self.net.hosts[SERVERS:SERVERS + self.NODES]

    def master_dies(self, cluster, for_good):
        """It dies, or its host is cut off; then it is writable until somebody reaches it."""
        if for_good or self.random.random() < 0.5:
            cluster[1].kill()
        else:
            self.net.cut(self.hosts[0])

    def faults(self):
        def cut(chosen, others=None, **way):
            return lambda leader: self.net.cut(chosen(leader).where, others() if others else None, **way)

        def leader(peer):
            return peer

        def follower(peer):
            return self.random.choice([p for p in self.peers if p is not peer])

        self.needs_restoring = {"cut leader from servers"}
        found = {
            "cut leader": cut(leader),
            "cut leader from servers": cut(leader, lambda: self.hosts),
            "mute leader": cut(leader, receive=False),
            "deaf leader": cut(leader, send=False),
            "cut follower": cut(follower),
        }
        if self.backend_hosts():
            found["cut leader from backend"] = cut(leader, self.backend_hosts)
            found["cut follower from backend"] = cut(follower, self.backend_hosts)
        return found

    def restore(self):
        self.net.heal()
        super().restore()


class OneServer(Cut):
    def backend_hosts(self):
        return self.net.hosts[-1:]

    def test_nodes_on_one_server_heal_a_cluster_once_whoever_is_cut_off(self):
        self.make_network(1, "mariadb")
        node = self.cluster("mariadb", 1, hosts=self.backend_hosts())[1]
        node.sql("SET GLOBAL read_only = 0")
        self.open_backend(node)
        self.members = [node]
        self.start_peers([(node.host, node.port, None, site) for site in self.sites])
        self.rounds()


class Galera(Cut):
    def backend_hosts(self):
        return self.sites  # a node is with its member: it is the member that loses its group

    def test_nodes_with_a_galera_server_each_heal_a_cluster_once_whoever_is_cut_off(self):
        self.make_network(0, "galera")
        group = self.cluster("galera", self.NODES, hosts=self.sites)
        self.open_backend(group[1])
        self.members = group.nodes
        self.start_peers([(n.host, n.port, n, site) for n, site in zip(group.nodes, self.sites)])
        self.rounds()


if __name__ == "__main__":
    unittest.main()
