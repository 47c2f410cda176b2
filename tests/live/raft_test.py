"""Three `orch serve` with a backend each that agree by raft: what one decides the others know, whoever dies."""
import concurrent.futures
import json
import shutil
import time
import unittest

from live_case import FLAVOR, IS_MYSQL
from raft_case import RaftCase


class Raft(RaftCase):
    def test_what_is_asked_of_a_follower_stands_on_all_nodes_and_outlives_the_leader(self):
        c, leader = self.prepare(3)
        follower = self.followers(leader)[0]
        self.assertEqual(follower.service.json("raft-state"), "Follower")
        self.assertEqual(follower.service.json("raft-leader"), leader.address)
        self.assertEqual(sorted(follower.service.json("raft-peers")), sorted(n.address for n in self.nodes))
        self.assertEqual(follower.service.ask("leader-check")[0], 404)
        self.assertEqual(follower.service.ask("routed-leader-check")[0], 200)
        key = f"{c[2].host}/{c[2].port}"
        follower.service.details(f"tag/{key}?tag=role%3Dspare")
        follower.service.details(f"begin-downtime/{key}/me/because/1h")
        self.agree("select tag_name, tag_value from database_instance_tags", "role|spare")
        self.agree("select owner, reason from database_instance_downtime", "me|because")
        leader.kill()
        rest = [n for n in self.nodes if n is not leader]
        new = self.leader(rest)
        self.assertEqual(new.service.json(f"tags/{key}"), ["role=spare"])
        new.service.details(f"untag/{key}?tag=role")
        self.agree("select count(*) from database_instance_tags", "0")
        # One that comes back learns of it, too.
        leader.start()
        self.wait(leader.answers, "the killed node to answer")
        self.agree("select count(*) from database_instance_tags", "0")
        # One that comes back with nothing, as well.
        new.service.details(f"tag/{key}?tag=again")
        leader.kill()
        shutil.rmtree(leader.home / "raft")
        leader.start()
        self.wait(leader.answers, "the emptied node to answer")
        self.agree("select tag_name from database_instance_tags", "again")
        self.agree("select owner, reason from database_instance_downtime", "me|because")

    def test_without_a_majority_a_node_says_so_and_does_nothing(self):
        # HA-23
        c, leader = self.prepare(2)
        rest = self.followers(leader)
        for node in rest:
            node.kill()
        self.wait(lambda: not leader.leads(), "the leader to stand back")
        status, body = leader.service.ask("clusters")
        self.assertEqual(status, 503, body)
        self.assertIn("knows no node that does", body)
        self.wait(lambda: leader.service.ask("health")[0] == 500, "the node to call itself unhealthy")
        self.assertEqual(leader.service.ask(f"tag/{c[1].host}/{c[1].port}?tag=x")[0], 503)
        self.config.update(json.loads(leader.config.read_text()))
        self.refuses("clusters", saying="knows no node that does")
        self.refuses("-c", "clusters", saying="knows no node that does")
        self.assertEqual(self.does("-c", "clusters", "--ignore-raft-setup").lines, [str(c[1])])
        self.refuses("raft", "status", saying="no node is known to lead")
        rest[0].start()
        self.leader([leader, rest[0]]).service.details(f"tag/{c[1].host}/{c[1].port}?tag=x")
        self.agree("select tag_name from database_instance_tags", "x")
        # And when they are lost for good.
        rest[0].kill()
        self.refuses("raft", "recover", "--accept-loss", saying="another process uses it")
        leader.kill()
        said = self.refuses("raft", "recover", saying="nothing is changed without --accept-loss")
        self.assertIn("1 of its 3 nodes that vote", said.out)
        self.does("raft", "recover", "--accept-loss")
        leader.start()
        self.assertIs(self.leader([leader]), leader)
        shutil.rmtree(rest[0].home / "raft")
        rest[0].start()
        self.wait(rest[0].answers, "the emptied node to answer")
        self.agree("select tag_name from database_instance_tags", "x")

    def test_a_dead_master_is_replaced_once(self):
        c, leader = self.prepare()
        c[1].kill()
        self.healed_once(c, c[1])
        self.assertNotEqual(self.sql(leader, "select count(*) from orch_recovery_journal"), "0")
        self.agree("select count(*), max(sequence) from orch_recovery_journal where state <> 'intent'")

    def test_a_master_that_dies_with_the_leader_is_replaced_once_by_its_successor(self):
        c, leader = self.prepare()
        leader.kill()
        c[1].kill()
        self.healed_once(c, c[1])

    def test_a_recovery_whose_leader_dies_is_finished_by_the_next_one(self):
        # REC-14, HA-11
        ended, marker = self.folder / "ended", self.folder / "hook"
        self.config["PreFailoverProcesses"] = [f"echo x >> {ended}", f"echo x >> {marker}; sleep 5"]
        c, leader = self.prepare()
        c[1].kill()
        self.wait(marker.exists, "the hook to run")
        leader.kill()
        self.healed_once(c, c[1])
        self.assertEqual((len(ended.read_text().splitlines()), len(marker.read_text().splitlines())), (1, 2))

    def test_a_leader_that_is_told_to_end_in_a_recovery_leads_on_until_that_is_done(self):
        # HA-25
        hook, gate = self.folder / "hook", self.folder / "gate"
        self.config["PostFailoverProcesses"] = [f"echo x >> {hook}; while ! test -e {gate}; do sleep 0.05; done"]
        c, leader = self.prepare(3)
        rest = self.followers(leader)
        c[1].kill()
        self.wait(hook.exists, "the hook to run")
        leader.service.process.terminate()
        self.wait(lambda: "shutting down" in leader.service.told(), "the leader to be told")
        self.assertEqual([n.service.ask("routed-leader-check")[0] for n in self.nodes], [200] * 3)
        self.assertEqual(leader.service.ask("leader-check")[0], 200)
        rest[0].service.details(f"tag/{c[2].host}/{c[2].port}?tag=meanwhile")
        gate.touch()
        self.assertEqual(leader.service.process.wait(60), 0)
        self.leader(rest).service.details(f"tag/{c[2].host}/{c[2].port}?tag=after")
        self.agree("select tag_name from database_instance_tags order by 1", "after\nmeanwhile")
        self.healed_once(c, c[1])
        self.assertEqual(hook.read_text(), "x\n")

    def test_a_leader_that_was_frozen_in_a_recovery_does_nothing_more_of_it(self):
        # HA-14
        before, after = self.folder / "before", self.folder / "after"
        self.config.update(PreFailoverProcesses=[f"echo x >> {before}; sleep 2"],
                           PostFailoverProcesses=[f"echo {{orchestratorHost}} >> {after}"])
        c, leader = self.prepare()
        c[1].kill()
        self.wait(before.exists, "the hook to run")
        leader.freeze()
        new = self.healed_once(c, c[1])
        self.wait(after.exists, "the hook that follows")
        leader.thaw()
        self.wait(lambda: leader.service.ask("routed-leader-check")[0] == 200, "the frozen node to know who leads")
        # Its own was cut off before it changed anything; the next leader's is another.
        self.agree("select is_successful, count(*) from topology_recovery group by is_successful", "0|1\n1|1")
        self.assertEqual(len(after.read_text().splitlines()), 1)
        self.assertEqual([n for n in c.nodes if n.pid() and not self.read_only(n)], [new])

    def test_a_takeover_through_a_follower_ends_with_its_answer(self):
        # For longer than orchestrator's nodes wait for each other.
        self.config["PreGracefulTakeoverProcesses"] = ["sleep 6"]
        c, leader = self.prepare(3)
        follower = self.followers(leader)[0]
        details = follower.service.details(
            f"graceful-master-takeover/{c.name}/{c[2].host}/{c[2].port}")
        self.assertEqual(details["SuccessorKey"]["Port"], c[2].port)

    def test_a_takeover_whose_leader_gives_its_place_away_ends_with_what_became_of_it(self):
        hooks = self.folder / "hooks"
        self.config.update(PreGracefulTakeoverProcesses=[f"echo before >> {hooks}; sleep 1"],
                           PostGracefulTakeoverProcesses=[f"echo after >> {hooks}; sleep 1"])
        c, leader = self.prepare(3)

        def interrupted(after, new):
            leader = self.leader()
            follower, other = self.followers(leader)
            hooks.write_text("")
            with concurrent.futures.ThreadPoolExecutor() as pool:
                answer = pool.submit(follower.service.ask, f"graceful-master-takeover-auto/{c.name}/{new.host}/{new.port}")
                self.wait(lambda: after in hooks.read_text(), "the hook to run")
                other.service.json("reelect")
                return answer.result()

        status, said = interrupted("before", c[2])
        self.assertEqual((status, self.read_only(c[1])), (500, False), said)
        self.assertIn("it was cut off before it changed any server", said)
        status, said = interrupted("after", c[2])
        self.assertEqual((status, self.read_only(c[2])), (200, False), said)
        self.assertEqual(json.loads(said)["Details"]["SuccessorKey"]["Port"], c[2].port, said)
        self.agree("select is_successful from topology_recovery order by recovery_id", "0\n1")

    def test_what_a_follower_asked_of_a_leader_that_falls_silent_is_answered_soon(self):
        marker = self.folder / "hook"
        self.config["PreGracefulTakeoverProcesses"] = [f"echo x > {marker}; sleep 6"]
        c, leader = self.prepare(3)
        follower = self.followers(leader)[0].service
        with concurrent.futures.ThreadPoolExecutor(260) as pool:
            takeover = pool.submit(follower.ask, f"graceful-master-takeover/{c.name}/{c[2].host}/{c[2].port}")
            self.wait(marker.exists, "the hook to run")
            leader.freeze()
            # More than the node has threads for.
            reads = [pool.submit(follower.ask, f"tags/{c[2].host}/{c[2].port}") for _ in range(250)]
            for _ in range(10):
                self.assertEqual(follower.ask("raft-state", patience=2)[0], 200)
                time.sleep(0.2)
            self.assertLessEqual({read.result(20)[0] for read in reads}, {200, 503})
            self.leader([node for node in self.nodes if node is not leader])
            self.wait(lambda: follower.ask("clusters")[0] == 200, "the follower to know the next leader")
            status, body = takeover.result(20)
        self.assertEqual(status, 502, body)
        self.assertIn(f"{leader.address} does not lead any more", body)
        self.assertIn("whether this was carried out is not known", body)

    @unittest.skipIf(IS_MYSQL, "it is not about servers")
    def test_a_node_that_stood_still_for_long_goes_on_when_it_is_woken(self):
        _, leader = self.prepare(2)
        node = self.followers(leader)[0]
        node.freeze()
        # Until a backend that fails for so long would have ended it.
        time.sleep(32)
        node.thaw()
        self.wait(lambda: node.service.ask("routed-leader-check")[0] == 200, "the woken node to find the leader")
        self.assertNotIn("has failed for", node.service.told())
        self.assertTrue(node.is_up())

    def test_a_command_given_while_there_is_no_leader_waits_for_the_next_one(self):
        c, leader = self.prepare(2)
        follower = self.followers(leader)[0]
        self.config.update(json.loads(follower.config.read_text()))
        leader.kill()
        self.does("tag", c[2], "--tag", "by=patience")
        self.agree("select tag_value from database_instance_tags", "patience")

    def test_commands_find_the_leader_by_themselves(self):
        c, leader = self.prepare(2)
        follower = self.followers(leader)[0]
        self.config.update(json.loads(follower.config.read_text()))
        self.does("tag", c[2], "--tag", "by=command")
        self.agree("select tag_value from database_instance_tags", "command")
        self.assertIn(leader.address, self.does("raft", "status").out)
        self.wait(lambda: sorted(leader.service.json("health")["Details"]["RaftHealthyMembers"])
                  == sorted(node.address for node in self.nodes), "all nodes to be healthy members")
        other = self.followers(leader)[1]
        self.does("raft", "elect", other.address)
        self.assertTrue(other.leads())
        for node in self.nodes:
            self.assertEqual(node.service.json("raft-leader"), other.address)
        leader.kill()
        self.wait(lambda: follower.service.ask("routed-leader-check")[0] == 200, "the rest to know it")
        nodes = json.loads(self.does("raft", "status", "--json").out)["Nodes"]
        self.assertEqual({node["Address"]: node["Health"] for node in nodes},
                         {leader.address: "no answer", other.address: "well", follower.address: "well"})
        self.refuses("raft", "add", f"localhost:{follower.address.rpartition(':')[2]}", saying="is in the group already, as")
        for node in (other, follower):
            node.end()
        self.refuses("tag", c[2], "--tag", "by=nobody", saying="None was found")

    @unittest.skipIf(IS_MYSQL, "it is not about servers")
    def test_a_command_on_a_node_whose_service_is_down_asks_the_others(self):
        c, leader = self.prepare(2)
        down = self.followers(leader)[0]
        down.service.end()
        self.config.update(json.loads(down.config.read_text()))
        self.does("tag", c[2], "--tag", "by=others")
        self.assertEqual(self.sql(down, "select count(*) from database_instance_tags"), "0")
        self.assertEqual(self.does("tags", c[2]).lines, ["by=others"])
        self.assertEqual(self.does("-c", "tags", "-i", c[2]).lines, ["by=others"])
        # Who wants to know what stands here says so.
        self.assertEqual(self.does("tags", c[2], "--direct").lines, [])
        self.assertEqual(self.does("-c", "tags", "-i", c[2], "--ignore-raft-setup").lines, [])
        status = self.does("raft", "status")
        self.assertIn("the service of this node does not answer", status.err)
        self.assertRegex(status.out, f"{down.address} .*no answer")
        # Elsewhere, with the configuration only.
        self.config.update(SQLite3DataFile="/nowhere/orch.db", HTTPAdvertise=f"http://{leader.listen}")
        self.assertEqual(self.does("tags", c[2]).lines, ["by=others"])
        for node in self.nodes:
            node.end()
        for file in ("/nowhere/orch.db", str(down.home / "orch.db")):
            self.config["SQLite3DataFile"] = file
            for words in (["tags", c[2]], ["-c", "tags", "-i", c[2]], ["raft", "status"], ["topology", c.name]):
                done = self.refuses(*words, saying="None was found")
                self.assertIn(leader.listen, done.err)
                self.assertEqual(done.out, "")


