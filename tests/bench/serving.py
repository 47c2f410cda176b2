"""`orch serve`: how soon a dead master is replaced, and what watching costs."""
import json
import os
import re
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from recoveries import Client, told

ROUNDS = 15
WATCHED = 60


class Service:
    def __init__(self, orch, config, log, listen="127.0.0.1:0"):
        self.log = open(log, "w+")
        self.process = subprocess.Popen([orch, "serve", "--config", config, "--listen", listen],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.base = ""

    def ask(self, path):
        if not self.base:
            self.log.seek(0)
            found = re.search(r"serves port (\d+)", self.log.read())
            if not found:
                return None
            self.base = f"http://127.0.0.1:{found[1]}/api/"
        try:
            return json.load(urllib.request.urlopen(self.base + path, timeout=5))
        except OSError:
            return None

    def port(self):
        self.ask("_ping")
        return self.base.split(":")[2].split("/")[0]

    def leads(self):
        return self.ask("leader-check") == "OK"

    def sees(self, count):
        """Until it leads and has read so many servers."""
        while not self.leads() or \
                sum(i["IsLastCheckValid"] for i in self.ask("all-instances") or []) < count:
            time.sleep(0.05)

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024

    def end(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def first_write(nodes):
    """When the first of them took a row."""
    written, done = [], threading.Event()

    def keep_trying(node):
        client = Client(node)
        while not done.is_set():
            if client.writes():
                written.append(time.perf_counter())
                done.set()
            time.sleep(0.0005)
        client.end()

    threads = [threading.Thread(target=keep_trying, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()

    def wait():
        for thread in threads:
            thread.join()
        return min(written)
    return wait


def healing(orch, up, write_config, end):
    """From the end of the master's process (by `end`) to the first row at its successor."""
    times = []
    for _ in range(ROUNDS):
        cluster = up()
        config = write_config()
        subprocess.run([orch, "--config", config, "discover", str(cluster[1])], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        service = Service(orch, config, cluster.dir / "serve.log")
        try:
            service.sees(len(cluster.nodes))
            wait = first_write(cluster.nodes[1:])
            time.sleep(1)  # the watched connections are there
            start = time.perf_counter()
            end(cluster[1])
            times.append(wait() - start)
        finally:
            service.end()
            cluster.down()
    ms = sorted(1000 * t for t in times)
    return f"{told(times)}, p90 {ms[int(0.9 * (len(ms) - 1))]:.0f} ms"


def watching(orch, cluster, config, seconds=20):
    """What a service needs that reads all servers once a second."""
    service = Service(orch, config, cluster.dir / "serve.log")
    try:
        service.sees(len(cluster.nodes))
        before, start = service.cpu_seconds(), time.perf_counter()
        time.sleep(seconds)
        share = (service.cpu_seconds() - before) / (time.perf_counter() - start)
        return f"{100 * share:.1f} % of a core, {service.memory_mib():.1f} MiB"
    finally:
        service.end()


def taking_over(orch, config, rounds=7):
    """From the end of the leader's process to the answer of its successor on the same backend that it leads."""
    times = []
    services = [Service(orch, config, f"{config}.{number}.log") for number in (0, 1)]
    try:
        for number in range(rounds):
            while not any(service.leads() for service in services):
                time.sleep(0.01)
            leader, other = sorted(services, key=lambda service: not service.leads())
            while other.ask("_ping") is None:
                time.sleep(0.01)
            time.sleep(1 + number % 3 / 3)
            leader.process.kill()
            start = time.perf_counter()
            while not other.leads():
                time.sleep(0.005)
            times.append(time.perf_counter() - start)
            leader.process.wait()
            services = [other, Service(orch, config, f"{config}.{number + 2}.log")]
    finally:
        for service in services:
            service.end()
    return told(times)
