"""A raft group of three `orch serve` on loopback with the default timings: how soon another leads, what a command
and waiting cost."""
import contextlib
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import time
from pathlib import Path

import proxy
from serving import Service, first_write
from software import Problem

NODES = 3
ROUNDS = 30
COMMANDS = 300
BOTH = 25
SERVERS = 10_000


def wait(condition, what, pause=0.02, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Problem(f"waited in vain for {what}")
        time.sleep(pause)


def spread(times, unit=1000):
    """p50 and p99, in ms."""
    ms = sorted(unit * t for t in times)
    return f"p50 {statistics.median(ms):.1f} ms, p99 {ms[int(0.99 * (len(ms) - 1) + 0.5)]:.1f} ms of {len(ms)}"


class Group:
    """write_config: (name, settings) -> its file."""

    def __init__(self, orch, folder, write_config, **more):
        self.orch, self.folder, ports = orch, Path(folder), proxy.free_ports(2 * NODES)
        self.raft_ports, self.listen = ports[:NODES], [f"127.0.0.1:{port}" for port in ports[NODES:]]
        self.configs = []
        for number, port in enumerate(self.raft_ports):
            self.forget(number)
            self.configs.append(write_config(
                f"raft{number}", RaftEnabled=True, RaftSecret="bench_secret", RaftBind=f"127.0.0.1:{port}",
                RaftDataDir=str(self.log_of(number)), RaftNodes=[f"127.0.0.1:{p}" for p in self.raft_ports],
                ListenAddress=self.listen[number], **more))
        self.nodes = [None] * NODES
        for number in range(NODES):
            self.start(number)

    def log_of(self, number):
        return self.folder / f"raft{number}.log"

    def forget(self, number):
        """All that the node has on disk."""
        shutil.rmtree(self.log_of(number), ignore_errors=True)
        for file in self.folder.glob(f"raft{number}.db*"):
            file.unlink()

    def start(self, number):
        self.nodes[number] = Service(self.orch, self.configs[number], self.folder / f"raft{number}.txt",
                                     self.listen[number])

    def leader(self):
        """The number of the one that leads, when all are up and know it."""
        def one():
            return sum(node.leads() for node in self.nodes) == 1 and \
                all(node.ask("routed-leader-check") == "OK" for node in self.nodes)
        wait(one, "one node to lead")
        return next(number for number, node in enumerate(self.nodes) if node.leads())

    def kill(self, number):
        self.nodes[number].process.kill()
        self.nodes[number].process.wait()

    def end(self):
        for node in self.nodes:
            if node:
                node.process.kill()
                node.process.wait()
                node.log.close()


@contextlib.contextmanager
def group(*arguments, **more):
    made = Group(*arguments, **more)
    try:
        yield made
    finally:
        made.end()


def succeeding(made):
    """From the leader's SIGKILL to another's answer that it leads."""
    times = []
    for _ in range(ROUNDS):
        leader = made.leader()
        others = [node for number, node in enumerate(made.nodes) if number != leader]
        start = time.perf_counter()
        made.kill(leader)
        wait(lambda: any(node.leads() for node in others), "another to lead", 0.002)
        times.append(time.perf_counter() - start)
        made.start(leader)
    return spread(times)


class Caller:
    """Asks the leader over one connection; refused: how often it was no leader any more."""

    def __init__(self, made):
        self.made, self.refused = made, 0
        self.find()

    def find(self):
        host, port = self.made.listen[self.made.leader()].split(":")
        self.connection = socket.create_connection((host, int(port)), 30)

    def change(self, number):
        """-> whether it was done. By hand: Python's client takes a good part of a millisecond for itself."""
        self.connection.sendall(f"GET /api/begin-downtime/db-{number}.example/3306/bench/{number}/10h HTTP/1.1\r\n"
                                "Host: bench\r\n\r\n".encode())
        answer = b""
        while not (whole := re.match(rb"HTTP/1.1 (\d+) .*?\r\nContent-Length: (\d+)\r\n.*?\r\n\r\n(.*)", answer, re.S)) \
                or len(whole[3]) < int(whole[2]):
            more = self.connection.recv(65536)
            if not more:
                raise Problem(f"the connection ended after {answer}")
            answer += more
        status = int(whole[1])
        if status == 503:
            self.refused += 1
            self.find()
        elif status != 200:
            raise Problem(answer.decode())
        return status == 200


def publishing(made):
    """One command through the API, and one fsync on the same disk, by turns."""
    caller, commands, syncs = Caller(made), [], []
    with open(made.folder / "fsync", "wb") as file:
        for number in range(COMMANDS):
            start = time.perf_counter()
            if not caller.change(number):
                continue
            done = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            syncs.append(time.perf_counter() - done)
            commands.append(done - start)
    times = statistics.median(commands) / statistics.median(syncs)
    return f"{spread(commands)}; fsync {spread(syncs)}: {times:.1f} x; {caller.refused} refused"


def sent(made, number):
    """Bytes that the node has sent on connections of the group."""
    total = 0
    for line in subprocess.run(["ss", "-tinpHO"], check=True, capture_output=True, text=True).stdout.splitlines():
        ports = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", line)}
        found = re.search(r"bytes_sent:(\d+)", line)
        if found and f"pid={made.nodes[number].process.pid}," in line and ports & set(made.raft_ports):
            total += int(found[1])
    return total


def idling(made, seconds=20):
    """-> what the leader needs, and what a follower does."""
    leader, lines = made.leader(), []
    follower = (leader + 1) % NODES
    time.sleep(5)
    before = {number: (made.nodes[number].cpu_seconds(), sent(made, number)) for number in (leader, follower)}
    time.sleep(seconds)
    for number, (cpu, data) in before.items():
        node = made.nodes[number]
        lines.append(f"{100 * (node.cpu_seconds() - cpu) / seconds:.2f} % of a core, {node.memory_mib():.1f} MiB, "
                     f"{(sent(made, number) - data) / seconds / (NODES - 1):.0f} bytes/s to each peer")
    return lines


def losing_both(start_group, up):
    """From the SIGKILL of a master and of the leader at once to the first row at the master's successor."""
    times = []
    for _ in range(BOTH):
        cluster = up()
        try:
            with start_group() as made:
                leader, ports = made.leader(), {node.port for node in cluster.nodes}
                for node in cluster.nodes:
                    made.nodes[leader].ask(f"discover/{node.host}/{node.port}")

                def known(node):
                    return ports == {i["Key"]["Port"] for i in node.ask("all-instances") or [] if i["IsLastCheckValid"]}
                wait(lambda: all(known(node) for node in made.nodes), "all nodes to see the servers")
                time.sleep(1)  # the watched connections are there
                wrote = first_write(cluster.nodes[1:])
                start = time.perf_counter()
                cluster[1].kill()
                made.kill(leader)
                times.append(wrote() - start)
        finally:
            cluster.down()
    return spread(times)


def catching_up(made):
    """From the start of a node that has lost its disk until it has what the group knows of so many servers."""
    caller = Caller(made)
    for number in range(SERVERS):
        while not caller.change(number):
            pass
    follower = (made.leader() + 1) % NODES
    made.kill(follower)
    made.forget(follower)
    start = time.perf_counter()
    made.start(follower)

    def has_all():
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(
                sqlite3.connect(f"file:{made.folder / f'raft{follower}.db'}?mode=ro", uri=True)) as file:
            return file.execute("SELECT COUNT(*) FROM database_instance_downtime").fetchone()[0] >= SERVERS
        return False
    wait(has_all, "the node to have all")
    return f"{time.perf_counter() - start:.2f} s"
