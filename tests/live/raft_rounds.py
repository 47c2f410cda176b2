"""Rounds of faults for a raft group with a node in a host each: in quiet, while its API is written to, and while a
master is replaced. See net.py and shared_rounds.py."""
import contextlib
import itertools
import random
import re
import shutil
import sqlite3
import threading
import time

from shared_partition_test import Cut

PORT = 10008
TIMES = ("quiet", "writes", "recovery")


class RaftNodes(Cut):
    LED = re.compile(r"^(\S+ \S+) \S+ raft: \S+ was elected in term (\d+)$", re.M)
    SETTINGS = {}  # of a test's own

    def setUp(self):
        super().setUp()
        self.config.update(BackendDB="sqlite", RaftEnabled=True, RaftSecret="raft_test_secret",
                           RaftHeartbeatMilliseconds=150, RaftElectionTimeoutMilliseconds=1500, **self.SETTINGS)
        self.make_network(0, self.MANAGED)
        self.config["RaftNodes"] = [f"{site}:{PORT}" for site in self.sites]
        self.start_peers([("", 3306, None, site) for site in self.sites])

    def settings_of(self, peer):
        return {"SQLite3DataFile": str(self.folder / f"{peer.user}.db"), "ListenAddress": peer.listen,
                "RaftDataDir": str(self.folder / f"{peer.user}.raft"), "RaftBind": f"{peer.where}:{PORT}"}

    def backend(self, question):
        return self.ask_file(self.leader(), question)

    def ask_file(self, peer, question):
        """What stands in the node's own backend; nothing while it is made anew."""
        file = self.folder / f"{peer.user}.db"
        with contextlib.suppress(sqlite3.OperationalError), \
                contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            return str(database.execute(question.replace("orchestrator.", "")).fetchone()[0])
        return ""

    def watched(self, cluster):
        """By each of the nodes: whichever leads next must know the replicas."""
        ports = ",".join(str(node.port) for node in cluster.nodes)
        seen = f"SELECT COUNT(*) FROM database_instance WHERE last_seen >= last_checked AND port IN ({ports})"
        return super().watched(cluster) and all(
            self.ask_file(peer, seen) == str(len(cluster.nodes)) for peer in self.peers)

    def faults(self):
        found = super().faults()
        self.needs_restoring.clear()  # a leader that reaches no server gives way
        return {**found, "kill leader": lambda leader: leader.kill(), "stop leader": lambda leader: leader.freeze()}


