"""Who is the master stands in key-value stores from the moment that it takes writes."""
import threading
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from service_case import ServiceCase

PAIRS = ["", "/hostname", "/port", "/ipv4", "/ipv6"]


class Consul:
    """Keeps what is put into it, in order; hangs while it is told to."""

    def __init__(self):
        self.values, self.puts, self.flowing = {}, [], threading.Event()
        self.flowing.set()
        consul = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                consul.flowing.wait(60)
                key = urllib.parse.unquote(self.path.removeprefix("/v1/kv/"))
                consul.puts.append(key)
                consul.values[key] = body
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"true")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.flowing.set()
        self.server.shutdown()
        self.server.server_close()


class KeyValueStores(ServiceCase):
    def setUp(self):
        super().setUp()
        self.consul = Consul()
        self.addCleanup(self.consul.end)
        self.config.update(ConsulAddress=self.consul.address, InstancePollSeconds=1)

    def base(self, cluster):
        return f"mysql/master/{cluster.name}"

    def named(self, cluster):
        return self.consul.values.get(self.base(cluster))

    def test_a_cluster_is_made_known_and_a_failover_changes_it(self):
        c = self.start(3)
        self.discover(c)
        service = self.serve(c)
        c.wait_for(lambda: self.named(c) == str(c[1]), "Consul to know the master")
        c.wait_for(lambda: self.base(c) + "/ipv6" in self.consul.values, "all five pairs")
        self.assertEqual(self.consul.puts[:5], [self.base(c) + end for end in PAIRS])
        self.assertEqual(self.consul.values[self.base(c) + "/ipv4"], "127.0.0.1")
        c[1].kill()
        new = self.healed(c, c[1])
        c.wait_for(lambda: self.named(c) == str(new), lambda: f"Consul to know the new master: {service.told()}")
        c.wait_for(lambda: self.consul.values[self.base(c) + "/port"] == str(new.port), "its parts to follow")

    def test_a_consul_that_hangs_keeps_no_replica_from_its_new_master(self):
        c = self.start(3)
        self.discover(c)
        service = self.serve(c)
        c.wait_for(lambda: self.base(c) + "/ipv6" in self.consul.values, "Consul to know the master")
        self.consul.flowing.clear()
        c[1].kill()
        new = self.healed(c, c[1])
        other = next(n for n in c.nodes if n not in (c[1], new))
        c.wait_for(lambda: other.source() == str(new) and other.replicates(), f"{other} to follow {new}")
        c.wait_for(lambda: service.json("audit-recovery")[0]["IsSuccessful"], "the recovery to end")
        self.assertEqual(self.named(c), str(c[1]))
        self.consul.flowing.set()

        def told_again():
            # Those that hung are let go at the same time, and nobody says which of them is last.
            service.details("submit-masters-to-kv-stores")
            return self.named(c) == str(new)

        c.wait_for(told_again, lambda: f"Consul to know {new} when it is told again: {service.told()}")


if __name__ == "__main__":
    unittest.main()
