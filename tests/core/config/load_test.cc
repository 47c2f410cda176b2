#include "core/config/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>

#include "core/config/dump.h"

namespace orch {

namespace {

/// A directory that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "orch_config_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string write(const std::string& name, std::string_view text) const {
    const std::string file = path_ / name;
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

LoadOptions with_files(std::vector<std::string> files) {
  LoadOptions options;
  options.files = std::move(files);
  options.environment = [](const std::string& name) -> std::optional<std::string> {
    if (name.ends_with("TOPOLOGY_PASSWORD")) return "from-environment";
    return std::nullopt;
  };
  return options;
}

LoadedConfig load(const std::vector<std::string>& files) {
  return load_config(with_files(files));
}

LoadedConfig load_text(std::string_view text, const std::string& name = "test.json") {
  return load_config_text(text, name, with_files({}));
}

/// All problems as a person reads them, one a line.
std::string shown(const LoadedConfig& loaded) {
  std::string text;
  for (const ConfigProblem& problem : loaded.problems)
    text += format_problem(problem) + "\n";
  return text;
}

std::string value(const LoadedConfig& loaded, std::string_view key) {
  return value_as_json(*find_config_key(key), loaded.config);
}

std::string source_file(const std::string& name) {
  const char* root = std::getenv("ORCH_SOURCE_ROOT");  // NOLINT(concurrency-mt-unsafe)
  return std::string(root == nullptr ? "." : root) + "/" + name;
}

}  // namespace

TEST_SUITE("core/config/load") {
  TEST_CASE("a JSON file is read, letter case of keys ignored") {
    const Folder folder;
    const LoadedConfig loaded =
        load({folder.write("a.conf.json", "{\"debug\": true, \"OAuthClientID\": \"x\"} trailing")});
    CHECK(shown(loaded) == "");
    CHECK(loaded.config.general.debug);
    CHECK(loaded.config.http.oauth_client_id == "x");
    CHECK(loaded.files.size() == 1);
  }

  TEST_CASE("a YAML file is read, known by its name or by its content") {
    const Folder folder;
    const std::string_view text = "InstancePollSeconds: 7\nRaftNodes: [a, b]\n";
    for (const char* name : {"a.yaml", "a.YML", "a.conf"}) {
      const LoadedConfig loaded = load({folder.write(name, text)});
      CHECK(shown(loaded) == "");
      CHECK(value(loaded, "InstancePollSeconds") == "7");
      CHECK(value(loaded, "RaftNodes") == R"(["a","b"])");
    }
    CHECK(shown(load({folder.write("b.conf", " \n {\"Debug\": true}")})) == "");
    CHECK(shown(load({folder.write("c.json", "Debug: true")})).find("expected '{'") !=
          std::string::npos);
  }

  TEST_CASE("a later file goes on top of an earlier one") {
    const Folder folder;
    const LoadedConfig loaded = load(
        {folder.write("a.json", R"({"Debug": true, "PowerAuthUsers": ["a", "b"],
                                    "ClusterNameToAlias": {"x": "1", "y": "2"}})"),
         folder.write("b.yaml", "PowerAuthUsers: [c]\nClusterNameToAlias: {y: '3', z: '4'}\n")});
    CHECK(shown(loaded) == "");
    CHECK(loaded.config.general.debug);
    CHECK(value(loaded, "PowerAuthUsers") == R"(["c"])");
    CHECK(value(loaded, "ClusterNameToAlias") == R"({"x":"1","y":"3","z":"4"})");
    CHECK(loaded.files.size() == 2);
  }

  TEST_CASE("the rules run after each file, so that a later file may use the other name") {
    const Folder folder;
    const LoadedConfig loaded =
        load({folder.write("a.json", R"({"SlaveLagQuery": "select 1"})"),
              folder.write("b.json", R"({"ReplicationLagQuery": "select 2"})")});
    CHECK(shown(loaded) == "");
    CHECK(value(loaded, "ReplicationLagQuery") == "\"select 2\"");
    CHECK(value(loaded, "SlaveLagQuery") == "\"\"");
  }

