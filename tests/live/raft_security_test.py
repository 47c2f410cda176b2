"""Groups of nodes that know each other by certificates, that live at IPv6 addresses, and whose disk is full."""
import json
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import unittest

import proxy
from live_case import IS_MYSQL
from raft_case import RaftCase, RaftNode
from software import certificates


class RaftSecurity(RaftCase):
    def secured(self):
        """Mutual TLS between the nodes, and TLS for the API; each with files that can be renewed."""
        certs = certificates()
        for file in ("server-cert.pem", "server-key.pem", "ca.pem"):
            (self.folder / file).write_bytes((certs / file).read_bytes())
        cert, key, ca = (str(self.folder / file) for file in ("server-cert.pem", "server-key.pem", "ca.pem"))
        self.config.update(RaftSecret="", RaftSSLCertFile=cert, RaftSSLPrivateKeyFile=key, RaftSSLCAFile=ca,
                           UseSSL=True, SSLCertFile=cert, SSLPrivateKeyFile=key, SSLCAFile=ca)
        self.trust = ssl.create_default_context(cafile=ca)
        self.trust.load_verify_locations(certs / "other-ca.pem")

    def test_nodes_know_each_other_by_certificates_and_a_takeover_through_a_follower_ends_with_its_answer(self):
        self.secured()
        c, leader = self.prepare(3)
        follower = self.followers(leader)[0]
        details = follower.service.details(f"graceful-master-takeover/{c.name}/{c[2].host}/{c[2].port}")
        self.assertEqual(details["SuccessorKey"]["Port"], c[2].port)
        self.config.update(json.loads(follower.config.read_text()))
        self.does("tag", c[2], "--tag", "by=command")
        self.agree("select tag_value from database_instance_tags", "command")
        self.assertIn(leader.address, self.does("raft", "status").out)

    def test_strangers_do_not_get_in_and_disturb_nobody(self):
        self.secured()
        c, leader = self.prepare(2)
        host, _, port = leader.address.rpartition(":")
        for words in (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 400, b"\x16\x03\x01\xff\xff" + b"\x00" * 70000, b""):
            with socket.create_connection((host, int(port)), timeout=10) as stranger:
                try:
                    stranger.sendall(words)
                    stranger.shutdown(socket.SHUT_WR)
                    while stranger.recv(4096):
                        pass
                except OSError:
                    pass
        # One that believes the same authority, and shows no certificate of it.
        trust = ssl.create_default_context(cafile=self.config["RaftSSLCAFile"])
        with self.assertRaises(OSError), trust.wrap_socket(socket.create_connection((host, int(port)), timeout=10),
                                                           server_hostname=host) as stranger:
            stranger.sendall(b"hello")
            if not stranger.recv(1):
                raise OSError("ended")
        # A node of another authority that would like to belong to the group.
        other = self.folder / "other"
        other.mkdir()
        certs = certificates()
        subject = ["-subj", "/CN=a stranger", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", *subject, "-CA",
                        certs / "other-ca.pem", "-CAkey", certs / "other-ca-key.pem", "-keyout", other / "key.pem",
                        "-out", other / "cert.pem"], check=True, capture_output=True)
        self.config.update(RaftSSLCertFile=str(other / "cert.pem"), RaftSSLPrivateKeyFile=str(other / "key.pem"))
        ports = [int(n.address.rpartition(":")[2]) for n in self.nodes]
        mine = proxy.free_ports(2)
        stranger = RaftNode(self, len(ports), [*ports, mine[0]], mine[1])
        self.addCleanup(stranger.end)
        self.wait(stranger.answers, "the stranger to answer")
        self.wait(lambda: "certificate" in leader.service.told() + stranger.service.told(),
                  "somebody to say that a certificate is not believed")
        self.assertNotIn(stranger.address, leader.service.json("raft-peers"))
        self.assertEqual(stranger.service.ask("health")[0], 500)
        self.assertTrue(leader.leads())
        leader.service.details(f"tag/{c[2].host}/{c[2].port}?tag=still")
        self.agree("select tag_name from database_instance_tags", "still")

    def test_renewed_certificates_are_taken_without_a_restart_and_bad_ones_refused(self):
        self.secured()
        c, leader = self.prepare(2)
        follower = self.followers(leader)[0]
        cert = self.folder / "server-cert.pem"
        good = cert.read_bytes()
        cert.write_text("this is no certificate\n")
        for node in self.nodes:
            node.service.process.send_signal(signal.SIGHUP)
        refused = re.compile("the configuration stays as it is: .*SSLCertFile")
        self.wait(lambda: all(refused.search(n.service.told()) for n in self.nodes),
                  "the nodes to refuse it")
        # Of another authority, and all nodes are to believe that one from now on.
        certs = certificates()
        (self.folder / "ca.pem").write_bytes((certs / "other-ca.pem").read_bytes() + (certs / "ca.pem").read_bytes())
        cert.write_bytes(good)
        subprocess.run(["openssl", "req", "-x509", "-new", "-key", self.folder / "server-key.pem", "-days", "9", "-subj",
                        "/CN=renewed", "-addext", "subjectAltName=IP:127.0.0.1", "-CA", certs / "other-ca.pem", "-CAkey",
                        certs / "other-ca-key.pem", "-out", cert], check=True, capture_output=True)
        for node in self.nodes:
            node.service.process.send_signal(signal.SIGHUP)
        self.wait(lambda: all("reload-configuration" in n.service.told() for n in self.nodes), "the nodes to take them")
        # One that is started anew connects to the others, which show it what is new.
        follower.kill()
        follower.start()
        self.wait(follower.answers, "the restarted node to answer")
        self.followers(self.leader())
        shown = subprocess.run(["openssl", "s_client", "-connect", leader.address, "-cert", cert, "-key",
                                self.folder / "server-key.pem", "-CAfile", self.folder / "ca.pem"], input="",
                               capture_output=True, text=True).stdout
        self.assertIn("CN = renewed", shown)


