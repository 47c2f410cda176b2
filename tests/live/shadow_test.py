"""`orch shadow` beside a manager that speaks orchestrator's API: it tells what the two see differently, and acts on
nothing."""
import json
import re
import subprocess
import unittest

from live_case import ORCH, LiveCase
from service_case import Service


class Shadow(LiveCase):
    def setUp(self):
        super().setUp()
        self.config.update(InstancePollSeconds=1)

    def beside(self, cluster):
        """The service that is compared with, by the configuration as it is now -> its URL."""
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        cluster.wait_for(service.leads, "the service to lead")
        cluster.wait_for(lambda: len(service.json("all-instances")) == len(cluster.nodes) and
                         all(i["IsLastCheckValid"] for i in service.json("all-instances")), "it to see all servers")
        return service, service.base.removesuffix("/api/")

    def test_two_that_agree_differ_in_nothing_and_leave_no_trace(self):
        c = self.start(3)
        self.discover(c)
        _, url = self.beside(c)
        before = [node.sql("SELECT @@global.read_only, @@server_id") for node in c.nodes]
        del self.config["SQLite3DataFile"]
        self.config["BackendDB"] = "mysql"  # there is none: nobody may want it
        done = self.does("shadow", "--api", url, "--once")
        self.assertEqual((done.out, done.err), ("", ""))
        self.assertEqual([node.sql("SELECT @@global.read_only, @@server_id") for node in c.nodes], before)
        self.assertEqual(self.refuses("shadow", "--once", saying="--api").code, 2)
        self.assertEqual(self.refuses("shadow", "--once", "--api", "http://127.0.0.1:1", saying="127.0.0.1:1").code, 4)

    def test_what_only_one_would_recover_is_told(self):
        c = self.start(3)
        self.discover(c)
        service, url = self.beside(c)
        c[1].kill()
        c.wait_for(lambda: "DeadMaster" in [a["Analysis"] for a in service.details("replication-analysis")],
                   "the service to see that the master is dead")
        self.assertEqual(self.does("shadow", "--api", url, "--once").out, "")
        # Here the same configuration would let it be recovered.
        self.config.update(RecoverMasterClusterFilters=["*"])
        done = self.does_in_part("shadow", "--api", url, "--once")
        self.assertRegex(done.out, rf"{c[1]} \(cluster {c[1]}\): there DeadMaster; here DeadMaster, would be recovered\n")
        line = json.loads(self.does_in_part("shadow", "--api", url, "--once", "--json").out)
        self.assertEqual((line["Key"]["Port"], line["There"]["Recovers"], line["Here"]["Recovers"]),
                         (c[1].port, False, True))
        self.assertEqual(line["Here"]["Codes"], ["DeadMaster"])
        self.assertTrue(self.read_only(c[2]) and self.read_only(c[3]), "somebody acted")
        # What their people have set counts here, too.
        service.details(f"begin-downtime/{c[1].host}/{c[1].port}/me/why/1h")
        c.wait_for(lambda: self.orch("shadow", "--api", url, "--once").code == 0, "the downtime to be taken over")

    def test_differences_are_told_as_they_come_and_go(self):
        c = self.start(3)
        self.discover(c)
        service, url = self.beside(c)
        self.config.update(RecoverMasterClusterFilters=["*"])  # of the shadow alone
        log = open(self.folder / "shadow.log", "w+")
        self.addCleanup(log.close)
        shadow = subprocess.Popen([ORCH, "--config", self.write_config(), "shadow", "--api", url, "--interval", "1"],
                                  stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder)
        self.addCleanup(lambda: shadow.poll() is None and shadow.kill())

        def told():
            log.seek(0)
            return log.read()

        c[1].kill()
        c.wait_for(lambda: re.search(rf"{c[1]} \(cluster .*here DeadMaster, would be recovered\n", told()),
                   "the shadow to tell that it would recover the master")
        service.details(f"begin-downtime/{c[1].host}/{c[1].port}/me/why/1h")
        c.wait_for(lambda: f"{c[1]}: no difference any more" in told(), "the shadow to tell that they agree again")
        shadow.terminate()
        self.assertEqual(shadow.wait(60), 1, told())


if __name__ == "__main__":
    unittest.main()
