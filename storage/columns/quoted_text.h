#pragma once

#include <string>
#include <string_view>

namespace orch::storage {

/// The backend's form of a server's error message: double quotes and ASCII only, with the escapes
/// \" \\ \n \t \xNN \uNNNN (schema document, 7). "" stays "".
std::string quote_text(std::string_view text);

/// The message in a stored text; one that is not quoted is taken as it is.
std::string unquote_text(std::string_view text);

}  // namespace orch::storage
