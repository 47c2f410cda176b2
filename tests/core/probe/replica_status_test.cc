#include "core/probe/replica_status.h"

#include <doctest/doctest.h>

#include "tests/support/scripted_session.h"

namespace orch {
namespace {

Instance read(const ResultSet& set) {
  Instance instance;
  read_replica_status(set, instance);
  return instance;
}

}  // namespace

TEST_SUITE("core/probe/replica_status") {
  TEST_CASE("no row means no replication and no threads") {
    const Instance instance = read(table({"Master_Host", "Slave_IO_Running"}, {}));
    CHECK_FALSE(instance.replication.configured);
    CHECK(instance.replication.io_state == ThreadState::None);
    CHECK(instance.replication.channels == 0);
  }

  TEST_CASE("TLS options and the public key are kept as a repoint must repeat them") {
    const Instance instance = read(vertical(R"(
      Source_Host: db1
      Source_Port: 3306
      Replica_IO_Running: No
      Replica_SQL_Running: Yes
      Source_SSL_Allowed: Yes
      Source_SSL_CA_File: /etc/ca.pem
      Source_SSL_Cert: /etc/cert.pem
      Source_SSL_Key: /etc/key.pem
      Source_SSL_Verify_Server_Cert: Yes
      Source_SSL_Crl: /etc/crl.pem
      Source_TLS_Version: TLSv1.3
      Source_public_key_path: /etc/pub.pem
      Get_Source_public_key:
      Replicate_Wild_Ignore_Table: test.%
    )"));
    const SourceTls& tls = instance.replication.tls;
    CHECK(instance.replication.allow_tls);
    CHECK(tls.ca_file == "/etc/ca.pem");
    CHECK(tls.cert == "/etc/cert.pem");
    CHECK(tls.key == "/etc/key.pem");
    CHECK(tls.crl_file == "/etc/crl.pem");
    CHECK(tls.tls_version == "TLSv1.3");
    CHECK(tls.verify_server_cert == true);
    CHECK(tls.public_key_path == "/etc/pub.pem");
    CHECK(tls.get_public_key == false);
    CHECK(instance.replication.has_filters);
    CHECK(instance.replication.io_state == ThreadState::Stopped);
  }

  TEST_CASE("MariaDB tells of heartbeats in the status, MySQL in a table, for each channel") {
    const Instance mariadb = read(vertical(R"(
      Master_Host: db1
      Slave_IO_Running: Yes
      Slave_received_heartbeats: 17
      Slave_heartbeat_period: 2.500
    )"));
    CHECK(mariadb.replication.heartbeats == 17);
    CHECK(mariadb.replication.heartbeat == std::chrono::milliseconds(2500));
    Instance mysql = read(
        table({"Source_Host", "Replica_IO_Running", "Channel_Name"}, {{"db1", "Yes", "east"}}));
    CHECK_FALSE(mysql.replication.heartbeat);
    read_link_details(table({"channel_name", "heartbeats", "period"},
                            {{"", "5", "1.000"}, {"east", "9", "30.000"}, {"west", "x", "1.000"}}),
                      mysql);
    CHECK(mysql.replication.heartbeats == 9);
    CHECK(mysql.replication.heartbeat == std::chrono::seconds(30));
    read_link_details(table({"channel_name", "heartbeats", "period"}, {{"east", "-", "nan"}}),
                      mysql);
    CHECK(mysql.replication.heartbeats == 0);
    CHECK_FALSE(mysql.replication.heartbeat);
  }

  TEST_CASE(
      "options of the link that a new one needs are read, from wherever a server tells them") {
    Instance mysql = read(vertical(R"(
      Source_Host: db1.alias
      Replica_IO_Running: Yes
      Connect_Retry: 7
      Source_Retry_Count: 0
    )"));
    const Replication& link = mysql.replication;
    CHECK(link.source_name == "db1.alias");
    CHECK(link.kept.connect_retry == std::chrono::seconds(7));
    CHECK(link.kept.retry_count == 0);
    const auto read_details = [&](const std::string& compression) {
      read_link_details(table({"channel_name", "ciphersuites", "compression", "level"},
                              {{"", "TLS_AES_256_GCM_SHA384", compression, "9"}}),
                        mysql);
    };
    read_details("uncompressed");
    CHECK(link.kept.compression.empty());
    read_details("zstd,uncompressed");
    CHECK(link.tls.tls_ciphersuites == "TLS_AES_256_GCM_SHA384");
    CHECK(link.kept.compression == "zstd,uncompressed");
    CHECK(link.kept.zstd_level == 9);
    CHECK_FALSE(
        read(vertical("Master_Host: db1\nSlave_IO_Running: Yes")).replication.kept.retry_count);
  }

  TEST_CASE("options that the server does not name are neither on nor off") {
    const Instance instance = read(vertical("Master_Host: db1\nSlave_IO_Running: Yes"));
    CHECK_FALSE(instance.replication.tls.verify_server_cert);
    CHECK_FALSE(instance.replication.tls.get_public_key);
    CHECK_FALSE(instance.replication.has_filters);
    CHECK(instance.replication.source_uuid == "No");
  }

  TEST_CASE("domains that MariaDB leaves out are noticed, either way") {
    for (const char* option : {"Replicate_Do_Domain_Ids: 1", "Replicate_Ignore_Domain_Ids: 1, 2"}) {
      const Instance instance =
          read(vertical(std::string("Master_Host: db1\nSlave_IO_Running: Yes\n") + option));
      CHECK(instance.replication.filters_domains);
      CHECK(instance.replication.has_filters);
    }
    CHECK_FALSE(read(vertical("Master_Host: db1\nSlave_IO_Running: Yes\n"
                              "Replicate_Do_Domain_Ids: \nReplicate_Ignore_Domain_Ids: "))
                    .replication.filters_domains);
  }

  TEST_CASE("rows that go elsewhere or that a server wrote are left out, too; not its own") {
    const auto filters = [](const std::string& option) {
      Instance instance;
      instance.server.id = 2;
      read_replica_status(vertical("Master_Host: db1\nSlave_IO_Running: Yes\n" + option), instance);
      return instance.replication.has_filters;
    };
    CHECK(filters("Replicate_Rewrite_DB: (app,app2)"));
    CHECK(filters("Replicate_Ignore_Server_Ids: 7"));
    CHECK(filters("Replicate_Ignore_Server_Ids: 2, 7"));
    CHECK(filters("Replicate_Ignore_Server_Ids: 22"));
    CHECK_FALSE(filters("Replicate_Ignore_Server_Ids: 2"));
    CHECK_FALSE(filters("Replicate_Ignore_Server_Ids: \nReplicate_Rewrite_DB: "));
  }

  TEST_CASE("several sources are counted and the default channel is shown (DISC-8)") {
    const Instance instance =
        read(table({"Source_Host", "Source_Port", "Replica_IO_Running", "Channel_Name"},
                   {{"db9", "3306", "Yes", "b"}, {"db1", "3306", "Yes", ""}}));
    CHECK(instance.replication.channels == 2);
    CHECK(instance.replication.channel.empty());
    CHECK(instance.replication.source.hostname == "db1");
  }

  TEST_CASE("the channels of group replication are no sources (DISC-8)") {
    const Instance instance =
        read(table({"Source_Host", "Source_Port", "Replica_IO_Running", "Channel_Name"},
                   {{"", "0", "No", "group_replication_recovery"},
                    {"<NULL>", "0", "Yes", "group_replication_applier"}}));
    CHECK_FALSE(instance.replication.configured);
  }

  TEST_CASE("numbers that make no sense become nothing, negative lag becomes zero") {
    const Instance instance = read(vertical(R"(
      Master_Host: db1
      Master_Port: 99999999999999999999
      Read_Master_Log_Pos: -
      Slave_IO_Running: Yes
      Seconds_Behind_Master: -7
    )"));
    CHECK(instance.replication.source.port == 0);
    CHECK(instance.replication.read.log_pos == 0);
    CHECK(instance.replication.seconds_behind == std::chrono::seconds(0));
  }

  TEST_CASE("error texts that are no UTF-8 are made printable") {
    const Instance instance =
        read(vertical("Master_Host: db1\nSlave_IO_Running: No\nLast_IO_Error: bad \xff byte"));
    CHECK(instance.replication.last_io_error == "bad \xEF\xBF\xBD byte");
  }
}

}  // namespace orch
