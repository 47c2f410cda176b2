#include "cmd/serve/address_book.h"

#include <optional>
#include <vector>

#include "core/base/name_lookup.h"
#include "core/base/parallel.h"

namespace orch::cmd {

namespace {

constexpr std::chrono::minutes kLifetime{10};
constexpr std::chrono::seconds kLookUpLimit{2};
constexpr std::size_t kMostAtOnce = 256;
constexpr std::size_t kLookUpWidth = 16;

}  // namespace

Result<> AddressBook::refresh(const std::set<std::string>& hosts, storage::HostnameStore store) {
  std::erase_if(until_, [&](const auto& entry) { return !hosts.contains(entry.first); });
  const SteadyPoint now = std::chrono::steady_clock::now();
  std::vector<std::string> due;
  for (const std::string& host : hosts) {
    if (due.size() == kMostAtOnce) break;
    SteadyPoint& until = until_[host];
    if (until > now) continue;
    until = now + kLifetime;
    due.push_back(host);
  }
  std::vector<std::optional<storage::HostAddresses>> answers(due.size());
  parallel_for(due.size(), kLookUpWidth, [&](std::size_t i) {
    const auto found = look_up_name(due[i], std::chrono::steady_clock::now() + kLookUpLimit);
    if (found) answers[i] = storage::addresses_of(due[i], found->addresses);
  });
  std::vector<storage::HostAddresses> known;
  for (std::optional<storage::HostAddresses>& answer : answers) {
    if (answer) known.push_back(*std::move(answer));
  }
  if (known.empty()) return {};
  return store.save_addresses(known);
}

}  // namespace orch::cmd
