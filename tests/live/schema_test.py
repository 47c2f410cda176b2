"""The MySQL half of the backend's schema, applied to the real servers."""
import re

from live_case import TREE, LiveCase


class Schema(LiveCase):
    def test_it_can_be_applied_to_an_empty_database(self):
        files = sorted((TREE / "storage/schema").glob("*.mysql.sql"))
        self.assertTrue(files, "there is no MySQL schema")
        c = self.start(1)
        script = "CREATE DATABASE orchestrator; USE orchestrator;\n" + "\n".join(f.read_text() for f in files)
        c[1].sql(script)
        tables = c[1].sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'orchestrator'")
        expected = set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", script))
        self.assertIn("database_instance", expected)
        self.assertEqual(set(tables.split()), expected)
