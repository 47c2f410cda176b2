"""A real HAProxy in front of servers, or of nodes."""
import contextlib
import http.server
import socket
import subprocess
import threading
import time

from software import Problem, Software

# A server that was away is not gone back to while the one that took its place lives ("stick"), and who was
# connected to one that went is cut off.
CONF = """
global
  maxconn 500
defaults
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout check 500ms
  option redispatch
listen proxied
  bind 127.0.0.1:{port}
  {how}
  default-server check inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""
DATABASES = """mode tcp
  option mysql-check
  stick-table type ip size 1 nopurge
  stick on dst"""
WRITABLE = """mode tcp
  option httpchk"""
LEADER = """mode http
  option httpchk GET /api/leader-check"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Checks:
    """Says over HTTP whether a server takes writes, as the check scripts beside proxies do: 200 or 503."""

    def __init__(self, takes_writes):
        checks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_OPTIONS(self):
                checks.told += 1
                with contextlib.suppress(OSError):
                    self.send_response(200 if checks.good else 503)
                    self.end_headers()

            def log_message(self, *words):
                pass
        self.takes_writes, self.good, self.told, self.ended = takes_writes, False, 0, threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.ask, self.server.serve_forever)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        while not self.ended.wait(0.1):
            self.good = self.takes_writes()

    def end(self):
        self.ended.set()
        self.server.shutdown()
        for thread in self.threads:
            thread.join()
        self.server.server_close()


class Proxy:
    """how: DATABASES, of which one is used as long as it lives, WRITABLE, of which one is used whose check (a port
    each) says so, or LEADER. addresses: "host:port"."""

    def __init__(self, folder, how, addresses, checks=()):
        software = Software("haproxy").install()
        self.port, = free_ports(1)
        conf, self.log = folder / f"haproxy-{self.port}.cfg", open(folder / f"haproxy-{self.port}.log", "a+")
        backup = " backup" if how is DATABASES else ""
        lines = [f"  server s{i} {address}{backup if i > 1 else ''}" for i, address in enumerate(addresses, 1)]
        if checks:
            lines = [f"{line} port {port}" for line, port in zip(lines, checks)]
        conf.write_text(CONF.format(port=self.port, how=how, servers="\n".join(lines)))
        self.process = subprocess.Popen([*software.program("proxy"), "-db", "-f", conf], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.end()
        self.log.seek(0)
        raise Problem(f"haproxy did not come up: {self.log.read()}")

    def end(self):
        self.process.kill()
        self.process.wait()
