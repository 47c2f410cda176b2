"""Who is let in, and who may change something: asked with curl, as users do, of a service that knows no server."""
import json
import os
import re
import subprocess
import time

from live_case import LiveCase
from service_case import Service
from software import certificates


class Access(LiveCase):
    def serve(self, **settings):
        """Starts a service, and waits until it listens. self.at: its address; self.flags: what curl needs to talk to it."""
        self.config.update(settings)
        service = Service(self, self.folder / f"serve-{time.monotonic_ns()}.log",
                          listen="" if "ListenSocket" in self.config else "127.0.0.1:0")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        listens, until = None, time.monotonic() + 60
        while not listens:
            self.assertIsNone(service.process.poll(), service.told())
            self.assertLess(time.monotonic(), until, service.told())
            listens = re.search(r"serves (port (\d+)|/\S+)", service.told())
            time.sleep(0.02)
        scheme = "https" if settings.get("UseSSL") else "http"
        self.at, self.flags = f"{scheme}://127.0.0.1:{listens[2]}", ["--cacert", str(certificates() / "ca.pem")]
        return service

    def curl(self, path, *flags, at=None):
        """-> status (0: no answer), body"""
        done = subprocess.run(["curl", "-sg", "-m", "60", "-w", "\n%{http_code}", *self.flags, *flags, (at or self.at) + path],
                              capture_output=True, text=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def status(self, path, *flags):
        return self.curl(path, *flags)[0]

    def may(self, *flags, write="enable-global-recoveries"):
        """Whether whoever sends these flags may read, and may write."""
        status, body = self.curl(f"/api/{write}", *flags)
        if status == 500:
            self.assertEqual(json.loads(body), {"Code": "ERROR", "Message": "Unauthorized", "Details": None})
        return self.status("/api/clusters", *flags) == 200, status == 200

    def test_without_authentication_everybody_may_do_everything(self):
        self.serve()
        self.assertEqual(self.may(), (True, True))

    def test_basic_lets_in_who_knows_the_password_and_says_so_as_the_shell_client_expects(self):
        self.serve(AuthenticationMethod="BASIC", HTTPAuthUser="admin", HTTPAuthPassword="pass:word")
        self.assertEqual(self.may("-u", "admin:pass:word"), (True, True))
        for wrong in ([], ["-u", "admin:pass:wor"], ["-u", "admin:"], ["-u", "readonly:x"], ["-u", ":"],
                      ["-H", "Authorization: Basic !!!"], ["-H", "Authorization: Bearer admin"]):
            for path in ("/api/clusters", "/api/leader-check", "/api/lb-check", "/api/nothing", "/web/clusters", "/",
                         "/metrics", "/debug/metrics"):
                self.assertEqual(self.curl(path, *wrong), (401, "Not Authorized\n"), (path, wrong))
        headers = subprocess.run(["curl", "-sI", self.at + "/api"], capture_output=True).stdout.decode()
        self.assertTrue(headers.startswith("HTTP/1.1 401 Unauthorized\r\n"), headers)
        self.assertIn('WWW-Authenticate: Basic realm="Authorization Required"', headers)

    def test_multi_lets_readonly_in_with_any_password_to_read(self):
        self.serve(AuthenticationMethod="multi", HTTPAuthUser="admin", HTTPAuthPassword="secret")
        self.assertEqual(self.may("-u", "admin:secret"), (True, True))
        self.assertEqual(self.may("-u", "readonly:whatever"), (True, False))
        self.assertEqual(self.status("/api/clusters", "-u", "admin:whatever"), 401)
        self.assertEqual(self.status("/api/clusters"), 401)

    def test_behind_a_proxy_the_header_says_who_it_is(self):
        self.serve(AuthenticationMethod="proxy", AuthUserHeader="x-who", PowerAuthUsers=["alice"], PowerAuthGroups=["root"])
        self.assertEqual(self.may("-H", "X-Who: alice"), (True, True))
        self.assertEqual(self.may("-H", "X-Who: root"), (True, True))  # by the Unix group
        for nobody in ([], ["-H", "X-Who: bob"], ["-H", "X-Who: no such user"], ["-H", "X-Who;"],
                       ["-H", "X-Forwarded-User: alice"], ["-H", "X-Who: bob", "-H", "X-Who: alice"]):
            self.assertEqual(self.may(*nobody), (True, False), nobody)

    def test_a_token_is_taken_once_and_its_cookie_may_write(self):
        self.serve(AuthenticationMethod="token")
        self.assertEqual(self.may(), (True, False))
        public = self.does("--direct", "-c", "access-token", "--owner", "me").out.strip()
        self.assertRegex(public, "^[0-9a-f]{64}$")
        jar = str(self.folder / "jar")
        self.assertEqual(self.status(f"/web/access-token?publicToken={public}", "-c", jar), 302)
        self.assertEqual(self.may("-b", jar), (True, True))
        status, body = self.curl(f"/web/access-token?publicToken={public}")
        self.assertEqual((status, json.loads(body)["Code"]), (200, "ERROR"))
        for bad in (public, f"{public}:", f"{public}:{public}", ":", ""):
            self.assertEqual(self.may("-b", f"access-token={bad}"), (True, False), bad)

    def test_nobody_may_write_with_oauth_or_when_the_service_is_read_only(self):
        service = self.serve(AuthenticationMethod="oauth")
        self.assertEqual(self.may(), (True, False))
        service.end()
        self.serve(AuthenticationMethod="basic", HTTPAuthUser="admin", HTTPAuthPassword="secret", ReadOnly=True)
        self.assertEqual(self.may("-u", "admin:secret"), (True, False))
        self.assertEqual(self.status("/api/clusters"), 401)

    def test_no_route_that_changes_something_answers_without_the_privilege(self):
        # HA-20
        self.serve(AuthenticationMethod="multi", HTTPAuthUser="admin", HTTPAuthPassword="secret")
        described = json.loads(self.does("api-docs").out)["paths"]
        changing = {path for path, methods in described.items() if any(m["x-orch-writes"] for m in methods.values())}
        reading = described.keys() - changing
        self.assertGreater(len(changing), 130)
        self.assertGreater(len(reading), 60)
        suspects = [p for p in reading if re.match(r"/(begin|end|set|stop|start|restart-(replica|slave)/|reset|move|match|relocate|"
                                                   r"repoint|detach|reattach|forget|register|deregister|enable|disable|force|"
                                                   r"graceful|ack|tag/|untag|submit|purge|flush|skip|kill|delay|take|make|"
                                                   r"enslave|recover|discover/|refresh|raft-(add|remove|yield|snapshot))", p)]
        self.assertEqual(suspects, [], "described as reading only")
        one = {"port": "3306", "belowPort": "3306"}
        for path in sorted(changing):
            url = "/api" + re.sub(r"\{(\w+)\}", lambda m: one.get(m[1], "1"), path)
            method = [] if "get" in described[path] else ["-H", "Content-Type: application/json", "-d", '{"Command": "enable-global-recoveries"}']
            status, body = self.curl(url, "-u", "readonly:x", *method)
            if method:  # its answer is a stream of lines
                self.assertRegex(f"{status} {body}", "^403 .*readonly may not change anything here", path)
                continue
            self.assertEqual((status, json.loads(body)["Message"]), (500, "Unauthorized"), path)
            self.assertEqual(self.status(url), 401, path)

    def test_tls_needs_tls_1_2_and_answers_nobody_in_plain_text(self):
        certs = certificates()
        self.serve(UseSSL=True, SSLCertFile=str(certs / "server-cert.pem"), SSLPrivateKeyFile=str(certs / "server-key.pem"))
        self.assertEqual(self.may(), (True, True))
        for version in ("1.2", "1.3"):
            self.assertEqual(self.status("/api/lb-check", f"--tlsv{version}", "--tls-max", version), 200, version)
        old = ["--ciphers", "DEFAULT:@SECLEVEL=0"]
        self.assertEqual(self.status("/api/lb-check", "--tlsv1.0", "--tls-max", "1.1", *old), 0)
        self.assertEqual(self.status("/api/lb-check", "--cacert", str(certs / "other-ca.pem")), 0)
        self.assertNotEqual(self.curl("/api/lb-check", at=self.at.replace("https", "http"))[0], 200)
        self.assertEqual(self.status("/api/lb-check"), 200)

    def client(self, unit, ca="ca"):
        """What curl shows: a certificate of that unit."""
        certs, name = certificates(), str(self.folder / f"{unit}-{ca}")

        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, capture_output=True)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/OU={unit}/CN=somebody", "-keyout", f"{name}.key", "-out",
                f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", certs / f"{ca}.pem", "-CAkey", certs / f"{ca}-key.pem", "-set_serial",
                str(time.monotonic_ns()), "-days", "10", "-out", f"{name}.pem")
        return ["--cert", f"{name}.pem", "--key", f"{name}.key"]

    def mutual(self, **settings):
        certs = certificates()
        return self.serve(UseSSL=True, SSLCertFile=str(certs / "server-cert.pem"), UseMutualTLS=True, SSLValidOUs=["dba", "ops"],
                          SSLPrivateKeyFile=str(certs / "server-key.pem"), SSLCAFile=str(certs / "ca.pem"), **settings)

    def test_mutual_tls_asks_for_a_certificate_of_a_valid_unit(self):
        self.mutual()
        self.assertEqual(self.may(*self.client("dba")), (True, True))
        sales = self.client("sales")
        for path in ("/api/clusters", "/api/leader-check", "/api/lb-check", "/api/nothing", "/api/clusters?x=/api/status",
                     "/api/status/../clusters", "/metrics"):
            self.assertEqual(self.status(path, *sales), 401, path)
            self.assertEqual(self.status(path), 401, path)
        self.assertIn(self.status("/api/clusters", *self.client("dba", ca="other-ca")), (0, 401))
        self.assertIn(self.status("/api/status"), (200, 500))
        self.assertIn(self.status("/api/status", *sales), (200, 500))

    def test_the_status_asks_for_no_unit_wherever_it_is_but_when_told_to(self):
        for place, settings in (("/orch/api/status", {"URLPrefix": "orch/"}),
                                ("/up", {"URLPrefix": "/orch", "StatusEndpoint": "/up"})):
            for verify in (False, True):
                service = self.mutual(StatusOUVerify=verify, **settings)
                self.assertEqual(self.status(place) == 401, verify, (place, verify))
                self.assertEqual(self.status("/orch/api/clusters"), 401)
                self.assertEqual(self.status("/api/status"), 401)
                self.assertIn(self.status(place, *self.client("ops")), (200, 500))
                service.end()

    def test_a_prefix_is_before_everything(self):
        self.serve(URLPrefix="/orch")
        for path in ("/orch/api/clusters", "/orch/metrics", "/orch/debug/metrics", "/orch/api/lb-check", "/orch/web/clusters"):
            self.assertEqual(self.status(path), 200, path)
        for path in ("/api/clusters", "/metrics", "/orchapi/clusters", "/orch2/api/clusters", "/api/lb-check", "/"):
            self.assertEqual(self.status(path), 404, path)

    def test_a_unix_socket_is_instead_of_a_port_and_goes_with_the_service(self):
        path = self.folder / "orch.sock"
        service = self.serve(ListenSocket=str(path))
        self.at, self.flags = "http://orch", ["--unix-socket", str(path)]
        self.assertEqual(self.may(), (True, True))
        service.process.kill()
        service.process.wait()
        self.assertTrue(path.exists())
        service = self.serve()  # takes what was left
        self.at, self.flags = "http://orch", ["--unix-socket", str(path)]
        self.assertEqual(self.may(), (True, True))
        self.assertEqual(service.end()[0], 0)
        self.assertFalse(os.path.lexists(path))

    def test_a_unix_socket_of_another_service_and_a_file_of_that_name_are_left_alone(self):
        path = self.folder / "orch.sock"
        self.serve(ListenSocket=str(path))
        self.at, self.flags = "http://orch", ["--unix-socket", str(path)]
        self.config["SQLite3DataFile"] = str(self.folder / "other.db")
        self.refuses("serve", saying="is in use by another process")
        self.assertEqual(self.may(), (True, True))
        self.config["ListenSocket"] = str(self.folder / "notes")
        (self.folder / "notes").write_text("precious")
        self.refuses("serve", saying="Address already in use")
        self.assertEqual((self.folder / "notes").read_text(), "precious")

    def test_that_no_cluster_is_meant_is_told_by_the_service_too(self):
        self.serve()
        for words in (["--direct"], []):
            done = self.does(*words, "-c", "which-downtimed-instances")
            self.assertRegex(done.err, r"\A[-0-9]{10} [:0-9]{8} ERROR Unable to determine cluster name. clusterHint=\n\Z", words)
