"""What the live tests share: a cluster of real servers, and the built orch run as a user runs it."""
import contextlib
import itertools
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from servers import Cluster
from software import certificates

TREE = Path(__file__).resolve().parent.parent.parent
ORCH = Path(os.environ.get("ORCH_BINARY") or TREE / "build/cmd/orch")
FLAVOR = os.environ.get("ORCH_FLAVOR", "mariadb")
IS_MYSQL = FLAVOR == "mysql"
PREFIX = f"{os.environ.get('ORCH_TEST_PREFIX') or f't{os.getpid()}-'}{os.getpid()}-"
numbers = itertools.count(1)


def starts_writable(number):
    """Settings of a node that takes writes as soon as it is started, as its configuration says."""
    return [f"{number}:{name}=0" for name in ("read_only", *(["super_read_only"] if IS_MYSQL else []))]


class Done:
    """What a command answered."""

    def __init__(self, process):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def lines(self):
        return self.out.splitlines()

    def __str__(self):
        return f"exit code {self.code}\nstdout:\n{self.out}stderr:\n{self.err}"


class LiveCase(unittest.TestCase):
    """A test with real servers. self.config may be changed before the first self.orch()."""
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="orch-live-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.config = {
            "MySQLTopologyUser": "orchestrator", "MySQLTopologyPassword": "orch_topology_password",
            "BackendDB": "sqlite", "SQLite3DataFile": str(self.folder / "orch.db"),
            "HostnameResolveMethod": "none", "MySQLHostnameResolveMethod": "none",
            "DiscoverByShowSlaveHosts": True,
            "DetectClusterAliasQuery": "SELECT cluster_name FROM meta.cluster WHERE anchor = 1",
            "ReplicationCredentialsQuery": "SELECT repl_user, repl_pass FROM meta.cluster WHERE anchor = 1",
        }

    def start(self, nodes, tree="star", **options):
        """A cluster of this test's own."""
        cluster = Cluster.up(f"{PREFIX}{next(numbers)}", FLAVOR, nodes, tree, **options)
        self.addCleanup(cluster.down)
        return cluster

    def backend(self):
        """A server for the backend alone, and an account that may do everything there."""
        node = self.start(1, "")[1]
        node.sql("CREATE USER backend@'%' IDENTIFIED BY 'backend_password'; GRANT ALL ON *.* TO backend@'%';"
                 "SET GLOBAL read_only = 0")
        self.config.update(BackendDB="mysql", MySQLOrchestratorHost=node.host, MySQLOrchestratorPort=node.port,
                           MySQLOrchestratorDatabase="orchestrator", MySQLOrchestratorUser="backend",
                           MySQLOrchestratorPassword="backend_password")
        return node

    def use_tls(self, user, verify=True):
        certs = certificates()
        self.config.update({"MySQLTopologyUser": user, "MySQLTopologySSLCAFile": str(certs / "ca.pem"),
                            "MySQLTopologySSLSkipVerify": not verify})
        return certs

    def write_config(self):
        """The configuration as it is now. A process that still reads the former file has all of that."""
        file, text = self.folder / "orch.conf.json", json.dumps(self.config)
        if not file.exists() or file.read_text() != text:
            new = self.folder / f"orch.conf.json.{threading.get_ident()}"
            new.write_text(text)
            new.replace(file)
        return file

    def orch(self, *words, seconds=180):
        file = self.write_config()
        return Done(subprocess.run([ORCH, "--config", file, *map(str, words)], capture_output=True, text=True,
                                   stdin=subprocess.DEVNULL, timeout=seconds, cwd=self.folder))

    def does(self, *words, **options):
        """Runs an orch command that must go well."""
        done = self.orch(*words, **options)
        self.assertEqual(done.code, 0, f"orch {' '.join(map(str, words))}: {done}")
        self.assertNotIn("orch_topology_password", done.out + done.err)
        return done

    def does_in_part(self, *words, **options):
        """Runs an orch command that does what it can and tells a script that it was not all."""
        done = self.orch(*words, **options)
        self.assertEqual(done.code, 1, f"orch {' '.join(map(str, words))}: {done}")
        self.assertNotIn("orch_topology_password", done.out + done.err)
        return done

    def refuses(self, *words, saying="", **options):
        """Runs an orch command that must fail with a clear line on stderr."""
        done = self.orch(*words, **options)
        self.assertNotEqual(done.code, 0, f"orch {' '.join(map(str, words))}: {done}")
        self.assertGreater(done.code, 0, f"orch was killed by a signal: {done}")
        self.assertRegex(done.err, saying or ".")
        self.assertNotIn("orch_topology_password", done.out + done.err)
        return done

    def discover(self, cluster, number=1):
        return self.does("discover", cluster[number])

    def wait_for(self, cluster, condition, what):
        cluster.wait_for(condition, what)

    def follows(self, replica, source):
        """Asserts on the servers themselves that one replicates from the other and has no error."""
        self.assertEqual(replica.source(), str(source), f"the source of {replica}")
        replica.cluster.wait_for(replica.replicates, f"{replica} to replicate from {source}: "
                                 f"{replica.replica_status()}")

    def write(self, node, number):
        node.sql(f"INSERT INTO app.seq (seq, server) VALUES ({number}, @@server_id)")

    def has(self, node, number):
        return node.sql(f"SELECT COUNT(*) FROM app.seq WHERE seq = {number}") == "1"

    def arrives(self, number, at):
        for node in at:
            node.cluster.wait_for(lambda n=node: self.has(n, number), f"row {number} at {node}")

    def stray(self, node):
        """Transactions of its own, which no other server has."""
        if IS_MYSQL:
            node.sql("SET GLOBAL super_read_only = 0; CREATE DATABASE stray; SET GLOBAL super_read_only = 1")
        else:
            node.sql("SET SESSION gtid_domain_id = 7; CREATE DATABASE stray")

    def delay(self, node, seconds):
        word = "REPLICATION SOURCE TO SOURCE" if IS_MYSQL else "MASTER TO MASTER"
        node.sql(f"STOP REPLICA; CHANGE {word}_DELAY = {seconds}; START REPLICA")

    def hold_back(self, master, late, others):
        """One replica alone receives 20 rows, and is to apply them in an hour."""
        self.delay(late, 3600)
        for other in others:
            other.sql("STOP REPLICA IO_THREAD")
        late.cluster.wait_for(late.replicates, f"{late} to receive")
        for number in range(1, 21):
            self.write(master, number)
        name, value = ("Read_Source_Log_Pos", "SHOW BINARY LOG STATUS") if IS_MYSQL else ("Read_Master_Log_Pos", "SHOW MASTER STATUS")
        late.cluster.wait_for(lambda: late.replica_status()[name] == master.sql(value).split("\t")[1], f"{late} to receive all")

    def read_only(self, node):
        return node.sql("SELECT @@read_only") == "1"

    def promoted(self, done, cluster):
        """The node that the first line of the answer names."""
        named = [n for n in cluster.nodes if str(n) == done.lines[0].split()[0]]
        self.assertEqual(len(named), 1, done)
        return named[0]

    def heals(self, cluster, new, replicas):
        """Asserts that `new` is writable, and that what is written there arrives at the replicas."""
        self.assertFalse(self.read_only(new), f"{new} is not writable")
        self.assertEqual(new.source(), "")
        for replica in replicas:
            self.assertTrue(self.read_only(replica), f"{replica} is writable")
        self.write(new, 1000000)
        self.arrives(1000000, at=replicas)


