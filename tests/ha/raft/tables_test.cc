#include "ha/raft/tables.h"

#include <doctest/doctest.h>

#include "tests/storage/memory_backend.h"

namespace orch::ha::raft {

TEST_CASE("what a statement writes to is seen in all forms that stores use") {
  using Action = StatementKind::Action;
  const auto check = [](std::string_view sql, Action action, bool keeps, std::string_view table) {
    CAPTURE(sql);
    const StatementKind kind = kind_of(sql);
    CHECK(kind.action == action);
    CHECK(kind.keeps_present == keeps);
    CHECK(kind.table == table);
  };
  check("insert into kv_store (a) values (?)", Action::Insert, false, "kv_store");
  check("insert or ignore into audit (a)", Action::Insert, true, "audit");
  check("insert ignore into audit(a)", Action::Insert, true, "audit");
  check("\n    replace into kv_store\n  (a)", Action::Insert, false, "kv_store");
  check("\n    update topology_recovery\n set a = 1", Action::Update, false, "topology_recovery");
  check("DELETE FROM kv_store", Action::Delete, false, "kv_store");
  check("select 1 from kv_store", Action::Other, false, "");
  check("", Action::Other, false, "");
}

TEST_CASE("decisions are shared; records are not, but whether a server is watched is (REC-49)") {
  const auto shared = [](std::string_view sql) {
    return shared_table_of(kind_of(sql)) != nullptr;
  };
  CHECK(shared("delete from database_instance_tags where a = ?"));
  CHECK(shared("update orch_recovery_run set a = 1"));
  CHECK(shared("replace into database_instance_downtime (a) values (?)"));
  CHECK(shared("delete from database_instance_downtime where a = ?"));
  CHECK(shared("insert or ignore into database_instance (a) values (?)"));
  CHECK(shared("delete from database_instance where hostname = ?"));
  CHECK_FALSE(shared("insert into database_instance (a) values (?)"));
  CHECK_FALSE(shared("update database_instance set a = 1"));
  CHECK_FALSE(shared("insert or ignore into audit (a) values (?)"));
  CHECK_FALSE(shared("insert into orch_raft_state (a) values (?)"));
}

TEST_CASE("each shared table is there, with the key that is said to be generated") {
  storage::MemoryBackend backend;
  for (const SharedTable& table : shared_tables()) {
    CAPTURE(table.name);
    const std::string key(table.key.empty() ? "1" : table.key);
    CHECK(backend.value("select count(" + key + ") from " + std::string(table.name)) == "0");
  }
}

}  // namespace orch::ha::raft
