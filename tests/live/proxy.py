"""A real HAProxy in front of servers, or of nodes."""
import socket
import subprocess
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


class Proxy:
    """how: DATABASES, of which one is used as long as it lives, or LEADER. addresses: "host:port"."""

    def __init__(self, folder, how, addresses):
        software = Software("haproxy").install()
        self.port, = free_ports(1)
        conf, self.log = folder / f"haproxy-{self.port}.cfg", open(folder / f"haproxy-{self.port}.log", "a+")
        backup = " backup" if how is DATABASES else ""
        lines = [f"  server s{i} {address}{backup if i > 1 else ''}" for i, address in enumerate(addresses, 1)]
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
