"""Several `orch serve` nodes on one backend, and rounds in which a master dies while nodes or the backend's servers
are killed and frozen at random moments.

Who acted is read from the general logs of the managed servers: each node has an account of its own there.
ORCH_ROUNDS says how many rounds (default: few), ORCH_SEED which.
"""
import csv
import json
import os
import random
import re
import shutil
import signal
import time

import proxy
import synchronous
from live_case import PREFIX, LiveCase, numbers
from service_case import Service
from servers import Cluster
from software import ADMIN_PASSWORD, COMMON_GRANTS, MARIADB_GRANTS, MYSQL_GRANTS

ACT = re.compile(r"\s*(SET GLOBAL|STOP|START|CHANGE|RESET|KILL)\b", re.I)
PATIENCE = 90
PAUSE_BEFORE_RESTORING = 3


class Peer:
    """One orch node of several, and the backend's server that it talks to. where: a host of a network, or nothing."""

    def __init__(self, case, number, host, port, member=None, where=None):
        self.case, self.number, self.member, self.user = case, number, member, f"orch{number}"
        self.where = where
        self.listen = f"{where or '127.0.0.1'}:{proxy.free_ports(1)[0]}"
        config = {**case.config, "MySQLTopologyUser": self.user, "MySQLOrchestratorHost": host,
                  "MySQLOrchestratorPort": port, **case.settings_of(self)}
        self.config = case.folder / f"{self.user}.conf.json"
        self.config.write_text(json.dumps(config))
        self.start()

    def start(self):
        self.service = Service(self.case, self.case.folder / f"{self.user}.log", self.config, self.listen,
                               self.where.inside if self.where else ())
        self.frozen = False

    def wait(self):
        self.case.wait(self.service.answers, f"{self.user} to answer")

    def kill(self):
        self.service.process.kill()
        self.service.process.wait()
        self.service.log.close()

    def freeze(self):
        self.service.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def is_up(self):
        return self.service.process.poll() is None and not self.frozen

    def leads(self):
        return self.is_up() and self.service.leads()

    def restore(self):
        if self.frozen:
            self.service.process.send_signal(signal.SIGCONT)
            self.frozen = False
        elif not self.is_up():
            self.start()
        self.wait()

    def end(self):
        if self.service.process.poll() is None:
            self.service.process.kill()  # it may be frozen
            self.service.process.wait()
        if not self.service.log.closed:
            self.service.log.close()


