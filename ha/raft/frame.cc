#include "ha/raft/frame.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>

namespace orch::ha::raft {

namespace {

constexpr std::string_view kSnapshotMagic = "orchsn01";
constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kSnapshotHead = 8 + 8 + kDigestSize;
constexpr std::size_t kProposalHead = 3 * 8;

/// Little-endian, as all machines that nodes run on.
void put_number(std::string& to, std::uint64_t number) {
  for (unsigned i = 0; i < 8; ++i)
    to.push_back(static_cast<char>(number >> (8 * i) & 0xffU));
}

std::uint64_t number_at(std::string_view bytes, std::size_t place) {
  std::uint64_t number = 0;
  for (std::size_t i = 8; i-- > 0;) {
    number = number << 8U | static_cast<unsigned char>(bytes[place + i]);
  }
  return number;
}

bool digest_of(std::string_view bytes, std::array<char, kDigestSize>& digest) {
  unsigned size = 0;
  return ::EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()),
                      &size, EVP_sha256(), nullptr) == 1 &&
         size == kDigestSize;
}

}  // namespace

std::string pack_proposal(const Proposal& proposal) {
  std::string bytes;
  bytes.reserve(kProposalHead + proposal.command.size());
  put_number(bytes, proposal.command.size());
  put_number(bytes, proposal.proposer);
  put_number(bytes, proposal.number);
  bytes.append(proposal.command);
  return bytes;
}

std::optional<Proposal> unpack_proposal(std::string_view bytes) {
  if (bytes.size() < kProposalHead) return std::nullopt;
  const std::uint64_t size = number_at(bytes, 0);
  if (size > bytes.size() - kProposalHead) return std::nullopt;
  return Proposal{number_at(bytes, 8), number_at(bytes, 16), bytes.substr(kProposalHead, size)};
}

Result<std::string> pack_snapshot(std::string_view state) {
  std::array<char, kDigestSize> digest{};
  if (!digest_of(state, digest)) return fail(ErrorKind::Broken, "no checksum of the snapshot");
  std::string bytes(kSnapshotMagic);
  bytes.reserve(kSnapshotHead + state.size() + 8);
  put_number(bytes, state.size());
  bytes.append(digest.data(), digest.size());
  bytes.append(state);
  bytes.resize((bytes.size() + 7) / 8 * 8, '\0');
  return bytes;
}

Result<std::string_view> unpack_snapshot(std::string_view bytes) {
  const auto damaged = [] {
    return fail(ErrorKind::Broken, "the snapshot is damaged");
  };
  if (bytes.size() < kSnapshotHead || bytes.substr(0, 8) != kSnapshotMagic) return damaged();
  const std::uint64_t size = number_at(bytes, 8);
  if (size > bytes.size() - kSnapshotHead) return damaged();
  const std::string_view state = bytes.substr(kSnapshotHead, size);
  std::array<char, kDigestSize> digest{};
  if (!digest_of(state, digest)) return damaged();
  if (std::memcmp(digest.data(), bytes.data() + 16, kDigestSize) != 0) return damaged();
  return state;
}

}  // namespace orch::ha::raft
