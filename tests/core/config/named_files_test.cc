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
/// Self-signed: for the first of May 2024, and for a hundred years from then.
constexpr const char* kOfOneDay =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbDCCAROgAwIBAgIUeH1YDkk/oV8afElXE3HESRHYWOgwCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBbjAeFw0yNDA1MDEwMDAwMDBaFw0yNDA1MDIwMDAwMDBaMAwx\n"
    "CjAIBgNVBAMMAW4wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATz9OYUPsASXgD0\n"
    "o9nQhJj0uH2HC1+9i1XW69/GvJsOxjt+Z7iWDDND8W3NElwSb1Bff1KfGYuV1Zuy\n"
    "RIOX5bfEo1MwUTAdBgNVHQ4EFgQUtFrzEYUd+GbfR2o/A71hmA8MqpowHwYDVR0j\n"
    "BBgwFoAUtFrzEYUd+GbfR2o/A71hmA8MqpowDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
    "hkjOPQQDAgNHADBEAiA4KXdvJ1FKEaSnQmcHXBT0l9I8mk4Lzz5WM6T3GdBOxwIg\n"
    "OOBNPdSyClGbk6j7yMJgfBUtHues0euWOpgdai5aSD4=\n"
    "-----END CERTIFICATE-----\n";
constexpr const char* kOfAges =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbjCCARWgAwIBAgIUbqyE030nTqaMhq5oaAH/MTR8RAMwCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBbjAgFw0yNDA1MDEwMDAwMDBaGA8yMTI0MDQwNzAwMDAwMFow\n"
    "DDEKMAgGA1UEAwwBbjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMp0D4UYmTwC\n"
    "osDeBjfnWuoP1PUl9xpvGbhtAViqXePFq0WeqrVI2hy/VUosFU9ATjTH1YSPdcDb\n"
    "5wvL8GzLnlOjUzBRMB0GA1UdDgQWBBQfLUG3ia/UacJN9KOJrHhmobyjczAfBgNV\n"
    "HSMEGDAWgBQfLUG3ia/UacJN9KOJrHhmobyjczAPBgNVHRMBAf8EBTADAQH/MAoG\n"
    "CCqGSM49BAMCA0cAMEQCIE6T0gMJh1/q8nIwwU/I6WtgmuWRjUkjgv43FsVxtxsO\n"
    "AiByBMpv8A/M1zQzauwPIAg7SXGzYTZCcwvXU4rZCps/XA==\n"
    "-----END CERTIFICATE-----\n";

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

  TEST_CASE("a certificate that has ended is told") {
    const NamedFiles folder;
    Config config;
    config.raft.raft_enabled = true;
    config.raft.raft_ssl_ca_file = folder.file("ca", kOfAges);
    config.raft.raft_ssl_cert_file = folder.file("cert", kOfOneDay);
    const auto problems = check_named_files(config);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].key == "RaftSSLCertFile");
    CHECK(problems[0].severity == Severity::Warning);
    CHECK(problems[0].message == "the certificate in " + folder.path("cert") +
                                     " ended on May  2 00:00:00 2024 GMT; renew it");
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

  TEST_CASE("the shell of the hooks is a program") {
    const NamedFiles folder;
    const auto refuses = [](const std::string& shell) {
      Config config;
      config.recovery.processes_shell_command = shell;
      return !check_named_files(config).empty();
    };
    CHECK_FALSE(refuses("sh -e"));
    CHECK_FALSE(refuses("/bin/sh"));
    CHECK_FALSE(refuses(folder.file("shell", "#!/bin/sh", 0700)));
    CHECK(refuses(folder.file("text", "", 0600)));
    CHECK(refuses(folder.path("none")));
    CHECK(refuses("no-such-shell"));
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
