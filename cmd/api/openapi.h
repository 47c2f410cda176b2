#pragma once

#include <string>

namespace orch::cmd {

/// The API as an OpenAPI 3.0 document in JSON, made of the routes, their texts and the catalog.
std::string openapi_document();

}  // namespace orch::cmd