class SharedRounds(LiveCase):
    """self.members: the backend's servers; self.peers: the nodes."""
    ROUNDS, NODES, MANAGED = 3, 3, "mariadb"
    LED = re.compile(r"^(\S+ \S+) \S+ this node leads, in epoch (\d+)$", re.M)

    def setUp(self):
        super().setUp()
        self.random = random.Random(os.environ.get("ORCH_SEED") or time.time_ns())
        self.members, self.peers, self.table = [], [], []
        self.needs_restoring = set()  # names of faults with which nobody can heal anything
        self.hosts = []  # of what is managed; empty: all is on loopback
        self.config.update(
            RecoverMasterClusterFilters=["*"], RecoveryPeriodBlockSeconds=1, InstancePollSeconds=2,
            MySQLConnectTimeoutSeconds=1, MySQLDiscoveryReadTimeoutSeconds=2, LeaseMilliseconds=3000,
            BackendDB="mysql", MySQLOrchestratorDatabase="orchestrator", MySQLOrchestratorUser="backend",
            MySQLOrchestratorPassword="backend_password", MySQLOrchestratorReadTimeoutSeconds=5)

    def settings_of(self, peer):
        """What only this node is told."""
        return {}

    def wait(self, condition, what, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, f"waited in vain for {what}\n{self.told()}")
            time.sleep(0.05)

    def told(self):
        """What the nodes said lately."""
        return "\n".join(f"--- {path.name}\n{self.lines_of(path)[-9000:]}" for path in sorted(self.folder.glob("orch?.log")))

    def lines_of(self, log):
        return log.read_text()

    def cluster(self, flavor, nodes, tree="", **options):
        cluster = Cluster.up(f"{PREFIX}{next(numbers)}", flavor, nodes, tree, **options)
        self.addCleanup(cluster.down)
        return cluster

    def open_backend(self, node):
        node.sql("CREATE USER backend@'%' IDENTIFIED BY 'backend_password'; GRANT ALL ON *.* TO backend@'%'")

    def start_peers(self, addresses):
        """addresses: (host, port, the backend's server or nothing[, the host of a network]) for each node."""
        for number, address in enumerate(addresses, 1):
            peer = Peer(self, number, *address)
            self.addCleanup(peer.end)
            self.peers.append(peer)
            peer.wait()  # the first makes the schema
        self.leader()

    def leader(self):
        """The one that leads, once exactly one does."""
        found = []

        def one():
            found[:] = [peer for peer in self.peers if peer.leads()]
            return len(found) == 1
        self.wait(one, "one node to lead")
        return found[0]

    def backend(self, question):
        """Asks whichever server of the backend answers."""
        answers = (member.told(question) for member in self.members if member.state() == "up")
        return next(filter(None, answers), "")

    # --- what is managed ---

    def managed(self):
        """A master with two replicas, watched by the nodes."""
        cluster = self.cluster(self.MANAGED, 3, "star", settings=["general_log=1", "log_output=TABLE"],
                               hosts=self.hosts)
        for peer in self.peers:
            special = MYSQL_GRANTS if cluster.software.is_mysql else MARIADB_GRANTS
            grants = (special + COMMON_GRANTS).format(user=peer.user)
            cluster[1].sql(f"CREATE USER {peer.user}@'%' IDENTIFIED BY '{ADMIN_PASSWORD}'; {grants}")
        for node in cluster.nodes[1:]:
            self.wait(lambda n=node: n.sql("SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'orch_'")
                      == str(len(self.peers)), f"the accounts at {node}")
        return cluster

    def watched(self, cluster):
        service = self.leader().service
        status, body = service.ask(f"discover/{cluster[1].host}/{cluster[1].port}")
        if status != 200:
            return False
        status, body = service.ask("all-instances")
        if status != 200:  # another one leads since then
            return False
        seen = {i["Key"]["Port"]: i for i in json.loads(body)}
        return all(seen.get(n.port, {}).get("IsLastCheckValid") for n in cluster.nodes) and \
            len(seen[cluster[1].port]["Replicas"] or []) == 2

    def acts(self, cluster):
        """-> (time, node's user, port, statement), in order, of all that changed a managed server."""
        found = []
        for node in cluster.nodes:
            with open(node.data / "mysql/general_log.CSV", newline="", errors="replace") as log:
                for row in csv.reader(log, escapechar="\\"):
                    if len(row) < 6 or row[4] != "Query" or not ACT.match(row[5]):
                        continue
                    user = row[1].split("[")[0]
                    if re.fullmatch(r"orch\d", user):
                        found.append((row[0], user, node.port, row[5]))
        return sorted(found)

    def writable(self, cluster):
        return [n for n in cluster.nodes if n.state() == "up" and not self.read_only(n)]

    # --- faults ---

    def faults(self):
        """Name -> what it does, given who leads."""
        others = lambda leader: self.random.choice([p for p in self.peers if p is not leader])  # noqa: E731
        found = {
            "nothing": lambda leader: None,
            "kill leader": lambda leader: leader.kill(),
            "stop leader": lambda leader: leader.freeze(),
            "kill follower": lambda leader: others(leader).kill(),
            "stop follower": lambda leader: others(leader).freeze(),
        }
        if self.members and self.peers[0].member:
            found.update({
                "kill leader's database": lambda leader: leader.member.kill(),
                "stop leader's database": lambda leader: leader.member.freeze(),
                "kill follower's database": lambda leader: others(leader).member.kill(),
                "stop follower's database": lambda leader: others(leader).member.freeze(),
            })
        return found

    def restore(self):
        for member in self.members:
            self.assertTrue(synchronous.rejoin(member), f"{member} does not come back into its group")
        for peer in self.peers:
            peer.restore()

    def heal(self, cluster):
        """Until one of the others is the master, and the last one follows it."""
        def healed():
            masters = [n for n in self.writable(cluster) if n is not cluster[1]]  # that may only be cut off
            if len(masters) != 1:
                return False
            replica = next(n for n in cluster.nodes[1:] if n is not masters[0])
            return replica.source() == str(masters[0]) and replica.replicates()
        self.wait(healed, "the cluster to be healed")

    def master_dies(self, cluster, for_good):
        """for_good: what is restored while it is dead does not bring it back."""
        cluster[1].kill()

    def round(self, number, name, fault):
        cluster = self.managed()
        self.wait(lambda: self.watched(cluster), "the leader to see all servers", 60)
        leader = self.leader()
        steps = [fault, lambda _: self.master_dies(cluster, for_good=name in self.needs_restoring)]
        pause = self.random.uniform(0, 1.5)
        if self.random.random() < 0.5:
            steps.reverse()
        steps[0](leader)
        time.sleep(pause)  # at random: any moment of a recovery may be hit
        steps[1](leader)
        began = time.monotonic()
        row = [number, name, "before" if steps[0] is fault else "after", f"{pause:.2f}", leader.user]
        if name in self.needs_restoring:
            time.sleep(PAUSE_BEFORE_RESTORING)  # for all that it might do
            self.restore()
        self.heal(cluster)
        row.append(f"{time.monotonic() - began:.1f}")
        self.restore()
        self.restored()
        self.wait(lambda: self.backend("SELECT COUNT(*) FROM orchestrator.orch_recovery_run WHERE stage <> 'ended'")
                  == "0", "all recoveries to end")
        acts = self.acts(cluster)
        actors = [user for i, (_, user, _, _) in enumerate(acts) if i == 0 or acts[i - 1][1] != user]
        opened = {port for _, _, port, text in acts if re.search(r"read_only\s*=\s*(0|OFF)", text, re.I)}

        def recoveries():
            return self.backend("SELECT COUNT(*) FROM orchestrator.topology_recovery WHERE is_successful = 1"
                                f" AND port = {cluster[1].port} AND hostname = '{cluster[1].host}'")
        # A member that has just come back may not have read yet what the others wrote.
        self.wait(lambda: recoveries() != "0", "the recovery to be on record")
        recovered = recoveries()
        row += [">".join(actors), len(opened), recovered]
        self.note(row)
        self.nobody_acts_out_of_turn(acts)
        self.assertEqual(len(opened), 1, "not one was made a master:\n" + "\n".join(map(str, acts)))
        self.wait(lambda: len(self.writable(cluster)) == 1, "one writable server to be left")
        self.assertEqual(recovered, "1", self.told())
        self.forget(cluster)

    def restored(self):
        """When all is there again, and the master replaced."""
        self.leader()

    def note(self, row):
        self.table.append(row)
        print("   ", *row, sep="\t", flush=True)

    def elections(self):
        """-> (second, term, node's user) of each time that a node began to lead, by its own log."""
        return [(second, int(term), peer.user) for peer in self.peers
                for second, term in self.LED.findall((self.folder / f"{peer.user}.log").read_text())]

    def nobody_acts_out_of_turn(self, acts):
        """Who began to lead twice may act twice; but nobody once another led in a later term. The logs tell
        seconds: what happened in the same one is taken to be in order."""
        elections, text = self.elections(), "\n".join(map(str, acts))
        winners = {}
        for _, term, user in elections:
            self.assertEqual(winners.setdefault(term, user), user, f"two nodes led in term {term}")
        for when, user, _, statement in acts:
            terms = [term for second, term, winner in elections if winner == user and second <= when[:19]]
            self.assertTrue(terms, f"{user} never led: {statement}\n{text}\n{elections}")
            later = [e for e in elections if e[0] < when[:19] and e[1] > max(terms)]
            self.assertEqual(later, [], f"{user} was deposed when it did {statement} at {when}\n{text}\n{elections}")
        turns = [user for i, (_, user, _, _) in enumerate(acts) if i == 0 or acts[i - 1][1] != user]
        for user in set(turns):
            won = sum(winner == user for _, _, winner in elections)
            self.assertLessEqual(turns.count(user), won, f"nodes acted side by side:\n{text}\n{elections}")

    def forget(self, cluster):
        self.leader().service.ask(f"forget-cluster/{self.writable(cluster)[0]}")
        self.leader().service.ask(f"forget/{cluster[1].host}/{cluster[1].port}")
        for node in cluster.nodes:  # its addresses stay its own: what the backend says about them does, too
            node.kill()
            shutil.rmtree(node.data)

    def rounds(self):
        faults = self.faults()
        names = list(faults)
        print("\tround\tfault\tbefore or after the master died\ts between\tled\thealed in s\tacted\tmasters\trecoveries", flush=True)
        for number in range(1, int(os.environ.get("ORCH_ROUNDS") or self.ROUNDS) + 1):
            if number % len(names) == 1:
                self.random.shuffle(names)
            name = names[(number - 1) % len(names)]
            self.round(number, name, faults[name])