class RaftRounds(RaftNodes):
    """Each round is called "FAULT during TIME", with one of TIMES."""

    def setUp(self):
        super().setUp()
        self.acknowledged = {"downtime": set(), "tags": set()}
        self.now, self.again = "", ""  # the round; in how many s all nodes knew a leader again

    # --- faults ---

    def followers(self, leader, count=1):
        return self.random.sample([p for p in self.peers if p is not leader], count)

    def split(self, few):
        """These and the others reach each other no more; all reach the servers."""
        for peer in few:
            self.net.cut(peer.where, [p.where for p in self.peers if p not in few])

    def flap(self, peer):
        for _ in range(4):
            self.net.cut(peer.where, self.sites)
            time.sleep(self.random.uniform(0.1, 2))
            self.net.heal()
            time.sleep(self.random.uniform(0.1, 1))

    def lose_data(self, peer):
        peer.kill()
        shutil.rmtree(self.folder / f"{peer.user}.raft")
        for file in self.folder.glob(f"{peer.user}.db*"):
            file.unlink()
        peer.start()

    def start_again(self):
        for peer in self.peers:
            peer.kill()
        for peer in self.peers:
            peer.start()

    def all_faults(self):
        minority = self.NODES // 2
        found = {
            **super().faults(),
            "kill follower": lambda leader: self.followers(leader)[0].kill(),
            "stop follower": lambda leader: self.followers(leader)[0].freeze(),
            "leader in the minority": lambda leader: self.split([leader, *self.followers(leader, minority - 1)]),
            "leader in the majority": lambda leader: self.split(self.followers(leader, minority)),
            "delay and drop": lambda leader: self.net.spoil(self.sites),
            "leader flaps": self.flap,
            "follower flaps": lambda leader: self.flap(*self.followers(leader)),
            "leader loses its data": self.lose_data,
            "follower loses its data": lambda leader: self.lose_data(*self.followers(leader)),
            "all start again": lambda leader: self.start_again(),
        }
        return {f"{name} during {when}": fault for name, fault in found.items() for when in TIMES}

    def faults(self):
        found = self.all_faults()
        # These end with a network without cuts: a master that was cut off would be back.
        self.needs_restoring = {name for name in found if "flaps" in name}
        return found

    # --- rounds ---

    def lines_of(self, log):
        """Without what the writers asked for."""
        lines = super().lines_of(log).splitlines(keepends=True)
        return "".join(line for line in lines if ".example:3306 " not in line)

    def change(self, number, ended):
        """Asks any of the nodes for one change after another, and remembers which were acknowledged."""
        own = random.Random(number)  # the faults' order is not to depend on how often it asks
        for count in itertools.count():
            if ended.is_set():
                return
            peer = own.choice(self.peers)
            host = f"w{number}-{count}-{len(self.table)}.example"
            kind, path = own.choice((("downtime", f"begin-downtime/{host}/3306/writer/round/10h"),
                                    ("tags", f"tag/{host}/3306?tag=round%3D{count}")))
            if peer.is_up() and peer.service.base and peer.service.ask(path)[0] == 200:
                self.acknowledged[kind].add(host)
            ended.wait(0.1)

    def lost(self, peer):
        """What was acknowledged, and the node does not have."""
        found = []
        for kind, hosts in self.acknowledged.items():
            have = self.ask_file(peer, f"SELECT GROUP_CONCAT(hostname) FROM database_instance_{kind}").split(",")
            found += sorted(hosts - set(have))
        return found

    def round(self, number, name, fault):
        self.now, when = name, name.rpartition(" ")[2]
        ended, before = threading.Event(), sum(map(len, self.acknowledged.values()))
        writers = [threading.Thread(target=self.change, args=(i, ended)) for i in range(0 if when == "quiet" else 3)]
        for writer in writers:
            writer.start()
        try:
            (super().round if when == "recovery" else self.calm_round)(number, name, fault)
        finally:
            ended.set()
            for peer in self.peers:
                if peer.frozen:
                    peer.restore()  # somebody may be asking it
            for writer in writers:
                writer.join()
        if writers:
            self.assertGreater(sum(map(len, self.acknowledged.values())), before, "nothing was acknowledged")
            self.assertTrue(all(self.acknowledged.values()), f"one kind of change never was: {self.acknowledged}")
        for peer in self.peers:
            self.wait(lambda p=peer: not self.lost(p), f"{peer.user} to have all that was acknowledged")

    def calm_round(self, number, name, fault):
        """The master lives: whatever becomes of the nodes, nobody touches a server."""
        cluster = self.managed()
        self.wait(lambda: self.watched(cluster), "the leader to see all servers")
        leader, pause = self.leader(), self.random.uniform(1, 5)
        fault(leader)
        time.sleep(pause)  # for all that they might do
        began = time.monotonic()
        self.restore()
        self.all_know_a_leader(began)
        row = [number, name, "", f"{pause:.2f}", leader.user, ""]
        acts = self.acts(cluster)
        recovered = self.backend("SELECT COUNT(*) FROM topology_recovery"
                                 f" WHERE port = {cluster[1].port} AND hostname = '{cluster[1].host}'")
        self.note([*row, "", 0, recovered])
        self.assertEqual(acts, [], self.told())
        self.assertEqual(recovered, "0", self.told())
        self.wait(lambda: self.writable(cluster) == [cluster[1]], "the master to be the one writable server")
        self.forget(cluster)

    def restored(self):
        self.all_know_a_leader(time.monotonic())

    def all_know_a_leader(self, began):
        self.wait(lambda: all(p.service.ask("routed-leader-check")[0] == 200 for p in self.peers),
                  "all nodes to know a leader")
        self.leader()
        self.again = f"{time.monotonic() - began:.1f}"

    def note(self, row):
        super().note([*row, self.again])