class RaftOnMySql(Raft):
    """Each node on a schema of its own; of a server for all of them, since only the schema counts here."""

    def setUp(self):
        if FLAVOR != "mariadb":
            self.skipTest("a schema takes MySQL long to make, and backend_test asks it the same statements")
        super().setUp()
        self.server = self.start(1, "")[1]
        self.server.sql("CREATE USER backend@'%' IDENTIFIED BY 'backend_password'; GRANT ALL ON *.* TO backend@'%';"
                        "SET GLOBAL read_only = 0")

    def backend_of(self, node):
        return {"BackendDB": "mysql", "MySQLOrchestratorHost": self.server.host,
                "MySQLOrchestratorPort": self.server.port, "MySQLOrchestratorDatabase": f"orch_{node.number}",
                "MySQLOrchestratorUser": "backend", "MySQLOrchestratorPassword": "backend_password"}

    def test_a_node_tells_its_status_while_its_backend_hangs(self):
        _, leader = self.prepare(2)
        follower = self.followers(leader)[0]

        def url():
            return follower.service.json("raft-status")["LeaderURI"]

        self.wait(url, "the follower to know where the leader answers")
        self.server.freeze()
        self.addCleanup(self.server.thaw)
        self.assertEqual(url(), f"http://{leader.listen}")

    def sql(self, node, statement):
        return self.server.sql(f"use orch_{node.number}; {statement}").replace("\t", "|")


if __name__ == "__main__":
    unittest.main()
