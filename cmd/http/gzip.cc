#include "cmd/http/gzip.h"

#include <zlib.h>

#include <limits>
#include <string>
#include <string_view>

#include "core/base/text.h"

namespace orch::cmd {

namespace {

/// What is shorter fits into one packet anyway.
constexpr std::size_t kWorthIt = 1024;
/// A window of 32 kB, with gzip's header instead of zlib's.
constexpr int kGzipWindow = 15 + 16;
constexpr int kMemoryLevel = 8;

/// "gzip" or "*" in the list, and not with a weight of nothing.
bool accepts_gzip(std::string_view accepted) {
  for (const std::string_view entry : split(accepted, ',')) {
    const std::size_t end = entry.find(';');
    const std::string_view coding = trim(entry.substr(0, end));
    if (!equals_ignoring_case(coding, "gzip") && coding != "*") continue;
    const std::string_view weight =
        end == std::string_view::npos ? std::string_view() : trim(entry.substr(end + 1));
    return !weight.starts_with("q=0") || weight.find_first_of("123456789") != weight.npos;
  }
  return false;
}

/// "" when it cannot be done.
std::string gzipped(std::string& body) {
  if (body.size() > std::numeric_limits<uInt>::max() / 2) return {};
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string packed(deflateBound(&stream, static_cast<uLong>(body.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(body.data());
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  packed.resize(done ? stream.total_out : 0);
  deflateEnd(&stream);
  return packed;
}

}  // namespace

void compress_if_wanted(const HttpRequest& request, HttpResponse& response) {
  if (response.later) {
    response.later = [request, later = std::move(response.later)] {
      HttpResponse answer = later();
      compress_if_wanted(request, answer);
      return answer;
    };
    return;
  }
  if (response.body.size() < kWorthIt) return;
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (!accepts_gzip(request.header("Accept-Encoding"))) return;
  std::string packed = gzipped(response.body);
  if (packed.empty() || packed.size() >= response.body.size()) return;
  response.body = std::move(packed);
  response.headers.emplace_back("Content-Encoding", "gzip");
}

}  // namespace orch::cmd
