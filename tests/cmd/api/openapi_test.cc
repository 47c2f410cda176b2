#include "cmd/api/openapi.h"

#include <set>

#include <doctest/doctest.h>

#include "cmd/api/route_text.h"
#include "core/json/json.h"

namespace orch::cmd {

TEST_SUITE("api description") {
  TEST_CASE("each route is described, with what it answers and in words") {
    for (const ApiRoute& route : api_routes()) {
      CAPTURE(route.pattern);
      const RouteText* text = text_of(route);
      REQUIRE(text != nullptr);
      CHECK_FALSE(text->gives.empty());
      CHECK_FALSE(summary_of(route).empty());
    }
  }

  TEST_CASE("the document has each route once, with its variables, methods and types") {
    const Json document = Json::parse(openapi_document(), nullptr, false);
    REQUIRE(document.is_object());
    const Json& paths = document["paths"];
    CHECK(paths.size() == api_routes().size());
    std::set<std::string> ids;
    for (auto each = paths.begin(); each != paths.end(); ++each) {
      const std::string path = each.key();
      CAPTURE(path);
      for (const auto& [method, operation] : each.value().items()) {
        CHECK(ids.insert(operation["operationId"].get<std::string>()).second);
        std::size_t variables = 0;
        for (const Json& parameter : operation["parameters"]) {
          if (parameter["in"] != "path") continue;
          ++variables;
          CHECK(path.find("{" + parameter["name"].get<std::string>() + "}") != std::string::npos);
        }
        CHECK(variables == static_cast<std::size_t>(std::count(path.begin(), path.end(), '{')));
      }
    }
    const Json& relocate = paths["/relocate/{host}/{port}/{belowHost}/{belowPort}"];
    CHECK(relocate["get"]["x-orch-writes"] == true);
    CHECK(relocate["post"]["x-orch-writes"] == true);
    CHECK_FALSE(paths["/clusters"].contains("post"));
    CHECK_FALSE(paths["/orch/command"].contains("get"));
  }

  TEST_CASE("every type that is referred to is there") {
    const std::string text = openapi_document();
    const Json document = Json::parse(text, nullptr, false);
    const std::string begin = "#/components/schemas/";
    std::size_t found = 0;
    for (std::size_t at = text.find(begin); at != std::string::npos;
         at = text.find(begin, at + 1)) {
      const std::size_t name = at + begin.size();
      const std::string type = text.substr(name, text.find('"', name) - name);
      CAPTURE(type);
      CHECK(document["components"]["schemas"].contains(type));
      ++found;
    }
    CHECK(found > 250);
    CHECK(document["components"]["schemas"]["Instance"]["properties"].size() == 102);
    CHECK(document["components"]["schemas"]["ReplicationAnalysis"]["properties"].size() == 57);
  }
}

}  // namespace orch::cmd
