"""How long nobody takes writes: failovers and takeovers of one master and three replicas, on loopback."""
import itertools
import statistics
import subprocess
import threading
import time

ROUNDS = 9
ROWS_A_SECOND = 200


class Client:
    """A session of the application's, which tries to write one row after another."""
    numbers = itertools.count(1)

    def __init__(self, node):
        self.process = subprocess.Popen(
            node.software.client("-h", node.host, "-P", str(node.port), "-uapp", "-papp_password",
                                 "-nNB", "--force", "--reconnect"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def writes(self):
        """Whether one more row was written."""
        self.process.stdin.write(f"INSERT INTO app.seq (seq, server) VALUES ({next(self.numbers)}, @@server_id); "
                                 "SELECT ROW_COUNT();\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "1\n"

    def end(self):
        self.process.kill()
        self.process.communicate()


def first_write(node, into):
    """Tries to write to a server that is still read-only, and notes when that went well."""
    client = Client(node)
    while not client.writes():
        time.sleep(0.0005)
    into.append(time.perf_counter())
    client.end()


def last_write(node, into, begun):
    """Writes to a server until it takes no more, and notes the last one that it took."""
    client, taken = Client(node), 0
    while client.writes():
        into[:] = [time.perf_counter()]
        taken += 1
        if taken == ROWS_A_SECOND // 4:
            begun.set()
        time.sleep(1 / ROWS_A_SECOND)
    client.end()


def told(times):
    ms = sorted(1000 * t for t in times)
    return f"min {ms[0]:.0f} ms, median {statistics.median(ms):.0f} ms, max {ms[-1]:.0f} ms of {len(ms)}"


def failing_over(up, orch):
    """From the command to the first row at the new master, whose predecessor was killed."""
    times, whole = [], []
    for _ in range(ROUNDS):
        cluster = up()
        try:
            orch("discover", cluster[1])
            written = []
            waiting = threading.Thread(target=first_write, args=(cluster[2], written))
            waiting.start()
            cluster[1].kill()
            start = time.perf_counter()
            orch("failover", cluster[1], "--to", cluster[2])
            whole.append(time.perf_counter() - start)
            waiting.join()
            times.append(written[0] - start)
        finally:
            cluster.down()
    return f"{told(times)}; whole command: {told(whole)}"


def taking_over(up, orch):
    """From the last row that the old master took to the first one at the new."""
    cluster, times = up(), []
    try:
        orch("discover", cluster[1])
        for old, new in itertools.islice(itertools.cycle(((cluster[1], cluster[2]), (cluster[2], cluster[1]))), ROUNDS):
            last, first, begun = [], [], threading.Event()
            threads = [threading.Thread(target=last_write, args=(old, last, begun)),
                       threading.Thread(target=first_write, args=(new, first))]
            for thread in threads:
                thread.start()
            begun.wait()
            orch("takeover", old, "--to", new)
            for thread in threads:
                thread.join()
            times.append(first[0] - last[0])
    finally:
        cluster.down()
    return told(times)
