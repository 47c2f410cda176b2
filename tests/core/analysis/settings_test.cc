#include "core/analysis/settings.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/analysis/settings") {
  TEST_CASE("the time until a lock is certain is the reasonable lag, unless it is given") {
    Config config;
    config.operation.reasonable_replication_lag_seconds = std::chrono::seconds(7);
    auto rules = analysis_rules_of(config);
    REQUIRE(rules);
    CHECK(rules->reasonable_locked_semi_sync_master == std::chrono::seconds(7));
    config.operation.reasonable_locked_semi_sync_master_seconds = std::chrono::seconds(300);
    rules = analysis_rules_of(config);
    REQUIRE(rules);
    CHECK(rules->reasonable_locked_semi_sync_master == std::chrono::seconds(300));
  }

  TEST_CASE("records may miss five polls, dead servers' ones as many as their delay allows") {
    Config config;
    auto rules = analysis_rules_of(config);
    REQUIRE(rules);
    CHECK(rules->stale_after == std::chrono::seconds(25));
    CHECK(rules->stale_after_failure == std::chrono::seconds(25));
    config.discovery.dead_instance_poll_seconds_multiply_factor = 2;
    rules = analysis_rules_of(config);
    REQUIRE(rules);
    CHECK(rules->stale_after == std::chrono::seconds(25));
    CHECK(rules->stale_after_failure == std::chrono::seconds(305));
  }

  TEST_CASE("filters are read as their keys say") {
    Config config;
    config.recovery.recovery_ignore_hostname_filters = {"^backup"};
    config.recovery.recover_master_cluster_filters = {"alias=shop"};
    config.recovery.recover_intermediate_master_cluster_filters = {"*"};
    const auto rules = analysis_rules_of(config);
    REQUIRE(rules);
    CHECK(rules->ignored("backup-3"));
    CHECK_FALSE(rules->ignored("db-backup"));
    CHECK(rules->recovers_masters("db1:3306", "shop"));
    CHECK_FALSE(rules->recovers_masters("db1:3306", "shopping"));
    CHECK(rules->recovers_intermediates("db1:3306", ""));
  }

  TEST_CASE("a filter that does not compile is an error") {
    Config config;
    config.recovery.recovery_ignore_hostname_filters = {"("};
    REQUIRE_FALSE(analysis_rules_of(config));
    CHECK(analysis_rules_of(config).error().kind == ErrorKind::InvalidInput);
  }
}

}  // namespace orch
