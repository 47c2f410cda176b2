#pragma once

#include <optional>
#include <string>

#include "cmd/command/command.h"
#include "cmd/command/services.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"

namespace orch::cmd {

// How the names that people type become instances and clusters (cli document, 4).

/// Reads a key with DefaultInstancePort and resolves its host name. Nothing when the text names no
/// server.
std::optional<InstanceKey> parse_key(const Services& services, const std::string& text);

/// An IPv6 address and a port as orch prints them, without brackets, if such an instance is known.
std::optional<InstanceKey> known_as_printed(const Services& services, const std::string& text);

/// The host where the command was typed, with DefaultInstancePort.
InstanceKey this_instance(const Services& services, const Args& args);

/// Args::instance, completed fuzzily. NotFound for wildcards that no single known instance fits.
/// Without one, or with text that names no server: "this
/// instance" on orchestrator's command line, else InvalidInput.
Result<InstanceKey> instance_argument(const Services& services, const Args& args);
/// The record of that instance. Errors: NotFound.
Result<Instance> known_instance(const Services& services, const Args& args);

/// Args::destination, completed fuzzily. Errors: InvalidInput, with the contract's text.
Result<InstanceKey> destination_argument(const Services& services, const Args& args);
Result<Instance> known_destination(const Services& services, const Args& args);

/// The record of a key. Errors: NotFound, "Instance not found: host:port".
Result<Instance> find_known(const Services& services, const InstanceKey& key);

/// The cluster that Args::alias or Args::instance hint at: by name, by alias, by an instance of it.
/// Without any match: "" on orchestrator's command line (an error is logged), else NotFound. An
/// alias of several clusters: the first of them on orchestrator's command line, else InvalidInput.
Result<std::string> cluster_argument(const Services& services, const Args& args);
/// The same for what changes something: an alias that several clusters claim is refused anywhere.
Result<std::string> cluster_to_change(const Services& services, const Args& args);

/// Whether the backend can keep `name`, which somebody gives to something, and lists can show it:
/// its column has room for 128 characters (schema document), and a tab or a line feed would break
/// rows. `what` names it in the message. Errors: InvalidInput.
Result<> check_name(std::string_view what, std::string_view name);

/// --owner, else the OS user's name.
std::string owner_argument(const Args& args);

/// --duration, else or for none at all ten minutes. Errors: InvalidInput.
Result<std::chrono::seconds> duration_argument(const Args& args);

}  // namespace orch::cmd
