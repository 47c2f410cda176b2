"""Every route of the API's own description is asked for on a running service; those that move servers do so."""
import json
import re
import unittest

from live_case import LiveCase
from service_case import Service

# What a parameter of a route is in these tests; hosts and ports come from the servers.
VALUES = {"owner": "me", "reason": "why", "duration": "5m", "page": 0, "seconds": 60, "queue": "DEFAULT", "tag": "t",
          "tagValue": "v", "pool": "web", "promotionRule": "neutral", "recoveryId": 1, "id": 1, "uid": "none", "s": "127",
          "errorStatusCode": 418, "maintenanceKey": 1, "hostname": "db.example", "process": 999999, "logFile": "bin.000001",
          "logPos": 4, "binlog": "bin.000001", "hint": "nobody", "node": "nobody", "addr": "127.0.0.1:1", "raftBind": "a",
          "raftAdvertise": "b", "authenticationToken": "c", "command": "c", "seedId": 1, "sourceHost": "a", "targetHost": "b"}
PLAIN = {"/_ping", "/lb-check", "/leader-check", "/leader-check/{errorStatusCode}", "/routed-leader-check", "/openapi.json"}
# They end the test's own conditions, so they come last, in this order.
LAST = ["/reload-configuration", "/forget/{host}/{port}", "/forget-cluster/{clusterHint}", "/grab-election", "/reelect"]


class Routes(LiveCase):
    def serve(self, cluster):
        self.discover(cluster)
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        cluster.wait_for(service.leads, "the service to lead")
        return service

    def test_every_route_of_the_description_answers_as_the_contract_says(self):
        c = self.start(3)
        service = self.serve(c)
        values = {**VALUES, "host": c[3].host, "port": c[3].port, "belowHost": c[2].host, "belowPort": c[2].port,
                  "clusterHint": c.name, "clusterName": f"{c[1].host}:{c[1].port}", "clusterAlias": c.name}
        paths = service.json("openapi.json")["paths"]
        self.assertGreater(len(paths), 250)
        for path in [p for p in paths if p not in LAST] + LAST:
            method = "get" if "get" in paths[path] else "post"
            if method == "post":
                continue  # /orch/command: what remote_test is about
            status, body = service.ask(re.sub(r"\{(\w+)\}", lambda m: str(values[m[1]]), path).lstrip("/"))
            said = f"{path}: {status} {body[:300]}"
            self.assertIn(status, (200, 500), said)
            if path in PLAIN:
                self.assertEqual(status, 200, said)
                continue
            answer = json.loads(body)
            is_envelope = isinstance(answer, dict) and "Code" in answer
            if is_envelope:
                self.assertEqual(set(answer), {"Code", "Message", "Details"}, said)
            self.assertEqual(status == 500, is_envelope and answer["Code"] == "ERROR", said)
            if status == 500:
                self.assertNotEqual(answer["Message"], "", said)
        self.assertIsNone(service.process.poll())
        self.assertEqual(service.ask("lb-check")[0], 200)

    def test_routes_that_move_servers_move_them(self):
        c = self.start(4)
        service = self.serve(c)
        m, a, b, d = c.nodes
        names = {name: f"{node.host}/{node.port}" for name, node in zip("mabd", c.nodes)}

        def ok(path):
            status, body = service.ask(path.format(**names, c=c.name))
            self.assertEqual((status, json.loads(body)["Code"]), (200, "OK"), f"{path}: {body}\n{service.told()}")

        def moved(path, **sources):
            ok(path)
            for name, source in sources.items():
                self.follows(dict(zip("mabd", c.nodes))[name], source)

        moved("relocate/{d}/{a}", d=a)
        moved("relocate-below/{d}/{b}", d=b)
        moved("move-up/{d}", d=m)
        moved("move-below/{d}/{b}", d=b)
        moved("move-gtid/{d}/{a}", d=a)
        moved("move-below-gtid/{d}/{m}", d=m)
        moved("relocate-replicas/{m}/{a}", b=a, d=a)
        moved("relocate-slaves/{a}/{m}", b=m, d=m)
        moved("move-replicas-gtid/{m}/{a}", b=a, d=a)
        moved("move-slaves-gtid/{a}/{m}", b=m, d=m)
        moved("relocate/{d}/{b}", d=b)
        moved("move-up-replicas/{b}", d=m)
        moved("relocate/{d}/{b}", d=b)
        moved("move-up-slaves/{b}", d=m)
        moved("repoint/{d}/{m}", d=m)
        moved("repoint-replicas/{m}", a=m, b=m, d=m)
        for detach, reattach in (("detach-replica", "reattach-replica"), ("detach-slave", "reattach-slave"),
                                 ("detach-replica-master-host", "reattach-replica-master-host"),
                                 ("detach-slave-master-host", "reattach-slave-master-host")):
            ok(detach + "/{d}")
            self.assertTrue(d.source().startswith("//"), d.source())
            moved(reattach + "/{d}", d=m)
        for stop, start in (("stop-replica", "start-replica"), ("stop-slave-nice", "start-slave"),
                            ("stop-replica-nice", "restart-replica"), ("stop-slave", "restart-slave")):
            ok(stop + "/{d}")
            self.assertFalse(d.replicates())
            moved(start + "/{d}", d=m)
        for take in ("enslave-siblings", "take-siblings"):
            moved(take + "/{b}", a=b, d=b)
            moved("relocate-replicas/{b}/{m}", a=m, d=m)
        for take in ("enslave-master", "take-master"):
            moved("relocate/{d}/{b}", d=b)
            moved(take + "/{d}", d=m, b=d)
            moved("relocate/{b}/{m}", b=m)
        for regroup in ("regroup-replicas", "regroup-slaves", "regroup-replicas-gtid", "regroup-slaves-gtid"):
            ok(regroup + "/{m}")
            top = [node for node in (a, b, d) if node.source() == str(m)]
            self.assertEqual(len(top), 1, regroup)
            self.assertEqual({node.source() for node in (a, b, d) if node is not top[0]}, {str(top[0])}, regroup)
            ok(f"relocate-replicas/{top[0].host}/{top[0].port}/" + "{m}")
        ok("set-read-only/{m}")
        self.assertTrue(self.read_only(m))
        ok("set-writeable/{m}")
        self.assertFalse(self.read_only(m))
        ok("flush-binary-logs/{m}")
        moved("make-co-master/{b}", m=b)
        ok("reset-replica/{m}")
        self.assertEqual(m.source(), "")
        ok("graceful-master-takeover/{c}/{a}")
        self.assertEqual([node for node in c.nodes if not self.read_only(node)], [a])


if __name__ == "__main__":
    unittest.main()
