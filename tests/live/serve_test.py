"""`orch serve` watches real servers, heals what fails by itself, and answers the API."""
import base64
import contextlib
import json
import os
import re
import signal
import sqlite3
import threading
import time
import unittest
import urllib.request
from collections import Counter
from pathlib import Path

from live_case import IS_MYSQL, Writer
from service_case import Service, ServiceCase

ROLE = "source" if IS_MYSQL else "master"
LOSSLESS = [f"{n}:rpl_semi_sync_{ROLE}_timeout=600000" for n in range(1, 6)] + \
           [f"{n}:rpl_semi_sync_{ROLE}_wait_point=AFTER_SYNC" for n in range(1, 6)]


class Serve(ServiceCase):
    def test_dead_masters_are_replaced_one_after_another_and_nothing_acknowledged_is_lost(self):
        # A dead one does not come back: what it wrote last, and nobody acknowledged, may be on it alone.
        c = self.start(5, semi_sync=True, settings=LOSSLESS)
        self.discover(c)
        service = self.serve(c)
        master, acknowledged = c[1], []
        for turn in range(3):
            writer = Writer(master, base=turn * 1000000)
            self.assertTrue(writer.some.wait(60), "the writer did not come to 200 writes")
            master.kill()
            acknowledged += writer.end()
            new = self.healed(c, master)
            others = [n for n in c.nodes if n.pid() and n is not new]
            for node in others:
                c.wait_for(lambda n=node: n.source() == str(new) and n.replicates(), f"{node} to follow {new}")
            have = Counter(map(int, new.sql("SELECT seq FROM app.seq").split()))
            self.assertEqual([n for n in acknowledged if n not in have], [], service.told())
            self.assertEqual([n for n, times in have.items() if times > 1], [])
            c.wait_for(lambda: len(service.json(f"instance-replicas/{new.host}/{new.port}")) == 3 - turn,
                       "the service to see its replicas")
            master = new
        # The last of them writes down its end after the replicas have moved.
        c.wait_for(lambda: [r["IsSuccessful"] for r in service.json("audit-recovery")] == [True] * 3,
                   f"three recoveries to end well: {service.told()}")
        self.assertEqual(len({r["UID"] for r in service.json("audit-recovery")}), 3)

    def test_a_frozen_master_is_replaced_and_takes_no_writes_when_it_wakes(self):
        self.config.update(MySQLConnectTimeoutSeconds=1, MySQLDiscoveryReadTimeoutSeconds=1)
        c = self.start(3)
        self.discover(c)
        service = self.serve(c)
        c[1].freeze()
        new = self.healed(c, c[1])
        c[1].thaw()
        c.wait_for(lambda: self.read_only(c[1]), lambda: f"the old master to be read-only: {service.told()}")
        self.assertEqual(self.writable(c.nodes), [new])

    def test_replicas_of_a_dead_intermediate_master_are_moved(self):
        c = self.start(4, "1>2,1>3,3>4")
        self.discover(c)
        service = self.serve(c)
        c[3].kill()
        c.wait_for(lambda: c[4].source() in (str(c[1]), str(c[2])) and c[4].replicates(), "the orphan to be moved")
        self.assertEqual(self.writable(c.nodes), [c[1]])
        c.wait_for(lambda: any(r["IsSuccessful"] for r in service.json("audit-recovery")), "the end of the recovery")
        recovery = service.json("audit-recovery")[0]
        found = service.json(f"audit-failure-detection/id/{recovery['LastDetectionId']}")
        self.assertEqual([detection["RelatedRecoveryId"] for detection in found], [recovery["Id"]])

    def test_a_master_that_nobody_may_fail_over_is_announced_and_left(self):
        c = self.start(2)
        self.discover(c)
        self.config.update(RecoverMasterClusterFilters=[],
                           OnFailureDetectionProcesses=[f"echo {{failureType}} >> {self.folder}/hooks.log"])
        service = self.serve(c)
        c[1].kill()
        hooks = self.folder / "hooks.log"
        c.wait_for(lambda: hooks.exists() and "DeadMaster" in hooks.read_text(), "the detection hook")
        codes = [a["Analysis"] for a in service.details("replication-analysis")]
        self.assertIn("DeadMaster", codes)
        # UnreachableMaster may have been announced before it.
        counted = r'orch_hooks_total\{list="OnFailureDetectionProcesses",outcome="success"\} [1-9]'
        c.wait_for(lambda: re.search(counted, service.ask("/metrics")[1]), "the hook to be counted")
        self.assertEqual(service.json("audit-recovery"), [])
        self.assertTrue(self.read_only(c[2]))

    def test_servers_are_found_forgotten_and_read_again_on_request(self):
        c = self.start(3)
        self.discover(c)
        with contextlib.closing(sqlite3.connect(self.config["SQLite3DataFile"])) as db, db:
            db.execute("UPDATE database_instance SET hostname = 'db-7.example' WHERE port = ?", [c[3].port])
        service = self.serve(c)
        self.assertEqual(service.details(f"forget/db-7/{c[3].port}"),
                         {"Hostname": "db-7.example", "Port": c[3].port})  # which one a part of a name meant
        self.knows_all(service, c)  # its source names it, by what it is called
        self.assertEqual(service.details(f"forget/{c[3].host}/{c[3].port}")["Port"], c[3].port)
        found = service.details(f"discover/{c[1].host}/{c[1].port}")
        self.assertEqual(found["Key"]["Port"], c[1].port)
        self.knows_all(service, c)  # its master names it
        status, body = service.ask(f"discover/127.0.0.1/{c[1].port - 1}")
        self.assertEqual(status, 500, body)
        self.assertEqual(json.loads(body)["Code"], "ERROR")

    def test_a_takeover_through_the_api_answers_with_the_recovery(self):
        c = self.start(3)
        self.discover(c)
        service = self.serve(c)
        done = service.details(f"graceful-master-takeover-auto/{c.name}/{c[2].host}/{c[2].port}")
        self.assertEqual(done["SuccessorKey"]["Port"], c[2].port)
        self.assertTrue(done["IsSuccessful"])
        self.assertEqual(self.writable(c.nodes), [c[2]])
        status, body = service.ask(f"force-master-takeover/{c.name}/127.0.0.1/1")
        self.assertEqual((status, json.loads(body)["Code"]), (500, "ERROR"))

    def test_two_nodes_on_one_backend_one_leads_and_the_other_takes_over(self):
        self.config["LeaseMilliseconds"] = 1500
        c = self.start(3)
        self.discover(c)
        first = self.serve(c)
        second = self.second_node(c)
        self.assertFalse(second.leads())
        self.freeze(first)
        c.wait_for(second.leads, "the second node to lead")
        c[1].kill()
        new = self.healed(c, c[1])
        first.process.send_signal(signal.SIGCONT)
        c.wait_for(lambda: first.ask("leader-check")[0] == 404, "the first to notice")
        time.sleep(2)  # for all that it might do
        self.assertEqual(self.writable(c.nodes), [new])
        self.assertEqual(len(second.json("audit-recovery")), 1)
        self.assertEqual(second.end()[0], 0)
        c.wait_for(first.leads, "the first to lead again")

    def test_a_node_that_does_not_lead_does_what_it_is_asked(self):
        self.config["LeaseMilliseconds"] = 1500
        c = self.start(3)
        self.discover(c)
        first = self.serve(c)
        second = self.second_node(c)
        second.details(f"relocate/{c[3].host}/{c[3].port}/{c[2].host}/{c[2].port}")
        self.assertEqual(c[3].source(), str(c[2]))
        second.details(f"stop-replica/{c[3].host}/{c[3].port}")
        self.assertFalse(c[3].replicates())
        done = second.details(f"graceful-master-takeover-auto/{c.name}/{c[2].host}/{c[2].port}")
        self.assertTrue(done["IsSuccessful"])
        self.assertEqual(self.writable(c.nodes), [c[2]])
        self.assertEqual([first.leads(), second.leads()], [True, False])

    def test_a_leader_that_was_paused_in_a_hook_runs_no_further_hook(self):
        log = self.folder / "hooks.log"
        self.config.update(LeaseMilliseconds=1500, PostMasterFailoverProcesses=[
            f"echo A >> {log}; test -e {self.folder}/gate || {{ touch {self.folder}/in-hook; "
            f"while ! test -e {self.folder}/gate; do sleep 0.05; done; }}", f"echo B >> {log}"],
            PostFailoverProcesses=[f"echo last >> {log}"])
        c = self.start(3)
        self.discover(c)
        first = self.serve(c)
        second = self.second_node(c)
        c[1].kill()
        c.wait_for((self.folder / "in-hook").exists, "the first hook")
        self.freeze(first)
        (self.folder / "gate").touch()
        c.wait_for(lambda: "last" in log.read_text().split(), "the second node to carry it on")
        first.process.send_signal(signal.SIGCONT)
        c.wait_for(lambda: first.ask("leader-check")[0] == 404, "the first to notice")
        time.sleep(2)  # for all that it might do
        self.assertEqual(log.read_text().split(), ["A", "B", "last"])
        self.assertEqual(len(second.json("audit-recovery")), 1)

    def test_a_recovery_whose_node_dies_is_finished_by_the_next_leader_and_once(self):
        self.config.update(LeaseMilliseconds=1500, PreFailoverProcesses=[f"echo pre >> {self.folder}/hooks.log"],
                           PostFailoverProcesses=[f"echo post >> {self.folder}/hooks.log; test -e {self.folder}/gate ||"
                                                  f" {{ touch {self.folder}/in-hook; sleep 600; }}"])
        c = self.start(3)
        self.discover(c)
        first = self.serve(c)
        second = self.second_node(c)
        c[1].kill()
        c.wait_for((self.folder / "in-hook").exists, "the recovery to come to its last hook")
        new = self.healed(c, c[1])
        first.process.kill()
        first.process.wait()
        (self.folder / "gate").touch()
        c.wait_for(second.leads, "the second node to lead")
        c.wait_for(lambda: [r["RecoveryEndTimestamp"] != "" and r["IsSuccessful"] for r in second.json("audit-recovery")]
                   == [True], "the recovery to be finished")
        self.assertEqual((self.folder / "hooks.log").read_text().split(), ["pre", "post"])
        self.assertEqual(self.writable(c.nodes), [new])

    def test_a_master_that_came_back_is_replaced_at_once_when_it_dies_anew(self):
        self.config.update(InstancePollSeconds=1, RecoveryPeriodBlockSeconds=3600,
                           PreFailoverProcesses=[f"test -e {self.folder}/agreed"])
        c = self.start(3)
        self.discover(c)
        service = self.serve(c)
        c[1].kill()
        c.wait_for(lambda: len(service.json("audit-recovery")) == 2, "two attempts to fail; the next comes after 20 s")
        service.end()
        c[1].start()
        c[1].sql("SET GLOBAL read_only = 0")
        c.wait_for(lambda: c[2].replicates() and c[3].replicates(), "the replicas to find it again")
        service = self.second_node(c)
        c.wait_for(lambda: ";NoProblem," in json.dumps(service.json("replication-analysis-changelog")), "it to be seen well")
        time.sleep(6)  # for so long it has not gone on failing
        (self.folder / "agreed").touch()
        c[1].kill()
        begun = time.monotonic()
        self.healed(c, c[1])
        self.assertLess(time.monotonic() - begun, 5, service.told())

    def test_a_configuration_that_is_bad_is_refused_and_the_old_one_stays(self):
        c = self.start(2)
        self.discover(c)
        service = self.serve(c)
        good = dict(self.config)
        self.config["RecoverMasterClusterFilters"] = ["alias~=("]
        self.write_config()
        status, body = service.ask("reload-configuration")
        self.assertEqual(status, 500, body)
        self.config = {**good, "RecoverMasterClusterFilters": ["none"]}
        self.write_config()
        service.process.send_signal(signal.SIGHUP)
        c.wait_for(lambda: service.json("clusters-info")[0]["HasAutomatedMasterRecovery"] is False, "the new filter")
        code, told = service.end()
        self.assertEqual(code, 0, told)

    def test_a_new_password_of_the_topology_user_is_taken_by_a_reload(self):
        c = self.start(2)
        self.config["InstancePollSeconds"] = 1
        self.discover(c)
        service = self.serve(c)
        c[1].sql("ALTER USER orchestrator@'%' IDENTIFIED BY 'new'")
        c.wait_for(lambda: c[2].sql("SELECT COUNT(*) FROM mysql.user WHERE user = 'orchestrator'") == "1", "the user")
        self.config["MySQLTopologyPassword"] = "new"
        c.wait_for(lambda: self.orch("--direct", "discover", c[2]).code == 0, "the new password to arrive")
        for node in c.nodes:
            for session in node.sql("SELECT id FROM information_schema.processlist WHERE user = 'orchestrator'").split():
                with contextlib.suppress(Exception):  # it has ended
                    node.sql(f"KILL {session}")
        seen = lambda: [i["IsLastCheckValid"] for i in service.json("all-instances")]
        c.wait_for(lambda: seen() == [False, False], "the service to be shut out")
        service.process.send_signal(signal.SIGHUP)
        c.wait_for(lambda: seen() == [True, True], "the service to log in again")
        c[1].kill()
        self.healed(c, c[1])

    def test_a_configuration_that_is_read_again_and_again_takes_no_more_memory(self):
        c = self.start(1)
        self.discover(c)
        service = self.serve(c)

        def kib_after(reloads):
            for _ in range(reloads):
                service.details("reload-configuration")
            return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{service.process.pid}/status").read_text())[1])
        before = kib_after(300)
        self.assertLess(kib_after(1500) - before, 2000)

    def test_what_a_probe_asks_is_taken_by_a_reload(self):
        c = self.start(2)
        self.config["InstancePollSeconds"] = 1
        self.discover(c)
        service = self.serve(c)
        self.config.update(DetectDataCenterQuery="SELECT 'dc-7'", DetectRegionQuery="SELECT 'region-7'",
                           DetectPhysicalEnvironmentQuery="SELECT 'rack-7'", DetectInstanceAliasQuery="SELECT 'alias-7'")
        self.write_config()
        service.details("reload-configuration")
        c.wait_for(lambda: [[i[name] for name in ("DataCenter", "Region", "PhysicalEnvironment", "InstanceAlias")]
                            for i in service.json("all-instances")] == [["dc-7", "region-7", "rack-7", "alias-7"]] * 2,
                   "what the new queries say")

    def test_the_first_failure_of_a_server_is_in_the_changelog(self):
        c = self.start(3)
        self.discover(c)
        service = self.serve(c)
        c[1].kill()
        self.healed(c, c[1])

        def told():
            logs = {f"{a['AnalyzedInstanceKey']['Hostname']}:{a['AnalyzedInstanceKey']['Port']}": a["Changelog"]
                    for a in service.json("replication-analysis-changelog")}
            return [entry.split(";")[1] for entry in logs.get(str(c[1]), [])]
        c.wait_for(lambda: "DeadMaster," in told(), "the failure to be kept")

    def test_who_is_forgotten_stays_away_though_others_name_it(self):
        c = self.start(3)
        self.config["InstancePollSeconds"] = 3
        self.discover(c)
        service = self.serve(c)
        known = lambda: sorted(i["Key"]["Port"] for i in service.json("all-instances"))
        for node in (c[3], c[1]):
            service.details(f"forget/{node.host}/{node.port}")
            until, others = time.monotonic() + 8, sorted(n.port for n in c.nodes if n is not node)
            while time.monotonic() < until:  # three polls
                self.assertEqual(known(), others)
                time.sleep(0.2)
            self.knows_all(service, c)  # then they are heard
        service.details(f"forget/{c[3].host}/{c[3].port}")
        service.details(f"discover/{c[3].host}/{c[3].port}")  # but who is asked for is back at once
        self.assertEqual(known(), sorted(n.port for n in c.nodes))

    def test_who_does_not_lead_says_how_old_its_answers_are(self):
        self.config.update(LeaseMilliseconds=20000, InstancePollSeconds=1)
        c = self.start(2)
        self.discover(c)
        first = self.serve(c)
        second = self.second_node(c)

        def told(service):
            request = urllib.request.Request(service.base + "clusters")
            with urllib.request.urlopen(request, timeout=60) as answer:
                return [answer.headers[f"X-Orch-{name}"] for name in ("Role", "Epoch")], answer.headers["X-Orch-Data-Age-Ms"]
        c.wait_for(lambda: told(second)[1] is not None, "the age")
        self.assertEqual([told(first)[0], told(second)[0]], [["leader", "1"], ["follower", "1"]])
        self.assertLess(int(told(second)[1]), 5000)
        first.process.kill()
        first.process.wait()
        time.sleep(6)
        self.assertGreater(int(told(second)[1]), 5000)  # nobody reads them any more
        self.assertEqual(told(second)[0], ["follower", "1"])

    def test_a_configuration_with_which_no_service_starts_is_not_taken(self):
        c = self.start(2)
        self.discover(c)
        service = self.serve(c)
        self.config["AuthenticationMethod"] = "multi"
        self.write_config()
        status, body = service.ask("reload-configuration")
        self.assertEqual(status, 500, body)
        self.assertIn("HTTPAuthUser must be set", body)
        self.refuses("config", "check", saying="HTTPAuthUser must be set")

    def test_a_log_that_was_renamed_is_begun_anew_by_sighup(self):
        c = self.start(2)
        log = self.folder / "orch.log"
        self.config["LogFile"] = str(log)
        self.discover(c)
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        c.wait_for(lambda: log.exists() and "serves port" in log.read_text(), "the log")
        files = lambda: [os.readlink(f) for f in Path(f"/proc/{service.process.pid}/fd").iterdir() if f.exists()]
        for number in range(3):
            log.rename(f"{log}.{number}")
            service.process.send_signal(signal.SIGHUP)
            c.wait_for(lambda: log.exists() and "configuration read again" in log.read_text(), "a new log")
        self.assertEqual([name for name in files() if name.startswith(str(log))], [str(log)])

    def test_others_may_read_the_backends_file_while_the_service_runs(self):
        # SQLite forgets a process's locks when that process opens the file beside SQLite: then whoever
        # closes it last takes the log away from under the service.
        c = self.start(2)
        self.discover(c)
        service = self.serve(c)
        file = self.config["SQLite3DataFile"]
        with contextlib.closing(sqlite3.connect(file)) as other:
            other.execute("SELECT COUNT(*) FROM node_health").fetchone()
        held = []
        for opened in Path(f"/proc/{service.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                held.append(os.readlink(opened))
        self.assertEqual([name for name in held if "(deleted)" in name], [])
        self.assertIn(file, held)
        self.does("-c", "begin-downtime", "-i", c[2], "--reason", "disk")
        c.wait_for(lambda: [i["Key"]["Port"] for i in service.json("downtimed")] == [c[2].port], "the downtime")
        second = self.second_node(c)
        self.assertEqual([service.leads(), second.leads()], [True, False])

    def test_a_cluster_that_is_forgotten_stays_away(self):
        c = self.start(3)
        self.config["InstancePollSeconds"] = 1
        self.discover(c)
        service = self.serve(c)
        for _ in range(5):
            self.assertEqual(service.ask(f"forget-cluster/{c[1]}")[0], 200)
            time.sleep(1.5)  # for a read that was under way
            self.assertEqual([service.json("clusters"), service.json("all-instances")], [[], []])
            # Nothing that was kept to talk to them stays open (DISC-3).
            ours = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'orchestrator'"
            c.wait_for(lambda: [node.sql(ours) for node in c.nodes] == ["0"] * 3, "their sessions to end")
            service.details(f"discover/{c[1].host}/{c[1].port}")
            self.knows_all(service, c)

    def test_a_reload_changes_neither_who_is_let_in_nor_where(self):
        c = self.start(2)
        self.discover(c)
        self.config.update(AuthenticationMethod="multi", HTTPAuthUser="admin", HTTPAuthPassword="secret")
        service = Service(self, self.folder / "serve.log")
        self.addCleanup(lambda: service.process.poll() is None and service.end())
        c.wait_for(lambda: service.answers() or service.base, "the service to answer")
        self.config.update(HTTPAuthUser="other", HTTPAuthPassword="other", URLPrefix="/other", UseMutualTLS=True,
                           InstancePollSeconds=7)
        self.write_config()
        service.process.send_signal(signal.SIGHUP)
        c.wait_for(lambda: "configuration read again" in service.told(), "the reload")

        def asks(user):
            return service.ask("enable-global-recoveries",
                               Authorization="Basic " + base64.b64encode(user.encode()).decode())[0]
        self.assertEqual([asks("other:other"), asks("admin:secret")], [401, 200])

    def test_a_switchover_that_somebody_asked_for_ends_before_the_service_does(self):
        # HA-25
        c = self.start(3)
        self.discover(c)
        self.config.update(PreGracefulTakeoverProcesses=[
            f"touch {self.folder}/in-hook; while ! test -e {self.folder}/gate; do sleep 0.05; done"])
        service = self.serve(c)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(service.ask(
            f"graceful-master-takeover-auto/{c.name}/{c[2].host}/{c[2].port}")))
        asking.start()
        c.wait_for((self.folder / "in-hook").exists, "the switchover's hook")
        service.process.terminate()
        c.wait_for(lambda: "shutting down" in service.told(), "the service to be told")
        (self.folder / "gate").touch()
        asking.join()
        self.assertEqual(service.process.wait(60), 0)
        self.assertEqual(answers[0][0], 200, f"{answers}\n{service.told()}")
        self.assertEqual(self.writable(c.nodes), [c[2]])

    def test_a_pattern_of_many_wildcards_is_answered(self):
        c = self.start(2)
        self.discover(c)
        service = self.serve(c)
        c[2].kill()
        c.wait_for(lambda: service.json("problems"), "a problem")
        self.assertEqual(service.json("problems/" + "%25" * 60 + "~"), [])
        self.assertEqual(len(service.json("problems/" + "%25" * 60)), len(service.json("problems")))

    def test_connections_last_as_long_as_the_configuration_says(self):
        c = self.start(2)
        self.discover(c)
        self.config.update(MySQLConnectionLifetimeSeconds=1, InstancePollSeconds=1)
        service = self.serve(c)

        def sessions():
            return set(c[2].sql("SELECT id FROM information_schema.processlist WHERE user = 'orchestrator'").split())
        c.wait_for(sessions, "the service to have connected")
        first = sessions()
        c.wait_for(lambda: not first & sessions(), lambda: f"new connections: {service.told()}")

    def test_who_may_not_write_is_told_so(self):
        c = self.start(2)
        self.discover(c)
        self.config.update(AuthenticationMethod="proxy", PowerAuthUsers=["alice"])
        service = self.serve(c)
        path = f"set-read-only/{c[1].host}/{c[1].port}"
        status, body = service.ask(path, **{"X-Forwarded-User": "bob"})
        self.assertEqual((status, json.loads(body)["Message"]), (500, "Unauthorized"))
        self.assertFalse(self.read_only(c[1]))
        self.assertEqual(service.ask(path, **{"X-Forwarded-User": "alice"})[0], 200)
        self.assertTrue(self.read_only(c[1]))


if __name__ == "__main__":
    unittest.main()
