"""A master that answers and takes no writes: WriteProbe finds it out."""
import json
import unittest

from live_case import LiveCase


class WriteProbe(LiveCase):
    def setUp(self):
        super().setUp()
        self.config.update({"WriteProbe": True, "WriteProbeTimeoutMilliseconds": 3000, "InstancePollSeconds": 300})

    def codes(self, cluster):
        found = json.loads(self.orch("analyze", cluster.name, "--json").out)
        return {code for a in found for code in a["StructureAnalysis"] or []}

    def test_a_write_that_stalls_is_told_and_leaves_no_session_behind(self):
        c = self.start(2)
        self.does_in_part("discover", c[1])
        self.assertEqual(self.codes(c) & {"WritesStall", "LostPrivileges"}, {"LostPrivileges"})
        c[1].sql("GRANT CREATE, INSERT, DELETE ON orch_meta.* TO orchestrator@'%'")
        self.discover(c)
        self.assertEqual(self.codes(c) & {"WritesStall", "LostPrivileges"}, set())
        self.assertEqual(c[1].sql("SELECT COUNT(*) FROM orch_meta.orch_write_probe"), "1")
        holder = c[1].session("FLUSH TABLES WITH READ LOCK; SELECT 1;")
        done = self.orch("discover", c[1])
        self.assertIn("write probe", done.err)
        self.assertIn("WritesStall", self.codes(c))
        waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'REPLACE INTO%'"
        c.wait_for(lambda: c[1].sql(waiting) == "0", "the write to be ended")
        holder.kill()
        holder.communicate()
        c.wait_for(lambda: self.discover(c) and "WritesStall" not in self.codes(c), "writes to be well again")

    def test_a_bad_table_name_is_refused_before_anything_is_done(self):
        self.config["WriteProbeTable"] = "meta.x; DROP DATABASE meta"
        self.refuses("clusters", saying="WriteProbeTable")


if __name__ == "__main__":
    unittest.main()