class Writer:
    """Writes the numbers base + 1, base + 2, ... to a node until that fails, with `pause` seconds between them;
    `acknowledged` are those that the server said it has committed. It runs beside the node."""

    def __init__(self, node, base=0, user="app", pause=0):
        self.acknowledged, self.some, self.base, self.pause = [], threading.Event(), base, pause
        account = ("-uroot", "-Ssock") if user == "root" else \
            ("-h", node.host, "-P", str(node.port), "-uapp", "-papp_password")
        self.client = subprocess.Popen(
            [*node.inside, *node.software.client(*account, "-nNB")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=node.data)
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        try:
            for number in itertools.count(self.base + 1):
                self.client.stdin.write(f"INSERT INTO app.seq (seq, server) VALUES ({number}, @@server_id); "
                                        f"SELECT {number};\n")
                self.client.stdin.flush()
                if self.client.stdout.readline() != f"{number}\n":
                    return
                self.acknowledged.append(number)
                if number == self.base + 200:
                    self.some.set()
                time.sleep(self.pause)
        except OSError:
            pass  # the client has ended with its server

    def end(self):
        """After the server died -> the acknowledged numbers."""
        self.client.kill()
        self.thread.join()
        self.client.wait()
        with contextlib.suppress(BrokenPipeError):  # what it had not read yet
            self.client.stdin.close()
        self.client.stdout.close()
        return self.acknowledged