  TEST_CASE("a problem that both files bring up is told once, with the file that set the key") {
    const Folder folder;
    const std::string first = folder.write("a.json", "{\n\"BackendDB\": \"sqlite\"}");
    const std::string second = folder.write("b.json",
                                            "{\"RaftBind\": \"\",\n\"RaftEnabled\": true,"
                                            "\n\n\"RaftDataDir\": \"\"}");
    CHECK(shown(load({first, second})) ==
          second +
              ": error: SQLite3DataFile: SQLite3DataFile must be set when BackendDB is sqlite3\n" +
              second +
              ":4: error: RaftDataDir: RaftDataDir must be defined since raft is enabled "
              "(RaftEnabled)\n" +
              second +
              ":1: error: RaftBind: RaftBind must be defined since raft is enabled "
              "(RaftEnabled)\n");
  }

  TEST_CASE("without a file the rules run all the same") {
    const LoadedConfig loaded = load_text("{}");
    CHECK(value(loaded, "KVClusterMasterPrefix") == "\"mysql/master/\"");
    const Folder folder;
    const int here = ::open(".", O_RDONLY | O_DIRECTORY);
    REQUIRE(::chdir(folder.path("").c_str()) == 0);
    const LoadedConfig none = load_config(LoadOptions{});
    REQUIRE(::fchdir(here) == 0);
    ::close(here);
    if (none.files.empty()) {
      CHECK(shown(none) == "");
      CHECK(value(none, "KVClusterMasterPrefix") == "\"mysql/master/\"");
      CHECK(value(none, "RaftAdvertise") == "\"127.0.0.1:10008\"");
      CHECK(value(none, "DetachLostReplicasAfterMasterFailover") == "true");
    }
  }

  TEST_CASE("default files are read in their order; a missing one is no problem") {
    const Folder folder;
    std::filesystem::create_directory(folder.path("conf"));
    CHECK(folder.write("conf/orchestrator.conf.json", R"({"WebMessage": "a", "Debug": true})") !=
          "");
    CHECK(folder.write("orchestrator.conf.json", R"({"WebMessage": "b"})") != "");
    const int here = ::open(".", O_RDONLY | O_DIRECTORY);
    REQUIRE(::chdir(folder.path("").c_str()) == 0);
    const LoadedConfig loaded = load_config(LoadOptions{});
    std::filesystem::remove("orchestrator.conf.json");
    std::filesystem::create_directory("orchestrator.conf.json");
    const LoadedConfig odd = load_config(LoadOptions{});
    REQUIRE(::fchdir(here) == 0);
    ::close(here);
    CHECK(value(loaded, "WebMessage") == "\"b\"");
    CHECK(value(loaded, "Debug") == "true");
    CHECK(value(odd, "WebMessage") == "\"a\"");
    CHECK_FALSE(has_errors(odd.problems));
    CHECK(shown(odd) == "orchestrator.conf.json: warning: Is a directory\n");
  }

  TEST_CASE("a named file that cannot be read is an error in orchestrator's words") {
    const Folder folder;
    const std::string missing = folder.path("none.json");
    const LoadedConfig loaded = load({missing});
    REQUIRE(loaded.problems.size() == 1);
    CHECK(legacy_text(loaded.problems[0]) ==
          "Cannot read config file: " + missing + " No such file or directory");
    CHECK(shown(load({folder.path("")})).find("Is a directory") != std::string::npos);
    CHECK(shown(load({folder.write("empty.json", " \n")})).find("the file is empty") !=
          std::string::npos);
    CHECK(shown(load({folder.write("big.json", std::string(2U << 20U, ' '))}))
              .find("larger than 1048576 bytes") != std::string::npos);
    CHECK(shown(load({"/dev/zero"})).find("larger than") != std::string::npos);
  }

  TEST_CASE("a pipe is read to its end, and one without a writer is not waited for") {
    const Folder folder;
    REQUIRE(::mkfifo(folder.path("idle").c_str(), 0600) == 0);
    const LoadedConfig idle = load_config(with_files({folder.path("idle")}));
    REQUIRE(idle.problems.size() == 1);
    CHECK(idle.problems[0].message == "the file is empty");

    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    std::jthread writer([&ends] {
      for (const std::string_view part : {"{\"InstancePoll", "Seconds\": 7}"}) {
        CHECK(::write(ends[1], part.data(), part.size()) == static_cast<ssize_t>(part.size()));
      }
      ::close(ends[1]);
    });
    const LoadedConfig piped = load_config(with_files({"/dev/fd/" + std::to_string(ends[0])}));
    ::close(ends[0]);
    CHECK(piped.problems.empty());
    CHECK(piped.config.discovery.instance_poll_seconds == std::chrono::seconds(7));
  }

