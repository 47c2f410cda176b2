"""A thousand clients that are slow or broken, and requests that nobody should send: the service answers others, and
heals what dies meanwhile."""
import contextlib
import os
import random
import resource
import socket
import ssl
import unittest

from service_case import Service, ServiceCase
from software import certificates

MANY = 1000
PATHS = [b"/api/clusters", b"/api/instance/%00/3306", b"/api/instance/h/99999999999999999999", b"/api/cluster/%ff%fe%0d%0aX: y",
         b"/api/../../../etc/passwd", b"/api/%2e%2e/%2e%2e/etc/passwd", b"/web/../../etc/passwd", b"/" * 2000, b"/api/" + b"%" * 500,
         b"/api/search?s=" + b"'\"><script>%27%3B drop table audit--".replace(b" ", b"%20"), b"/api/\x80\xff\x01", b"*", b"",
         b"http://elsewhere/api/clusters", b"/api/cluster/" + b"a" * 6000, b"/api/problems/" + b"%25" * 900, b"/api/search?" + b"&=" * 900]
HEADERS = [b"Host: x", b"Host: x\r\nHost: y", b"Content-Length: -1", b"Content-Length: 5\r\nContent-Length: 6",
           b"Content-Length: 99999999999999999999", b"Transfer-Encoding: chunked\r\nContent-Length: 3", b"X\x00Y: z", b": empty",
           b"Authorization: Basic " + b"A" * 5000, b"X-Forwarded-User: \xff\xfe\x00", b"Cookie: access-token=%00:;;;==",
           b"Expect: 100-continue", b"Upgrade: h2c\r\nConnection: Upgrade", b"Range: bytes=9-1", b"Accept-Encoding: gzip;q=nan",
           b"X: " + b"y" * 100000, b"Transfer-Encoding: gzip, chunked", b" folded: x\r\n\tmore"]
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PRI", b"g\x00t", b"X" * 300]
# What a client that never ends its request has sent; the last ones speak no HTTP.
BEGINNINGS = [b"", b"G", b"GET /api/clusters", b"GET /api/clusters HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 4000,
              b"POST /api/orch/command HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000000000\r\n\r\n{",
              b"POST /api/orch/command HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
              b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", os.urandom(64), b"\r\n\r\n\r\n"]


class Abuse(ServiceCase):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assertGreater(hard, 4 * MANY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * MANY), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.open = contextlib.ExitStack()
        self.addCleanup(self.open.close)

    def begin(self, address, number):
        """A client that holds on: it has begun something, or sent it all and reads no answer."""
        with contextlib.suppress(OSError):  # it may be thrown out at once
            client = self.open.enter_context(socket.create_connection(address, 30))
            if number % 4:
                client.sendall(BEGINNINGS[number % len(BEGINNINGS)])
            else:
                client.sendall(b"GET /api/all-instances HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            return client

    def bad(self, address, chance):
        """One request that nobody should send -> how the answer begins."""
        request = chance.choice(METHODS) + b" " + chance.choice(PATHS) + chance.choice(
            [b" HTTP/1.1", b" HTTP/1.0", b" HTTP/9.9", b"", b" HTTP/1.1 x"]) + b"\r\n"
        request += b"".join(chance.choice(HEADERS) + b"\r\n" for _ in range(chance.randrange(4))) + b"Connection: close\r\n\r\n"
        with contextlib.suppress(OSError), socket.create_connection(address, 30) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            return client.recv(64)
        return b""

    def files(self, service):
        return len(os.listdir(f"/proc/{service.process.pid}/fd"))

    def threads(self, service):
        return len(os.listdir(f"/proc/{service.process.pid}/task"))

    def abused(self, service, cluster, address):
        """What it is asked for by others while all this goes on."""
        chance = random.Random(1)
        files, threads = self.files(service), self.threads(service)
        clients = [self.begin(address, number) for number in range(MANY)]
        self.assertGreater(sum(client is not None for client in clients), MANY * 0.9)
        for _ in range(300):
            answer = self.bad(address, chance)
            self.assertRegex(answer, rb"^($|HTTP/1\.[01] [2-5]\d\d)")
        self.assertLess(self.threads(service), threads + 140)  # most_handlers, and some
        cluster[1].kill()
        for _ in range(100):
            self.bad(address, chance)
        new = self.healed(cluster, cluster[1])
        others = [n for n in cluster.nodes if n.pid() and n is not new]
        cluster.wait_for(lambda: all(n.source() == str(new) and n.replicates() for n in others), "the others to follow")
        self.open.close()
        cluster.wait_for(lambda: self.files(service) < files + 50, "the clients to be forgotten")
        self.assertIsNone(service.process.poll(), service.told())
        code, told = service.end()
        self.assertEqual(code, 0, told)

    def test_a_master_is_replaced_while_a_thousand_clients_misbehave(self):
        c = self.start(3)
        self.discover(c)
        service = self.serve(c)
        address = (service.address, int(service.base.split(":")[2].split("/")[0]))
        self.abused(service, c, address)

    def test_bad_tls_holds_up_nobody(self):
        certs = certificates()
        self.config.update(UseSSL=True, SSLCertFile=str(certs / "server-cert.pem"), SSLPrivateKeyFile=str(certs / "server-key.pem"))
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        while not service.base:  # it is no plain HTTP that answers
            self.assertIsNone(service.process.poll(), service.told())
            service.answers()
        address = (service.address, int(service.base.split(":")[2].split("/")[0]))
        files = self.files(service)
        hello = ssl.create_default_context()
        hello.check_hostname, hello.verify_mode = False, ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            hello.wrap_bio(incoming, outgoing).do_handshake()
        greeting = outgoing.read()
        for number in range(MANY):
            client = self.open.enter_context(socket.create_connection(address, 30))
            with contextlib.suppress(OSError):  # it may be thrown out at once
                client.sendall([greeting[:number % len(greeting)], greeting, os.urandom(200), b"GET / HTTP/1.1\r\n\r\n",
                                greeting[:20] + os.urandom(300), b"\x15\x03\x01\x00\x02\x02\x28"][number % 6])
        trusted = ssl.create_default_context(cafile=str(certs / "ca.pem"))
        with socket.create_connection(address, 30) as plain, trusted.wrap_socket(plain, server_hostname="127.0.0.1") as client:
            client.sendall(b"GET /api/lb-check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertTrue(client.recv(64).startswith(b"HTTP/1.1 200"))
        self.open.close()
        while self.files(service) > files + 50:
            self.assertIsNone(service.process.poll(), service.told())
        self.assertEqual(service.end()[0], 0)


if __name__ == "__main__":
    unittest.main()
