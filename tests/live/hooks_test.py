"""Hooks on real failovers: one that fails, hangs, floods; what they are told; the quarantine."""
import json
import unittest

from live_case import IS_MYSQL, LiveCase


class Hooks(LiveCase):
    def setUp(self):
        super().setUp()
        self.log = self.folder / "hooks.log"

    def hooks(self, **lists):
        self.config.update(lists)

    def told(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def test_hooks_run_in_order_and_are_told_what_happens(self):
        c = self.start(3)
        self.discover(c)
        self.hooks(OnFailureDetectionProcesses=[f"echo 1 {{failureType}} {{failedHost}}:{{failedPort}} >> {self.log}"],
                   PreFailoverProcesses=[f"echo 2 $ORC_FAILURE_CLUSTER_ALIAS {{countReplicas}} >> {self.log}"],
                   PostMasterFailoverProcesses=[f"echo 3 {{successorHost}}:{{successorPort}} >> {self.log}"],
                   PostFailoverProcesses=[f"echo 4 {{isSuccessful}} \"$ORC_LOST_REPLICAS\" >> {self.log}"],
                   PostUnsuccessfulFailoverProcesses=[f"echo 5 >> {self.log}"])
        self.hooks(FenceProcesses=[f"echo fence >> {self.log}"])
        shown = self.does("failover", c.name, "--dry-run").out
        self.assertIn("PreFailoverProcesses 1 of 1: echo 2", shown)
        self.assertIn("FenceProcesses 1 of 1: echo fence", shown)
        self.hooks(FenceProcesses=[])
        self.assertEqual(self.told(), [])
        c[1].kill()
        new = self.does("failover", c.name).lines[0].split()[0]
        self.assertEqual(self.told(), [f"1 DeadMaster {c[1]}", f"2 {c.name} 2", f"3 {new}", "4 true "])
        story = self.does("recovery", "show", "1").out
        self.assertIn("PostFailoverProcesses 1 of 1: done in", story)
        self.assertIn("[point of no return]", story)
        listed = json.loads(self.does("recovery", "list", "--json").out)
        self.assertEqual([r["State"] for r in listed], ["done"])

    def test_recover_lite_asks_no_hook(self):
        c = self.start(2)
        self.discover(c)
        self.hooks(PreFailoverProcesses=["false"], PostFailoverProcesses=[f"echo ran >> {self.log}"])
        c[1].kill()
        c.wait_for(lambda: not c[2].replicates(), "the replica to notice")
        self.assertEqual(self.does("-c", "recover-lite", "-i", c[1]).lines, [str(c[2])])
        self.assertFalse(self.read_only(c[2]))
        self.assertEqual(self.told(), [])

    def test_a_hook_with_a_limit_and_a_failure_policy_of_its_own(self):
        c = self.start(2)
        self.discover(c)
        self.hooks(PreFailoverProcesses=[{"Command": "sleep 1000", "TimeoutSeconds": 1, "OnFailure": "continue"},
                                         f"echo reached >> {self.log}"])
        self.assertIn('{"Command":"sleep 1000","TimeoutSeconds":1,"OnFailure":"continue"}',
                      self.does("config", "dump").out)
        c[1].kill()
        self.assertIs(self.promoted(self.does("failover", c.name), c), c[2])
        self.assertEqual(self.told(), ["reached"])
        self.assertRegex(self.does("recovery", "show", "1").out, r"1 of 2: failed: not done after 1\d* ms, and therefore killed")
        self.hooks(PreFailoverProcesses=[{"Command": "true", "OnFailure": "stop"}])
        self.refuses("config", "check", saying="PreFailoverProcesses: entry 1 OnFailure must be abort or continue")

    def test_a_hook_that_fails_stops_the_failover_and_the_next_is_free_to_go(self):
        c = self.start(2)
        self.discover(c)
        self.hooks(PreFailoverProcesses=["echo not today; exit 3"],
                   PostUnsuccessfulFailoverProcesses=[f"echo unsuccessful >> {self.log}"])
        c[1].kill()
        self.refuses("failover", c.name, saying="PreFailoverProcesses 1 of 1 failed: exit status 3: not today")
        self.assertTrue(self.read_only(c[2]))
        self.assertEqual(self.told(), ["unsuccessful"])
        self.hooks(PreFailoverProcesses=[])
        self.does("failover", c.name)
        self.assertFalse(self.read_only(c[2]))

    def test_a_hook_that_hangs_is_killed_and_one_that_floods_is_heard_in_part(self):
        c = self.start(2)
        self.discover(c)
        self.hooks(HookTimeoutSeconds=1, PreFailoverProcesses=["sleep 1000"])
        c[1].kill()
        self.refuses("failover", c.name, saying="therefore killed")
        self.hooks(HookTimeoutSeconds=60,
                   PreFailoverProcesses=["head -c 30000000 /dev/zero | tr '\\0' x; echo; echo the end"],
                   PostFailoverProcesses=["kill -9 $$"])
        done = self.does("failover", c.name)
        self.assertIn("killed by signal 9", done.err)
        self.assertFalse(self.read_only(c[2]))
        story = self.does("recovery", "show", "2").out
        self.assertIn("the end", story)
        self.assertLess(len(story), 20000)

    def test_an_alias_with_shell_code_in_it_stays_a_word(self):
        c = self.start(2)
        self.discover(c)
        self.does("set-cluster-alias", c[1], f"x'; touch {self.folder}/pwned; echo '")
        self.hooks(PreFailoverProcesses=[f"echo '{{failureClusterAlias}}' >> {self.log}",
                                         f"echo {{failureClusterAlias}} >> {self.log}",
                                         f"echo \"{{failureClusterAlias}}\" >> {self.log}"])
        c[1].kill()
        self.does("failover", c[1])
        self.assertFalse((self.folder / "pwned").exists())
        self.assertEqual(len(set(self.told())), 1, self.told())

    def test_an_old_master_that_takes_writes_again_is_made_read_only(self):
        c = self.start(3)
        self.discover(c)
        c[1].kill()
        self.does("failover", c.name)
        listed = json.loads(self.does("quarantine", "list", "--json").out)
        self.assertEqual([e["Key"]["Port"] for e in listed], [c[1].port])
        c[1].start()
        c[1].sql("SET GLOBAL read_only = 0")
        done = self.orch("discover", c[1])
        self.assertIn("was made read-only", done.err)
        self.assertTrue(self.read_only(c[1]))
        if IS_MYSQL:
            self.config["UseSuperReadOnly"] = True
            c[1].sql("SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0")
            self.orch("-c", "discover", "-i", c[1])
            self.assertEqual(c[1].sql("SELECT @@super_read_only"), "1")
        c[1].sql("SET GLOBAL read_only = 0")
        released = self.does("quarantine", "release", c[1], "--reason", "on purpose")
        self.assertIn("takes writes", released.out)
        self.orch("discover", c[1])
        self.assertFalse(self.read_only(c[1]))
        self.refuses("quarantine", "release", c[1], saying="not in quarantine")


if __name__ == "__main__":
    unittest.main()
