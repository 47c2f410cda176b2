#include "core/config/named_files.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

namespace orch {

namespace {

namespace fs = std::filesystem;

/// A folder of its own for each test.
class NamedFiles {
 public:
  NamedFiles() {
    std::string name = (fs::temp_directory_path() / "orch-named-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  NamedFiles(const NamedFiles&) = delete;
  NamedFiles& operator=(const NamedFiles&) = delete;
  ~NamedFiles() { fs::remove_all(path_); }

  std::string file(const char* name, const char* text, mode_t mode = 0600) const {
    const std::string whole = (path_ / name).string();
    std::ofstream(whole) << text;
    ::chmod(whole.c_str(), mode);
    return whole;
  }
  std::string path(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

constexpr const char* kPem = "-----BEGIN CERTIFICATE-----\n";

}  // namespace

TEST_SUITE("core/config/named_files") {
  TEST_CASE("nothing is said about files that are as they should be") {
    const NamedFiles folder;
    Config config;
    config.connection.mysql_topology_use_mutual_tls = true;
    config.connection.mysql_topology_ssl_private_key_file = folder.file("key", kPem);
    config.connection.mysql_topology_ssl_cert_file = folder.file("cert", kPem, 0644);
    config.backend.backend_db = "sqlite";
    config.backend.sqlite3_data_file = folder.path("new.db");
    config.general.audit_log_file = folder.path("audit.log");
    CHECK(check_named_files(config).empty());
    CHECK(check_named_files(Config{}).empty());
  }

  TEST_CASE("a certificate that is in use must be there and be one") {
    const NamedFiles folder;
    Config config;
    config.connection.mysql_topology_ssl_ca_file = folder.path("missing");
    config.connection.mysql_topology_ssl_cert_file = folder.file("cert", "no certificate");
    auto problems = check_named_files(config);
    REQUIRE(problems.size() == 2);
    CHECK(problems[0].key == "MySQLTopologySSLCertFile");
    CHECK(problems[0].severity == Severity::Error);
    CHECK(problems[0].message == folder.path("cert") + " holds nothing in PEM form");
    CHECK(problems[1].key == "MySQLTopologySSLCAFile");
    CHECK(problems[1].message ==
          "cannot read " + folder.path("missing") + ": No such file or directory");
    config.connection.mysql_topology_use_mixed_tls = false;
    problems = check_named_files(config);
    REQUIRE(problems.size() == 2);
    CHECK(problems[0].severity == Severity::Warning);
  }

  TEST_CASE("a pipe is no certificate, and nobody waits for it") {
    const NamedFiles folder;
    REQUIRE(::mkfifo(folder.path("pipe").c_str(), 0600) == 0);
    Config config;
    config.connection.mysql_topology_ssl_ca_file = folder.path("pipe");
    const auto problems = check_named_files(config);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].message == "cannot read " + folder.path("pipe") + ": not a regular file");
  }

  TEST_CASE("the folder of the backend must be there") {
    const NamedFiles folder;
    Config config;
    config.backend.backend_db = "sqlite";
    config.backend.sqlite3_data_file = folder.path("none/orch.db");
    auto problems = check_named_files(config);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].key == "SQLite3DataFile");
    CHECK(problems[0].message == "there is no folder " + folder.path("none") + "; create it");
    config.backend.sqlite3_data_file = folder.path("");
    problems = check_named_files(config);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].message == folder.path("") + " is not a regular file");
    for (const char* other : {":memory:", "file:/none/orch.db?mode=ro"}) {
      config.backend.sqlite3_data_file = other;
      CHECK(check_named_files(config).empty());
    }
  }

  TEST_CASE("secrets that everybody may read are worth a warning") {
    const NamedFiles folder;
    Config config;
    config.connection.mysql_topology_credentials_config_file = folder.file("cnf", "", 0644);
    const auto problems = check_named_files(config);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].severity == Severity::Warning);
    CHECK(problems[0].key == "MySQLTopologyCredentialsConfigFile");
  }

  TEST_CASE("a TLS listener needs its key and certificate") {
    Config config;
    config.http.use_ssl = true;
    const auto problems = check_named_files(config);
    REQUIRE(problems.size() == 2);
    CHECK(problems[0].message == "UseSSL needs this file");
  }
}

}  // namespace orch
