"""`orch` through a service: the same answers as without one, and clear errors when there is none to be had."""
import json
import os
import re
import signal
import socket
import unittest

from live_case import LiveCase
from service_case import Service

NOBODY = "http://127.0.0.1:1"


class Remote(LiveCase):
    def setUp(self):
        super().setUp()
        self.config.update(InstancePollSeconds=5)

    def with_environment(self, **values):
        for name, value in values.items():
            os.environ[name] = value
            self.addCleanup(os.environ.pop, name, None)

    def start_service(self, cluster, name="serve"):
        service = Service(self, self.folder / f"{name}.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        cluster.wait_for(service.answers, "the service to answer")
        return service

    def leading(self, cluster):
        service = self.start_service(cluster)
        cluster.wait_for(service.leads, "the service to lead")
        return service

    @staticmethod
    def url(service):
        return service.base.removesuffix("/api/")

    @staticmethod
    def settled(text):
        """Without what is another at each look."""
        text = re.sub(r"  \d+s  ", "  lag  ", text)
        return re.sub(r'"(Uptime|LastSeenTimestamp|LastDiscoveryLatency|SecondsSinceLastSeen|SecondsBehindMaster|'
                      r'SlaveLagSeconds|ReplicationLagSeconds)":("[^"]*"|\{[^}]*\}|\d+)', "", text)

    def same(self, service, *words, settle=None):
        """Runs it directly, through the service that is named, and through the one that is found."""
        settle = settle or self.settled
        here = self.orch("--direct", *words)
        for way in (("--api", self.url(service)), ()):
            there = self.orch(*way, *words)
            self.assertEqual((there.code, settle(there.out), settle(there.err)),
                             (here.code, settle(here.out), settle(here.err)), f"{way} {words}")
        return here

    def legacy_same(self, service, *words):
        here, there = (self.orch(*way, *words) for way in (("--direct",), ("--api", self.url(service))))
        self.assertEqual((there.code, there.out), (here.code, here.out), f"-c {words}: {here.err}{there.err}")
        return here

    def test_answers_are_the_same_with_and_without_a_service(self):
        c = self.start(3)
        self.discover(c)
        self.does("tag", c[1], "role=main")
        service = self.leading(c)

        def without_age(text):
            return "\n".join(line for line in text.splitlines() if "ago" not in line and "age" not in line)

        for words in (["clusters"], ["topology", c.name], ["topology", c[2], "--color", "always"], ["all-instances"],
                      ["which-replicas", c[1]], ["tags", c[1]], ["tagged", "role"], ["which-cluster", c[2]],
                      ["topology-tabulated", c.name], ["check-global-recoveries"], ["recovery", "list"],
                      ["quarantine", "list"], ["explain", "failover", c.name], ["failover", c.name, "--dry-run"],
                      ["topology", "nobody"], ["which-replicas", "no such name"], ["which-replicas", "127.0.0.1:1"],
                      ["set-read-only", "127.0.0.1:1"]):
            self.assertNotEqual(self.same(service, *words).out + self.same(service, "--json", *words).out, "", words)
        self.same(service, "analyze", settle=without_age)
        for words in (["-c", "clusters"], ["-c", "topology", "-i", c[1]], ["-c", "which-replicas", "-i", c[1]],
                      ["-c", "which-cluster", "-i", f"{c[1]},{c[2]}"], ["-c", "replication-analysis"],
                      ["-c", "which-master", "-i", "127.0.0.1:1"], ["-c", "tag-value", "-i", c[1], "--tag", "role"]):
            self.legacy_same(service, *words)
        # It was the service that answered.
        self.assertEqual(self.orch("--api", NOBODY, "clusters").code, 4)

    def test_changes_are_made_by_the_service_and_it_shows_what_it_does(self):
        c = self.start(3)
        self.discover(c)
        self.config.update(AuditToBackendDB=True)
        service = self.leading(c)
        self.does("--api", self.url(service), "tag", c[2], "role=spare")
        self.assertEqual(self.orch("--direct", "tags", c[2]).lines, ["role=spare"])
        done = self.does("--api", self.url(service), "takeover", c.name, "--to", c[2])
        self.assertIn(str(c[2]), done.out)
        self.assertRegex(done.err, r"done \(\d+ ms\)")
        self.assertFalse(self.read_only(c[2]))
        self.assertTrue(self.read_only(c[1]))
        json.loads(self.does("takeover", "--json", c.name, "--to", c[3]).out)
        self.assertFalse(self.read_only(c[3]))
        self.follows(c[1], c[3])
        self.does("-c", "begin-downtime", "-i", c[1], "--owner", "me", "--reason", "why", "--duration", "10m")
        self.assertEqual([i["DowntimeOwner"] for i in service.json("downtimed")], ["me"])

    def test_a_dead_master_is_replaced_through_the_service_however_long_it_takes(self):
        self.config.update(PreFailoverProcesses=["sleep 35"])  # the client waits 30 s for a sign of life
        c = self.start(3)
        self.discover(c)
        service = self.leading(c)
        c[1].kill()
        done = self.does("--api", self.url(service), "failover", c.name)
        new = [n for n in (c[2], c[3]) if not self.read_only(n)]
        self.assertEqual(len(new), 1)
        self.assertIn(str(new[0]), done.out)

    def test_who_is_not_let_in_and_who_may_only_read_is_told(self):
        c = self.start(2)
        self.discover(c)
        self.config.update(AuthenticationMethod="multi", HTTPAuthUser="admin", HTTPAuthPassword="open-sesame")
        service = self.leading_with(c, Authorization="Basic YWRtaW46b3Blbi1zZXNhbWU=")
        named = ("--api", self.url(service))
        refused = self.orch(*named, "clusters")
        self.assertEqual(refused.code, 5, refused)
        self.assertIn("ORCHESTRATOR_AUTH_USER", refused.err)
        # Found on the backend, the service is asked with the configuration's own account.
        self.assertNotIn("not used", self.does("clusters").err)
        self.with_environment(ORCHESTRATOR_AUTH_USER="readonly", ORCHESTRATOR_AUTH_PASSWORD="any")
        self.does(*named, "clusters")
        refused = self.orch(*named, "set-read-only", c[1])
        self.assertEqual(refused.code, 5, refused)
        self.assertFalse(self.read_only(c[1]))
        # Whoever may write to the backend may do so without the service.
        self.assertIn("not used", self.does("tag", c[1], "x=y").err)
        self.with_environment(ORCHESTRATOR_AUTH_USER="admin", ORCHESTRATOR_AUTH_PASSWORD="open-sesame")
        self.does(*named, "set-read-only", c[1])
        self.assertTrue(self.read_only(c[1]))
        self.assertNotIn("open-sesame", refused.out + refused.err + service.told())

    def leading_with(self, cluster, **headers):
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        asked = service.ask
        service.ask = lambda path, **more: asked(path, **{**headers, **more})
        cluster.wait_for(service.leads, "the service to lead")
        return service

    def test_of_two_nodes_the_one_that_leads_makes_changes(self):
        c = self.start(2)
        self.discover(c)
        first = self.leading(c)
        second = self.start_service(c, "second")
        urls = f"{NOBODY} {self.url(second)} {self.url(first)}"
        self.does("--api", urls, "set-read-only", c[1])
        self.assertTrue(self.read_only(c[1]))
        refused = self.orch("--api", self.url(second), "set-writeable", c[1])
        self.assertEqual(refused.code, 7, refused)
        self.assertIn(self.url(first).rsplit(":", 1)[1], refused.err)  # where the leader is
        self.does("--api", self.url(second), "clusters")
        self.does("set-writeable", c[1])  # found: the one that leads
        self.assertFalse(self.read_only(c[1]))
        self.with_environment(ORCHESTRATOR_API=urls)
        self.does("-c", "set-read-only", "-i", c[1])
        self.assertTrue(self.read_only(c[1]))

    def test_without_a_service_to_be_had_it_is_said_and_nothing_hangs(self):
        c = self.start(2)
        self.discover(c)
        for url in (NOBODY, f"{NOBODY} http://127.0.0.1:2"):
            self.assertEqual(self.refuses("--api", url, "clusters", saying="127.0.0.1:1").code, 4)
        self.assertEqual(self.refuses("--api", "nonsense", "clusters", saying="http://HOST:PORT").code, 2)
        self.assertEqual(self.refuses("--api", NOBODY, "redeploy-internal-db", saying="backend itself").code, 2)
        self.does("--api", NOBODY, "config", "check")
        self.does("--api", NOBODY, "help")
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            self.assertEqual(self.refuses("--api", f"{url} {NOBODY}", "clusters", saying="no answer in time").code, 4)
        service = self.leading(c)
        service.process.send_signal(signal.SIGSTOP)
        self.addCleanup(service.process.send_signal, signal.SIGCONT)
        self.assertIn("working on the backend directly", self.does("clusters").err)
        service.process.send_signal(signal.SIGCONT)
        service.process.kill()
        service.process.wait()
        self.assertIn("working on the backend directly", self.does("clusters").err)
        self.assertEqual(self.does("--quiet", "clusters").err, "")
        last = self.start_service(c, "last")
        self.assertEqual(last.end()[0], 0)

    def test_tls_wants_the_right_authority_and_shows_a_certificate(self):
        from software import certificates
        certs = certificates()
        c = self.start(2)
        self.discover(c)
        self.config.update(UseSSL=True, SSLCertFile=f"{certs}/server-cert.pem", SSLPrivateKeyFile=f"{certs}/server-key.pem")
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        c.wait_for(lambda: "serves port" in service.told(), "the service to listen")
        port = service.told().split("serves port ")[1].split()[0]
        url = f"https://127.0.0.1:{port}"
        plain = dict(self.config)
        for key in ("UseSSL", "SSLCertFile", "SSLPrivateKeyFile"):
            del self.config[key]
        self.assertEqual(self.refuses("--api", url, "clusters", saying="TLS").code, 5)
        self.with_environment(ORCHESTRATOR_API_CA=f"{certs}/ca.pem")
        self.does("--api", url, "clusters")
        self.with_environment(ORCHESTRATOR_API_CERT=f"{certs}/client-cert.pem",
                              ORCHESTRATOR_API_KEY=f"{certs}/client-key.pem")
        self.does("--api", url, "clusters")
        self.with_environment(ORCHESTRATOR_API_CA=f"{certs}/other-ca.pem")
        self.assertEqual(self.refuses("--api", url, "clusters", saying="TLS").code, 5)
        self.config = plain


if __name__ == "__main__":
    unittest.main()