class RaftOnIpv6(RaftCase):
    HOST = "[::1]"

    def setUp(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            self.skipTest(f"no server can listen on ::1 here: {error}")
        super().setUp()

    def test_a_group_at_ipv6_addresses_heals_a_dead_master_and_its_dead_leader(self):
        c, leader = self.prepare(3)
        follower = self.followers(leader)[0]
        self.assertEqual(follower.service.json("raft-leader"), leader.address)
        follower.service.details(f"tag/{c[2].host}/{c[2].port}?tag=role")
        self.agree("select tag_name from database_instance_tags", "role")
        leader.kill()
        c[1].kill()
        self.healed_once(c, c[1])


def mount_small_disk(case, place, size):
    """size: in MiB"""
    place.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=700", "orch-raft-test", place],
                          capture_output=True, text=True)
    if done.returncode:
        case.skipTest(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    case.addCleanup(subprocess.run, ["umount", "-l", place], check=True)


def fill_up(case, file):
    with open(file, "wb", buffering=0) as big:
        try:
            while True:
                big.write(b"x" * 65536)
        except OSError as error:
            case.assertEqual(error.errno, 28)


class RaftOnAFullDisk(RaftCase):
    def backend_of(self, node):
        # Beside the log: both are out of room at once.
        return {"BackendDB": "sqlite", "SQLite3DataFile": str(node.home / "raft" / "orch.db")}

    def sql(self, node, statement):
        with sqlite3.connect(f"file:{node.home}/raft/orch.db?mode=ro", uri=True, timeout=30) as db:
            return "\n".join("|".join(str(v) for v in row) for row in db.execute(statement))

    def mounted(self, node):
        """A small disk of its own for the node's raft directory."""
        mount_small_disk(self, node / "raft", 128)
        return node / "raft"

    def test_a_leader_whose_disk_is_full_gives_its_place_away_and_says_why(self):
        places = [self.mounted(self.folder / f"node{i}") for i in range(3)]
        c, leader = self.prepare(3)
        big = places[leader.number] / "somebody-elses"
        fill_up(self, big)
        self.wait(lambda: not leader.leads(), "it to lead no more")
        new = self.leader()
        self.assertIsNot(new, leader)
        self.assertIn("does not lead as long as", leader.service.told())
        self.assertIn("MiB are free", leader.service.told())
        new.service.details(f"tag/{c[2].host}/{c[2].port}?tag=meanwhile")
        c[1].kill()
        others = [n for n in self.nodes if n is not leader]
        self.wait(lambda: {self.sql(n, "select is_successful from topology_recovery") for n in others} == {"1"},
                  "the other two to agree on a recovery")
        self.wait(lambda: leader.service.ask("health")[0] == 500, "it to call itself unhealthy")
        self.assertTrue(leader.is_up(), leader.service.told())
        big.unlink()
        self.wait(lambda: leader.service.ask("health")[0] == 200, "it to be well again by itself")
        self.healed_once(c, c[1])
        self.agree("select tag_name from database_instance_tags", "meanwhile")


class RaftOnAFullLogDisk(RaftCase):
    @unittest.skipIf(IS_MYSQL, "it is not about servers")
    def test_a_follower_whose_log_has_no_room_is_not_counted_on(self):
        for i in range(3):
            mount_small_disk(self, self.folder / f"node{i}" / "raft", 128)
        _, leader = self.prepare(1)
        follower = self.followers(leader)[0]
        big = follower.home / "raft" / "somebody-elses"
        fill_up(self, big)
        self.wait(lambda: follower.service.ask("health")[0] == 500, "it to call itself unhealthy")
        self.assertIn("MiB are free", follower.service.ask("health")[1])
        self.assertEqual(follower.service.ask("raft-health")[0], 500)
        self.assertTrue(follower.service.json("raft-status")["IsPartOfQuorum"])

        def members():
            return set(leader.service.json("health")["Details"]["RaftHealthyMembers"])

        well = {node.address for node in self.nodes if node is not follower}
        self.wait(lambda: members() == well, "the leader to know it")
        self.config.update(json.loads(leader.config.read_text()))
        self.assertRegex(self.does("raft", "status").out, f"{follower.address} .*unwell")
        big.unlink()
        self.wait(lambda: follower.service.ask("health")[0] == 200, "it to be well again by itself")
        self.wait(lambda: members() == well | {follower.address}, "the leader to know that")


class RaftOnAFullServer(RaftCase):
    """Each node on a server of its own, which waits, and answers no more, when its disk is full."""

    def setUp(self):
        super().setUp()
        self.servers = [self.server_on_a_small_disk() for _ in range(3)]

    def server_on_a_small_disk(self):
        server = self.start(1, "")[1]
        server.sql("CREATE USER backend@'%' IDENTIFIED BY 'backend_password'; GRANT ALL ON *.* TO backend@'%'")
        server.end()
        aside = server.data.rename(server.dir / "aside")
        mount_small_disk(self, server.data, 300)
        subprocess.run(["cp", "-a", f"{aside}/.", server.data], check=True)
        server.start()
        server.sql("SET GLOBAL read_only = 0")
        return server

    def backend_of(self, node):
        server = self.servers[node.number]
        return {"BackendDB": "mysql", "MySQLOrchestratorHost": server.host, "MySQLOrchestratorPort": server.port,
                "MySQLOrchestratorDatabase": "orch", "MySQLOrchestratorUser": "backend",
                "MySQLOrchestratorPassword": "backend_password"}

    def sql(self, node, statement):
        return self.servers[node.number].sql(f"use orch; {statement}").replace("\t", "|")

    def test_a_leader_whose_server_has_no_room_gives_its_place_away_and_says_why(self):
        c, leader = self.prepare(3)
        fill_up(self, self.servers[leader.number].data / "somebody-elses")
        self.wait(lambda: not leader.leads(), "it to lead no more")
        others = [n for n in self.nodes if n is not leader]
        new = self.leader(others)
        self.wait(lambda: re.search(r"this node does not lead any more: the backend \S+ has not answered for \d+ s",
                                    leader.service.told()), "it to say why")
        # A server without room may end itself: then health tells that it takes no connections.
        self.assertRegex(leader.service.ask("health")[1], r"the backend has not answered for|backend database \S+: ")
        new.service.details(f"tag/{c[2].host}/{c[2].port}?tag=meanwhile")
        c[1].kill()
        self.wait(lambda: {self.sql(n, "select is_successful from topology_recovery") for n in others} == {"1"},
                  "the other two to agree on a recovery")
        self.assertEqual({self.sql(n, "select tag_name from database_instance_tags") for n in others}, {"meanwhile"})


if __name__ == "__main__":
    unittest.main()