  TEST_CASE("all problems are reported at once, each with its line") {
    const LoadedConfig loaded = load_text(
        "{\n"
        "\"InstancePollSecond\": 5,\n"
        "\"AuditPageSize\": 20,\n"
        "\"Debug\": \"yes\",\n"
        "\"DataCenterPattern\": \"(ok)\",\n"
        "\"DefaultInstancePort\": 0,\n"
        "\"DiscoverySeeds\": [\"a b\"],\n"
        "\"_comment\": [{\"deep\": true}]\n"
        "}");
    CHECK(shown(loaded) ==
          "test.json:2: warning: InstancePollSecond: unknown key; did you mean "
          "InstancePollSeconds?\n"
          "test.json:3: warning: AuditPageSize: this key is retired and ignored\n"
          "test.json:4: error: Debug: must be true or false, not a string\n"
          "test.json:6: error: DefaultInstancePort: must be between 1 and 65535, not 0\n"
          "test.json:8: warning: _comment: unknown key\n"
          "test.json:7: error: DiscoverySeeds: 'a b' names no server; write host:port\n");
  }

  TEST_CASE("being strict makes errors of unknown keys, not of retired ones") {
    LoadOptions options = with_files({});
    options.strict = true;
    const LoadedConfig loaded =
        load_config_text("Comment: x\nAuditPageSize: 5\n", "a.yaml", options);
    CHECK(shown(loaded) ==
          "a.yaml:1: error: Comment: unknown key\n"
          "a.yaml:2: warning: AuditPageSize: this key is retired and ignored\n");
  }

  TEST_CASE("of a key given twice the last one counts in JSON; YAML refuses it") {
    const LoadedConfig json =
        load_text("{\"InstancePollSeconds\": 5,\n\"instancepollseconds\": 6}");
    CHECK(value(json, "InstancePollSeconds") == "6");
    CHECK(shown(json) ==
          "test.json:2: warning: InstancePollSeconds: given before, on line 1; this one counts\n");
    CHECK(shown(load_text("Debug: true\ndebug: false\n", "a.yaml")) ==
          "a.yaml:2: error: Debug: given before, on line 1\n");
    const LoadedConfig entries =
        load_text("{\"ClusterNameToAlias\": {\"a\": \"b\",\n\"a\": \"c\"}}");
    CHECK(shown(entries) ==
          "test.json:2: warning: ClusterNameToAlias: entry 'a' given before, on line 1; this one "
          "counts\n");
    CHECK(value(entries, "ClusterNameToAlias").find("c") != std::string::npos);
    CHECK(shown(load_text("ClusterNameToAlias:\n  a: b\n  c: b\n  a: c\n", "a.yaml")) ==
          "a.yaml:4: error: ClusterNameToAlias: entry 'a' given before, on line 2\n");
  }

  TEST_CASE("a syntax error in JSON tells line and column") {
    CHECK(shown(load_text("{\"Debug\": true\n  \"ReadOnly\": true}")) ==
          "test.json:2:3: error: not valid JSON: expected ',' or '}'\n");
  }

  TEST_CASE("bytes that are not UTF-8 are replaced in JSON and refused in YAML") {
    const LoadedConfig json = load_text("{\n\"WebMessage\": \"caf\xE9!\"}");
    CHECK(shown(json) == "test.json:2: warning: not UTF-8\n");
    CHECK(json.config.general.web_message == "caf\xEF\xBF\xBD!");
    CHECK(shown(load_text("WebMessage: caf\xE9\n", "a.yaml")) == "a.yaml:1: error: not UTF-8\n");
  }

  TEST_CASE("a byte order mark is no part of the file") {
    CHECK(shown(load_text("\xEF\xBB\xBF{\"Debug\": true}")) == "");
    CHECK(shown(load_text("\xEF\xBB\xBF"
                          "Debug: true\n",
                          "a.yaml")) == "");
  }

  TEST_CASE("a password may come from the environment, and no other key may") {
    const LoadedConfig loaded = load_text(
        R"({"MySQLTopologyPassword": "x${TOPOLOGY_PASSWORD}y", "WebMessage": "${TOPOLOGY_PASSWORD}"})");
    CHECK(shown(loaded) == "");
    CHECK(loaded.config.connection.mysql_topology_password.reveal() == "from-environment");
    CHECK(loaded.config.general.web_message == "${TOPOLOGY_PASSWORD}");
  }

