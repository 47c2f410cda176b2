"""Real MySQL and MariaDB servers, on loopback or in hosts of a network (net.py): nodes, and clusters of them."""
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import synchronous
import wire
from software import CACHE, Problem, Software, certificates



def run_folder():
    """Where servers' data is: in memory where there is enough, as tests wait for the disk more than for all else, with
    the hundreds of files that a server makes."""
    memory, own = Path("/dev/shm"), Path(f"/dev/shm/orch-servers-{os.getuid()}")
    try:
        room = os.statvfs(memory)
        if "ORCH_SERVER_CACHE" in os.environ or room.f_blocks * room.f_frsize < 8 << 30:
            return CACHE / "run"
        own.mkdir(mode=0o700, exist_ok=True)
        is_ours = own.stat(follow_symlinks=False).st_uid == os.getuid() and not own.is_symlink()
        return own if is_ours else CACHE / "run"
    except OSError:
        return CACHE / "run"


RUN = run_folder()
HERE = Path(__file__).resolve().parent
# Each page that is touched for the first time costs: few pools of memory, and large pages where the kernel has them.
MEMORY = {"MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
PORTS = range(17001, 30000, 10)

# Small memory and no fsync: a killed process loses nothing that it committed, a power cut might. What a server fills with
# zeros when it starts is most of the time that it takes.
COMMON = """
skip_name_resolve=1
max_connections=300
thread_stack=256K
thread_cache_size=4
table_open_cache=100
table_definition_cache=400
innodb_buffer_pool_size=6M
innodb_log_buffer_size=2M
innodb_flush_method=nosync
innodb_flush_log_at_trx_commit=2
innodb_use_native_aio=0
innodb_adaptive_hash_index=0
innodb_read_io_threads=1
innodb_write_io_threads=2
innodb_purge_threads=1
sync_binlog=0
log_bin=bin
relay_log=relay
relay_log_recovery=1
read_only=1
"""
MARIADB = COMMON + """
binlog_format=ROW
log_slave_updates=1
slave_net_timeout=4
performance_schema=0
innodb_log_file_size=8M
aria_pagecache_buffer_size=1M
key_buffer_size=8K
query_cache_type=0
query_cache_size=0
tmp_memory_table_size=1M
innodb_temp_data_file_path=ibtmp1:4M:autoextend
innodb_autoextend_increment=1
"""
MYSQL = COMMON + """
super_read_only=1
log_replica_updates=1
replica_net_timeout=4
mysqlx=0
secure_file_priv=NULL
innodb_doublewrite=0
innodb_redo_log_capacity=8M
innodb_rollback_segments=1
plugin_load_add=semisync_source.so;semisync_replica.so
performance_schema_instrument='memory/%=OFF'
performance_schema_max_memory_classes=0
performance_schema_max_statement_classes=0
performance_schema_max_stage_classes=0
performance_schema_max_mutex_classes=0
performance_schema_max_rwlock_classes=0
performance_schema_max_cond_classes=0
performance_schema_max_file_classes=0
performance_schema_max_socket_classes=0
performance_schema_max_table_instances=0
performance_schema_max_table_handles=0
performance_schema_max_index_stat=0
performance_schema_max_metadata_locks=0
performance_schema_max_digest_length=0
performance_schema_max_thread_instances=300
performance_schema_digests_size=0
performance_schema_error_size=0
performance_schema_events_stages_history_size=0
performance_schema_events_stages_history_long_size=0
performance_schema_events_statements_history_size=0
performance_schema_events_statements_history_long_size=0
performance_schema_events_transactions_history_size=0
performance_schema_events_transactions_history_long_size=0
performance_schema_events_waits_history_size=0
performance_schema_events_waits_history_long_size=0
performance_schema_max_sql_text_length=0
performance_schema_accounts_size=0
performance_schema_hosts_size=0
performance_schema_users_size=0
"""
# What every master holds: its cluster's names and the replication account, and a table to write to.
SCHEMA = """
CREATE DATABASE meta;
CREATE TABLE meta.cluster (anchor TINYINT PRIMARY KEY, cluster_name VARCHAR(128),
  cluster_domain VARCHAR(128), data_center VARCHAR(128), repl_user VARCHAR(128), repl_pass VARCHAR(128));
INSERT INTO meta.cluster VALUES (1, '{name}', '{name}.test', 'dc1', 'repl', 'repl_password');
CREATE DATABASE app;
CREATE TABLE app.seq (id BIGINT AUTO_INCREMENT PRIMARY KEY, seq BIGINT NOT NULL, server INT NOT NULL, KEY (seq));
"""


def exited(pid):
    """The process, with all its threads, has let its ports and files go."""
    try:
        is_zombie = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")
        return is_zombie and len(os.listdir(f"/proc/{pid}/task")) == 1
    except OSError:
        return True


def command_line(pid):
    """The process's arguments; it has none while it is just starting or exiting."""
    try:
        while not exited(pid):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if words != [""]:
                return words
            time.sleep(0.002)
    except OSError:
        pass
    return []


class Node:
    """One server. Its process is known by the configuration file on its command line, which only
    this tool writes, so nothing else can be signalled."""

    def __init__(self, cluster, number, host, port, inside=()):
        self.cluster, self.number, self.host, self.port = cluster, number, host, port
        self.inside = inside  # what comes before a command that is to run beside it
        self.software = cluster.software
        self.dir = cluster.dir / str(port)
        self.data, self.cnf = self.dir / "data", self.dir / "my.cnf"

    def __str__(self):
        return f"{self.host}:{self.port}"

    def lay_out(self):
        """A data directory as that of a server that was just installed."""
        subprocess.run(["cp", "-a", "--sparse=always", "--reflink=auto", self.software.template, self.data], check=True)

    def create(self, options):
        (self.dir / "tmp").mkdir(parents=True)
        self.lay_out()
        # In a shared folder a MariaDB server that starts deletes the temporary tables of those that run.
        options = {"datadir": self.data, "tmpdir": self.dir / "tmp", "socket": "sock", "port": self.port,
                   "server_id": self.port, "bind_address": self.host, "report_host": self.host,
                   "report_port": self.port, **options}
        self.cnf.write_text("[mysqld]" + (MYSQL if self.software.is_mysql else MARIADB)
                            + "".join(f"{key}={value}\n" for key, value in options.items()))

    def pid(self):
        try:
            pid = int((self.dir / "pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if f"--defaults-file={self.cnf}" in command_line(pid) else None

    def state(self):
        pid = self.pid()
        if not pid:
            return "down"
        return "stopped" if "State:\tT" in Path(f"/proc/{pid}/status").read_text() else "up"

    def launch(self, *arguments):
        if self.pid():
            return
        (self.data / "sock.lock").unlink(missing_ok=True)  # a killed MySQL server leaves it
        with open(self.dir / "err.log", "a") as log:
            command = [*self.inside, *self.software.server(f"--defaults-file={self.cnf}"), *arguments]
            child = subprocess.Popen(command, cwd=self.data, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     start_new_session=True, env={**os.environ, **MEMORY, "PATH": f"{HERE}:{os.environ['PATH']}"})
        (self.dir / "pid").write_text(f"{child.pid}\n")

    def wait(self, seconds=240):
        """Until the server greets a client."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.pid():
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1) as s:
                s.settimeout(1)
                if s.recv(5)[4:] == b"\x0a":
                    return
            time.sleep(0.02)
        last = "".join(open(self.dir / "err.log").readlines()[-8:])
        raise Problem(f"{self} did not come up, see {self.dir}/err.log:\n{last}")

    def start(self):
        self.launch()
        self.wait()

    def start_apart(self):
        """Without replication, which would begin by itself just after whoever stops it."""
        self.launch("--skip-replica-start" if self.software.is_mysql else "--skip-slave-start")
        self.wait()

    def make_anew(self, source, before=""):
        """As an administrator does with a dead master that may hold what nobody else has: it begins with nothing, and
        gets all from a server that has every binary log. before: statements that come first."""
        shutil.rmtree(self.data)
        self.lay_out()
        self.start()
        self.sql(before)
        self.follow(source)

    def signal(self, number):
        pid = self.pid()
        if pid:
            os.kill(pid, number)
            while number == signal.SIGKILL and not exited(pid):
                time.sleep(0.002)

    def kill(self):
        self.signal(signal.SIGKILL)

    def end(self):
        """As an administrator would, and waits for it."""
        pid = self.pid()
        self.signal(signal.SIGTERM)
        self.cluster.wait_for(lambda: not pid or exited(pid), f"{self} to end")

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def client(self, text, *flags):
        """Runs statements as root; the socket's name is relative, as a path may be too long for it."""
        return subprocess.run(self.software.client("-uroot", "-Ssock", *flags), input=text, text=True,
                              cwd=self.data, capture_output=True, timeout=120)

    def session(self, text, user="root"):
        """A client of that user's that stays, once it has answered the last of the statements -> its process."""
        child = subprocess.Popen(self.software.client(f"-u{user}", "-Ssock", "-nNB"), text=True, cwd=self.data,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        child.stdin.write(text + "\n")
        child.stdin.flush()
        child.stdout.readline()
        return child

    def ask(self, text):
        """The statements as root, in a session of their own -> the names of the columns and the rows, as a client shows
        them in a batch. What changes nothing is asked once more: orch may end whatever sessions it finds."""
        statements = wire.statements(text)
        again = all(re.match(r"SELECT|SHOW", statement) for statement in statements)
        while True:
            names, rows = [], []
            try:
                with wire.Session(self.data) as session:
                    for statement in statements:
                        names, more = session.ask(statement)
                        rows += more
                return names, rows
            except TimeoutError:
                raise
            except (Problem, OSError) as problem:
                if not again:
                    raise Problem(f"{self}: {problem}") from None
            again = False

    def sql(self, text):
        """What the statements answer: lines of words between tabs."""
        return "\n".join(map("\t".join, self.ask(text)[1])).rstrip("\n")

    def told(self, text):
        """The same of a server that may be gone, or is not what is asked about: nothing then."""
        try:
            return self.sql(text)
        except Problem:
            return ""

    def replica_status(self):
        """The columns of SHOW REPLICA STATUS by name; empty when it has no source, or is down."""
        try:
            names, rows = self.ask("SHOW REPLICA STATUS")
        except Problem:
            if self.state() == "up":
                raise
            return {}
        return dict(zip(names, rows[0])) if rows else {}

    def lag(self):
        """How many seconds it is behind, as text; a server without a source is not."""
        s = self.replica_status()
        return s.get("Seconds_Behind_Source", s.get("Seconds_Behind_Master", "0"))

    def source(self):
        """Whom it replicates from, as host:port; nothing when it has no source."""
        s = self.replica_status()
        host, port = (s.get("Source_Host", s.get("Master_Host")), s.get("Source_Port", s.get("Master_Port")))
        return f"{host}:{port}" if host else ""

    def replicates(self):
        s = self.replica_status()
        return s.get("Replica_IO_Running", s.get("Slave_IO_Running")) == "Yes" \
            and s.get("Replica_SQL_Running", s.get("Slave_SQL_Running")) == "Yes"

    def follow(self, source, gtid=True, tls=None):
        """Makes it a replica of another node, from that node's first binary log on."""
        if self.software.is_mysql:
            word, start = "SOURCE", "CHANGE REPLICATION SOURCE TO"
            position = "SOURCE_AUTO_POSITION=1" if gtid else "SOURCE_LOG_FILE='bin.000001', SOURCE_LOG_POS=4"
            position += f", GET_SOURCE_PUBLIC_KEY=1, SOURCE_RETRY_COUNT=86400, SOURCE_BIND='{self.host}'"
        else:
            word, start = "MASTER", "CHANGE MASTER TO"
            position = "MASTER_USE_GTID=slave_pos" if gtid else \
                "MASTER_USE_GTID=no, MASTER_LOG_FILE='bin.000001', MASTER_LOG_POS=4"
        if tls:
            position += f", {word}_SSL=1, {word}_SSL_CA='{tls}/ca.pem'"
        self.sql(f"{start} {word}_HOST='{source.host}', {word}_PORT={source.port}, {word}_USER='repl',"
                 f" {word}_PASSWORD='repl_password', {word}_CONNECT_RETRY=1, {word}_HEARTBEAT_PERIOD=1, {position};"
                 f" START REPLICA")


def parse_tree(tree, count):
    """"1>2,2>3" -> {2: 1, 3: 2} and the masters [1]. "1<>2" is a pair of which 1 is writable."""
    if tree in ("star", "chain"):
        tree = ",".join(f"{1 if tree == 'star' else i - 1}>{i}" for i in range(2, count + 1))
    sources, writable = {}, set()
    for edge in filter(None, tree.replace(" ", "").split(",")):
        found = re.fullmatch(r"(\d+)(<?)>(\d+)", edge)
        if not found:
            raise Problem(f"bad edge {edge!r} in the tree: write 1>2 or 1<>2")
        a, b = int(found[1]), int(found[3])
        for upper, lower in [(a, b)] + ([(b, a)] if found[2] else []):
            if not (1 <= upper <= count and 1 <= lower <= count) or lower in sources:
                raise Problem(f"edge {edge!r}: nodes are 1 to {count}, and each has one source")
            sources[lower] = upper
        if found[2]:
            writable.add(a)
    return sources, [i for i in range(1, count + 1) if i not in sources or i in writable]


def choose_ports(hosts, taken, beside=()):
    """The first free block. A cluster keeps its ports even while its nodes are down. beside: further ones of each
    node, that far away."""
    def is_free(host, port):
        if not host.startswith("127."):  # of a network of a test's own, where nobody else is
            return port not in taken
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                return port not in taken and s.bind((host, port)) is None
            except OSError:
                return False

    for first in PORTS:
        if all(is_free(host, first + i + more) for i, host in enumerate(hosts) for more in (0, *beside)):
            return first
    raise Problem(f"no free block of {len(hosts)} ports from {PORTS.start} to {PORTS.stop}")


class Cluster:
    """A named set of nodes. cluster.json, written before the first process starts, says which."""

    def __init__(self, name, spec, hosts=()):
        self.name, self.spec, self.dir = name, spec, RUN / name
        self.software = Software(spec["flavor"])
        self.nodes = [Node(self, i, host, port, hosts[i - 1].inside if hosts else ())
                      for i, (host, port) in enumerate(spec["nodes"], 1)]

    def __getitem__(self, number):
        """The node of that number, from 1 as in the tree."""
        return self.nodes[number - 1]

    @staticmethod
    def load(name):
        try:
            return Cluster(name, json.loads((RUN / name / "cluster.json").read_text()))
        except OSError:
            raise Problem(f"there is no cluster {name}") from None

    @staticmethod
    def all():
        found = []
        for path in sorted(RUN.glob("*/cluster.json")):
            with contextlib.suppress(Problem, ValueError):  # another may be taking it down just now
                found.append(Cluster.load(path.parent.name))
        return found

    @staticmethod
    def up(name, flavor, nodes, tree="star", gtid=True, semi_sync=False, tls=False, spread=False, settings=(), hosts=()):
        """Starts a cluster; on any failure or interruption nothing of it is left.
        settings: my.cnf options, "option=value" or "3:option=value" for the third node only.
        hosts: of a network (net.py), one for each node; without, all are on loopback."""
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", name) or name.startswith("."):
            raise Problem(f"bad name {name!r}")
        together = synchronous.BESIDE.get(flavor, ())
        sources, masters = ({}, []) if together else parse_tree(tree, nodes)
        Software(flavor).install()
        addresses = [host.address for host in hosts] or \
            [f"127.0.0.{10 + i}" if spread else "127.0.0.1" for i in range(1, nodes + 1)]
        RUN.mkdir(parents=True, exist_ok=True)
        with open(RUN / "lock", "w") as lock:  # no two at once choose the same ports
            fcntl.flock(lock, fcntl.LOCK_EX)
            taken = {n.port + more for c in Cluster.all() for n in c.nodes
                     for more in (0, *synchronous.BESIDE.get(c.spec["flavor"], ()))}
            first = choose_ports(addresses, taken, together)
            cluster = Cluster(name, {"flavor": flavor, "nodes": [[a, first + i] for i, a in enumerate(addresses)],
                                     **({"group": str(uuid.uuid4())} if together else {})}, hosts)
            try:
                cluster.dir.mkdir()
            except FileExistsError:
                raise Problem(f"{name} exists: take it down first") from None
            (cluster.dir / "cluster.json").write_text(json.dumps(cluster.spec))
        try:
            cluster.create_nodes(masters, gtid, semi_sync, tls, settings)
            if together:
                synchronous.start(cluster, SCHEMA.format(name=name))
            else:
                cluster.replicate(sources, masters, gtid, tls)
        except BaseException:
            cluster.down()
            raise
        return cluster

    def create_nodes(self, masters, gtid, semi_sync, tls, settings):
        certs = certificates() if tls or self.software.flavor == "mariadb11" else None

        def make(node):
            options = {}
            if self.software.is_mysql:
                options.update(gtid_mode="ON" if gtid else "OFF", enforce_gtid_consistency="ON" if gtid else "OFF")
            if self.spec["flavor"] in synchronous.BESIDE:
                options.update(synchronous.options(self, node))
            if semi_sync:
                upper, lower = ("source", "replica") if self.software.is_mysql else ("master", "slave")
                options[f"rpl_semi_sync_{upper if node.number in masters else lower}_enabled"] = 1
            if tls:
                options.update(ssl_ca=certs / "ca.pem", ssl_cert=certs / "server-cert.pem",
                               ssl_key=certs / "server-key.pem")
            elif certs:  # such a one as it would make itself at each start, which is half of a start's work
                options.update(ssl_cert=certs / "self-cert.pem", ssl_key=certs / "self-key.pem")
            for setting in settings:
                found = re.fullmatch(r"(?:(\d+):)?([A-Za-z0-9_-]+)=(.*)", setting)
                if not found:
                    raise Problem(f"bad setting {setting!r}: write option=value or 2:option=value")
                if found[1] in (None, str(node.number)):
                    options[found[2]] = found[3]
            node.create(options)
            if self.spec["flavor"] not in synchronous.BESIDE:
                node.start()

        self.each(make)

    def replicate(self, sources, masters, gtid, tls):
        """Points the replicas at their sources, opens the masters and waits until all have their data."""
        certs = certificates() if tls else None
        self.each(lambda n: n.follow(self[sources[n.number]], gtid, certs),
                  [n for n in self.nodes if n.number in sources])
        for number in masters:
            name = self.name if len(masters) == 1 else f"{self.name}-{number}"
            self[number].sql("SET GLOBAL read_only=0;" + SCHEMA.format(name=name))  # opens super_read_only, too
        has_table = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='app'"
        self.each(lambda n: self.wait_for(lambda: n.sql(has_table) == "1" and n.lag() == "0", f"{n} to replicate"))

    def wait_for(self, condition, what, seconds=120):
        """Waits until a condition holds; it is asked again and again, so nothing rests on a time. What is waited for is
        said in words, or by a function that is asked at the end."""
        began = time.monotonic()
        while not condition():
            waited = time.monotonic() - began
            if waited > seconds:
                what = what() if callable(what) else what
                raise Problem(f"{self.name}: waited {seconds} s in vain for {what}, see {self.dir}/*/err.log")
            time.sleep(min(0.1, 0.02 + waited / 20))  # to ask costs, too

    def each(self, what, nodes=None):
        """what(node) for all nodes, some at a time."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(what, self.nodes if nodes is None else nodes))

    def down(self):
        """Kills what runs and deletes the data, whatever state it is in."""
        for node in self.nodes:
            node.kill()
        # A node that was being started when we were interrupted may have no pid file yet.
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if f"\0--defaults-file={self.dir}/" in Path(f"/proc/{pid}/cmdline").read_text(errors="replace"):
                    os.kill(int(pid), signal.SIGKILL)
                    while not exited(pid):
                        time.sleep(0.002)
        shutil.rmtree(self.dir, ignore_errors=True)
