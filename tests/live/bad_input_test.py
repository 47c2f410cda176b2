"""What servers and files that are not as they should be lead to: an exit code, one clear line, no hang."""
import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import threading

from live_case import FLAVOR, IS_MYSQL, ORCH, LiveCase


@contextlib.contextmanager
def listener(behave):
    """A port on which `behave(connection)` answers."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    over = threading.Event()

    def serve(connection):
        with connection, contextlib.suppress(OSError):
            behave(connection, over)

    def accept():
        threads = []
        while not over.is_set():
            with contextlib.suppress(OSError):
                threads.append(threading.Thread(target=serve, args=(server.accept()[0],)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        over.set()
        acceptor.join()
        server.close()


class BadServers(LiveCase):
    def setUp(self):
        super().setUp()
        self.config.update(MySQLConnectTimeoutSeconds=1, MySQLDiscoveryReadTimeoutSeconds=2)

    def refused_in_time(self, *words, saying):
        """It would never end if it held on past its deadlines: these servers do nothing before the test is over."""
        done = self.refuses(*words, saying=saying)
        self.assertEqual(len(done.err.strip().splitlines()), 1, f"one line says what is wrong: {done}")
        return done

    def test_a_port_where_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            address = f"127.0.0.1:{s.getsockname()[1]}"
        self.refused_in_time("discover", address, saying=address)
        self.assertEqual(self.does("-c", "all-instances").out.strip(), "")

    def test_a_port_that_speaks_another_protocol(self):
        with listener(lambda c, over: c.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")) as address:
            self.refused_in_time("discover", address, saying=address)

    def test_a_port_that_sends_garbage(self):
        with listener(lambda c, over: c.sendall(os.urandom(4096))) as address:
            self.refused_in_time("discover", address, saying=address)

    def test_a_server_that_never_greets(self):
        with listener(lambda c, over: over.wait()) as address:
            self.refused_in_time("discover", address, saying=address)

    def test_a_server_that_is_frozen(self):
        c = self.start(1)
        c[1].freeze()
        self.addCleanup(c[1].thaw)
        self.refused_in_time("discover", c[1], saying=str(c[1]))

    def test_a_server_that_freezes_does_not_hold_up_the_others(self):
        c = self.start(3)
        c[2].freeze()
        done = self.does_in_part("discover", c[1])
        self.assertIn("2 servers found", done.out)
        self.assertRegex(done.err, rf"unreachable: {c[2]}: ")

    def test_a_wrong_password(self):
        c = self.start(1)
        self.config["MySQLTopologyPassword"] = "not_the_pass_word"
        done = self.refused_in_time("discover", c[1], saying=str(c[1]))
        self.assertNotIn("not_the_pass_word", done.out + done.err)
        self.assertIn("denied", done.err)

    def test_a_missing_privilege_is_named(self):
        c = self.start(2)
        self.config["MySQLTopologyUser"] = "orchestrator_poor"
        self.refused_in_time("discover", c[1], saying=f"{c[1]}.*(SLAVE MONITOR|REPLICATION CLIENT)")

    def test_a_lone_process_is_among_those_that_work_on_the_backend(self):
        self.assertRegex(self.does("active-nodes").out, r"\A[^:\n]+:[^\n]+\n\Z")

    def test_names_that_are_not_servers(self):
        for name in ("db;rm -rf /:3306", "$(reboot):3306", "a'b\"c:3306", "x:99999999", "x:0", "x:-1", "//x:3306"):
            with self.subTest(name):
                done = self.refuses("discover", name)
                why = "server that can be contacted" if name.startswith("//") else "instance: give HOST[:PORT]"
                self.assertEqual((done.code, done.out, done.err), (2, "", f"orch: '{name}' names no {why}\n"))
        self.assertEqual(self.does("-c", "all-instances").out, "")

    def test_an_empty_word_does_not_mean_any_server(self):
        c = self.start(2)
        self.discover(c)
        for words in (("takeover", c.name, "--to", ""), ("failover", c[1], "--to", ""), ("repoint", c[2], "")):
            with self.subTest(words):
                self.assertEqual(self.refuses(*words, saying="it is empty").code, 2)
        self.follows(c[2], c[1])

    def test_what_cannot_be_printed_is_said(self):
        for words in (["help"], ["help", "--json"], ["help", "failover"], ["serve", "--help"], ["--version"], []):
            with self.subTest(words), open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([ORCH, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=20)
                self.assertEqual((done.returncode, done.stderr), (1, "orch: the answer could not be written to standard output\n"))

    def test_a_name_that_does_not_resolve(self):
        self.refused_in_time("discover", "no-such-host.invalid:3306", saying="no-such-host.invalid")

    def test_a_replica_that_reports_a_hostile_name(self):
        name = "a';DROP TABLE`x\"$(id)"
        c = self.start(2, settings=[f"2:report_host={name}"])
        done = self.does_in_part("discover", c[1])
        self.assertEqual(len(done.err.splitlines()), 1, done)
        self.assertIn(f"unreachable: {name}:{c[2].port}: host name '{name}' does not resolve", done.err)
        self.assertEqual(self.does("-c", "all-instances").lines, [str(c[1])])
        self.assertEqual(self.does("-c", "which-replicas", "-i", c[1]).out, "")


class Tls(LiveCase):
    """orchestrator_ssl may connect by TLS only, orchestrator_x509 only with a client certificate."""

    def test_a_server_that_asks_for_tls_gets_it(self):
        c = self.start(2, tls=True)
        self.use_tls("orchestrator_ssl")
        self.assertIn("2 servers found", self.discover(c).out)

    def test_mutual_tls(self):
        c = self.start(2, tls=True)
        certs = self.use_tls("orchestrator_x509")
        self.config.update(MySQLTopologyUseMutualTLS=True, MySQLTopologySSLCertFile=str(certs / "client-cert.pem"),
                           MySQLTopologySSLPrivateKeyFile=str(certs / "client-key.pem"))
        self.assertIn("2 servers found", self.discover(c).out)

    def test_a_server_certificate_of_a_strange_authority_is_refused(self):
        c = self.start(1, tls=True)
        certs = self.use_tls("orchestrator_ssl")
        self.config.update(MySQLTopologyUseMutualTLS=True, MySQLTopologySSLCAFile=str(certs / "other-ca.pem"))
        self.refuses("discover", c[1], saying=str(c[1]))

    def test_that_only_tls_is_broken_is_told_beside_the_refusal_without_it(self):
        c = self.start(1, tls=True)
        certs = self.use_tls("orchestrator_ssl")
        self.config["MySQLTopologySSLCAFile"] = str(certs / "other-ca.pem")
        self.refuses("discover", c[1], saying=f"{c[1]}: access denied .*TLS was tried too: .*certificate")

    def test_without_tls_a_server_that_asks_for_it_is_refused(self):
        c = self.start(1, tls=True)
        self.use_tls("orchestrator_ssl")
        self.config["MySQLTopologyUseMixedTLS"] = False
        self.refuses("discover", c[1], saying=str(c[1]))

    def test_tls_is_not_given_up_where_the_server_has_none(self):
        if FLAVOR != "mariadb":
            self.skipTest("this server always has a certificate")
        c = self.start(1)
        self.use_tls("orchestrator", verify=False)
        self.config["MySQLTopologyUseMutualTLS"] = True
        self.refuses("discover", c[1], saying=str(c[1]))

    def test_caching_sha2_works_when_the_server_has_not_cached_the_password(self):
        if not IS_MYSQL:
            self.skipTest("MariaDB has no such authentication")
        c = self.start(1)
        self.assertEqual(c[1].sql("SELECT plugin FROM mysql.user WHERE user = 'orchestrator'"), "caching_sha2_password")
        c[1].sql("SET GLOBAL super_read_only = 0; FLUSH PRIVILEGES")
        self.assertIn("1 server found", self.discover(c).out)


class BadFiles(LiveCase):
    def test_a_backend_file_that_is_not_sqlite(self):
        (self.folder / "orch.db").write_text("this is not a database, and it is long enough to be none " * 40)
        self.refuses("-c", "clusters", saying="orch.db")

    def test_a_backend_file_that_is_cut_short(self):
        self.does("-c", "clusters")
        whole = (self.folder / "orch.db").read_bytes()
        for side in ("-wal", "-shm"):
            (self.folder / f"orch.db{side}").unlink(missing_ok=True)
        (self.folder / "orch.db").write_bytes(whole[: len(whole) // 2])
        self.refuses("-c", "clusters", saying="orch.db is damaged or truncated")
        self.assertEqual((self.folder / "orch.db").read_bytes(), whole[: len(whole) // 2])

    def test_a_database_of_another_program_is_left_alone(self):
        with contextlib.closing(sqlite3.connect(self.folder / "orch.db")) as other:
            other.execute("CREATE TABLE recipes (name TEXT)")
            other.commit()
        before = (self.folder / "orch.db").read_bytes()
        self.refuses("-c", "clusters", saying="orch.db belongs to another program")
        self.assertEqual((self.folder / "orch.db").read_bytes(), before)

    def test_a_backend_file_that_is_locked(self):
        self.does("-c", "clusters")
        with contextlib.closing(sqlite3.connect(self.folder / "orch.db")) as other:
            other.execute("BEGIN EXCLUSIVE")
            self.refuses("-c", "clusters", saying="orch.db has been locked by another process")
        self.does("-c", "clusters")

    def test_a_full_disk(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk]
        if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("this user may not mount a small disk")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        self.config["SQLite3DataFile"] = str(disk / "orch.db")
        self.refuses("-c", "clusters", saying="orch.db.*the disk is full")
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        self.assertEqual(self.does("-c", "clusters").out.strip(), "")

    def test_a_new_backend_file_on_a_read_only_file_system(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "none", disk]
        if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("this user may not mount a disk")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        self.config["SQLite3DataFile"] = str(disk / "orch.db")
        self.refuses("-c", "clusters", saying="disk/orch.db.*file system is read-only; name a file on another")

    def test_a_key_that_is_missing_is_told_with_the_file_that_lacks_it(self):
        del self.config["SQLite3DataFile"]
        self.refuses("clusters", saying=r"orch\.conf\.json: error: SQLite3DataFile")

    def test_a_mistyped_key_is_said_with_the_key_that_was_meant(self):
        self.config["MySQLTopologyUzer"] = "x"
        done = self.does("-c", "clusters")
        self.assertRegex(done.err, r"orch\.conf\.json:.*MySQLTopologyUzer: unknown key; did you mean MySQLTopologyUser")
        self.assertEqual(self.does("-c", "clusters", "--quiet").err, "")

    def test_a_refusal_is_json_for_who_asks_for_json(self):
        done = self.refuses("topology", "nowhere", "--json", saying="nowhere")
        self.assertEqual(json.loads(done.out)["Kind"], "NotFound")
        for words in (["clusters", "--bogus"], ["topology", "--pattern"], ["recovery"], ["recovery", "x"], ["no-such-verb"]):
            done = self.refuses(words[0], "--json", *words[1:])
            self.assertEqual((done.code, json.loads(done.out)["Kind"]), (2, "InvalidInput"))
        done = self.refuses("--nope", "--json", saying="--nope")
        self.assertEqual((done.code, json.loads(done.out)["Kind"]), (2, "InvalidInput"))
        self.config["InstancePollSeconds"] = "often"
        done = self.refuses("clusters", "--json", saying="InstancePollSeconds")
        self.assertEqual((done.code, json.loads(done.out)["Kind"]), (2, "InvalidInput"))

    def test_a_script_does_not_go_past_the_raft_group(self):
        self.config.update(RaftEnabled=True, RaftDataDir=str(self.folder), RaftBind="127.0.0.1:1", RaftNodes=["127.0.0.1:1"],
                           ListenAddress="127.0.0.1:1")
        text = self.refuses("-c", "tag", "-i", "a", "--tag", "x").err.strip()
        self.assertIn('Orchestrator configured to run raft ("RaftEnabled": true). All access must go through the web '
                      'API of the active raft node. ', text)
        self.assertTrue(text.endswith("You may override this with --ignore-raft-setup"), text)
        self.does("-c", "tag", "-i", "a", "--tag", "x", "--ignore-raft-setup")
        self.assertEqual(self.does("-c", "tags", "-i", "a", "--ignore-raft-setup").lines, ["x="])
        self.assertEqual(self.does("tags", "a", "--direct").lines, ["x="])
        self.refuses("-c", "tags", "-i", "a", saying="None was found, .*http://127.0.0.1:1/api: Connection refused")
        self.refuses("tags", "a", saying="; --direct shows what this node knew last. .orch -c. may override this with --ignore-raft-setup\\n")
        self.refuses("tag", "a", "y", saying="'orch -c' may override")

    def test_the_configuration_file_is_named_once(self):
        self.assertEqual(self.does("-c", "clusters", "--verbose").err.count("Read config:"), 1)

    def test_a_backend_folder_that_is_not_there(self):
        self.config["SQLite3DataFile"] = str(self.folder / "no/such/folder/orch.db")
        self.refuses("-c", "clusters", saying="no/such/folder/orch.db")

    def test_a_configuration_with_a_syntax_error_names_file_and_line(self):
        file = self.folder / "broken.json"
        file.write_text('{\n  "MySQLTopologyUser": "x",\n  "Debug" true\n}\n')
        done = self.orch("--config", file, "-c", "clusters")
        self.assertNotEqual(done.code, 0, done)
        self.assertRegex(done.err, r"broken\.json.*3")

    def test_a_configuration_with_a_wrong_type(self):
        self.config["InstancePollSeconds"] = "often"
        self.refuses("-c", "clusters", saying="InstancePollSeconds")