  TEST_CASE("a variable that is not set empties the password, and is warned of") {
    const LoadedConfig loaded = load_text(
        R"({"MySQLOrchestratorPassword": "${NOT_SET}", "MySQLTopologyPassword": "a${b c}d"})");
    CHECK(loaded.config.backend.mysql_orchestrator_password.empty());
    CHECK(loaded.config.connection.mysql_topology_password.empty());
    CHECK(
        shown(loaded) ==
        "test.json:1: warning: MySQLOrchestratorPassword: the environment variable NOT_SET is not "
        "set\n"
        "test.json:1: warning: MySQLTopologyPassword: the environment variable that it names is "
        "not set\n");
  }

  TEST_CASE("a credentials file replaces both user and password") {
    const Folder folder;
    const std::string topology =
        folder.write("t.cnf", "[client]\nuser=t\npassword=\"${TOPOLOGY_PASSWORD}\"\n");
    const std::string backend = folder.write("b.cnf", "[client]\nuser=b\n");
    const LoadedConfig loaded = load({folder.write(
        "a.yaml",
        "MySQLTopologyUser: x\nMySQLTopologyPassword: y\nMySQLOrchestratorPassword: z\n"
        "MySQLTopologyCredentialsConfigFile: " +
            topology + "\nMySQLOrchestratorCredentialsConfigFile: " + backend + "\n")});
    CHECK(shown(loaded) == "");
    CHECK(loaded.config.connection.mysql_topology_user == "t");
    CHECK(loaded.config.connection.mysql_topology_password.reveal() == "from-environment");
    CHECK(loaded.config.backend.mysql_orchestrator_user == "b");
    CHECK(loaded.config.backend.mysql_orchestrator_password.empty());
  }

  TEST_CASE("a credentials file that is missing or broken is an error without its content") {
    const Folder folder;
    const std::string broken = folder.write("b.cnf", "[client]\npassword=\"hunter2\n");
    const std::string file =
        folder.write("a.yaml",
                     "BackendDB: sqlite\nSQLite3DataFile: x\n"
                     "MySQLTopologyCredentialsConfigFile: " +
                         broken + "\nMySQLOrchestratorCredentialsConfigFile: /nonexistent/c.cnf\n");
    CHECK(shown(load({file})) ==
          file +
              ":4: error: MySQLOrchestratorCredentialsConfigFile: Failed to parse gcfg data from "
              "file: /nonexistent/c.cnf: No such file or directory\n" +
              file +
              ":3: error: MySQLTopologyCredentialsConfigFile: Failed to parse gcfg data from "
              "file: " +
              broken + ": line 2: a quote is not closed\n");
  }

  TEST_CASE("a reload is read on top of the state, and keys that are gone keep their value") {
    LoadOptions options = with_files({});
    options.start = load_text(R"({"Debug": true, "ClusterNameToAlias": {"a": "1"}})").config;
    const LoadedConfig again = load_config_text(
        R"({"ReadOnly": true, "ClusterNameToAlias": {"b": "2"}})", "b.json", options);
    CHECK(again.config.general.debug);
    CHECK(again.config.http.read_only);
    CHECK(value(again, "ClusterNameToAlias") == R"({"a":"1","b":"2"})");
  }

  TEST_CASE("many unknown keys are all reported, in a moment") {
    std::string json = "{\"x0\": 0";
    for (int i = 1; i < 20000; ++i)
      json += ",\"DiscoveryIgnoreHostnameFilterz" + std::to_string(i) + "\":0";
    CHECK(load_text(json + "}").problems.size() == 20000);
  }

  TEST_CASE("the examples load without a problem") {
    for (const char* name : {"examples/single-node.yaml", "examples/orchestrator.conf.json"}) {
      const LoadedConfig loaded = load({source_file(name)});
      CHECK(shown(loaded) == "");
      CHECK(loaded.files.size() == 1);
    }
    LoadOptions strict = with_files({source_file("examples/single-node.yaml")});
    strict.strict = true;
    CHECK(load_config(strict).problems.empty());
  }

  TEST_CASE("the process's own environment answers") {
    CHECK(process_environment("PATH"));
    CHECK_FALSE(process_environment("ORCH_NO_SUCH_VARIABLE"));
  }
}

}  // namespace orch
