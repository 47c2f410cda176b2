"""`orch serve` as tests start it and talk to it."""
import contextlib
import json
import re
import signal
import sqlite3
import subprocess
import urllib.error
import urllib.request

from live_case import ORCH, LiveCase


class Service:
    """One `orch serve` over HTTP; listen="": where its configuration says; inside: what comes before the command (net.py)."""

    def __init__(self, case, log, config=None, listen="127.0.0.1:0", inside=(), trust=None):
        self.case, self.log, self.base = case, open(log, "a+"), ""
        self.begins = len(self.told())  # an earlier one may have told something
        self.address = listen.rpartition(":")[0]
        self.scheme, self.trust = "https" if trust else "http", trust
        self.process = subprocess.Popen(
            [*inside, ORCH, "serve", "--config", config or case.write_config(), *(["--listen", listen] if listen else [])],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, cwd=case.folder)

    def answers(self):
        """Once it has said on which port it listens."""
        self.case.assertIsNone(self.process.poll(), self.told())
        found = re.search(r"serves port (\d+)", self.told()[self.begins:])
        self.base = f"{self.scheme}://{self.address}:{found[1]}/api/" if found else ""
        return self.base and self.ask("lb-check")[0] == 200

    def ask(self, path, patience=120, **headers):
        """-> status, body; of a path below /api/, or below / when it begins so."""
        url = self.base.removesuffix("/api/") + path if path.startswith("/") else self.base + path
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=patience, context=self.trust) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def json(self, path):
        status, body = self.ask(path)
        self.case.assertEqual(status, 200, f"{path}: {body}\n{self.told()}")
        return json.loads(body)

    def details(self, path):
        answer = self.json(path)
        self.case.assertEqual(answer["Code"], "OK", answer)
        return answer["Details"]

    def told(self):
        self.log.seek(0)
        return self.log.read()

    def leads(self):
        return self.answers() and self.ask("leader-check")[0] == 200

    def end(self):
        self.process.terminate()
        code = self.process.wait(60)
        text = self.told()
        self.log.close()
        return code, text


class ServiceCase(LiveCase):
    """A test with a service that recovers whatever fails."""

    def setUp(self):
        super().setUp()
        self.config.update(RecoverMasterClusterFilters=["*"], RecoverIntermediateMasterClusterFilters=["*"],
                           RecoveryPeriodBlockSeconds=1, InstancePollSeconds=5)

    def serve(self, cluster, host=None):
        """host: of a network; without, on loopback."""
        where = {"listen": f"{host}:0", "inside": host.inside} if host else {}
        service = Service(self, self.folder / "serve.log", **where)
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        cluster.wait_for(service.leads, "the service to lead")
        self.knows_all(service, cluster)
        return service

    def second_node(self, cluster):
        """One more on the same backend, that answers; it does not lead yet."""
        service = Service(self, self.folder / "second.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        cluster.wait_for(service.answers, "the second node")
        return service

    def freeze(self, service):
        """Pauses its process, at a moment when that does not hold the backend's file locked for everybody."""
        def paused():
            service.process.send_signal(signal.SIGSTOP)
            with contextlib.closing(sqlite3.connect(self.config["SQLite3DataFile"], timeout=1,
                                                    isolation_level=None)) as file:
                try:
                    file.execute("BEGIN IMMEDIATE")
                    return True
                except sqlite3.OperationalError:
                    service.process.send_signal(signal.SIGCONT)
                    return False
        self.addCleanup(service.process.send_signal, signal.SIGCONT)
        while not paused():
            pass

    def knows_all(self, service, cluster):
        def watched():
            seen = {i["Key"]["Port"]: i for i in service.json("all-instances")}
            return all(seen.get(n.port, {}).get("IsLastCheckValid") for n in cluster.nodes if n.pid())
        cluster.wait_for(watched, "the service to see all servers")

    def writable(self, nodes):
        return [n for n in nodes if n.pid() and n.state() == "up" and not self.read_only(n)]

    def healed(self, cluster, dead):
        """The one that takes writes now."""
        others = [n for n in cluster.nodes if n is not dead]
        cluster.wait_for(lambda: self.writable(others), "a new master")
        new = self.writable(others)
        self.assertEqual(len(new), 1)
        return new[0]
