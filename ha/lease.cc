#include "ha/lease.h"

#include <algorithm>
#include <utility>

namespace orch::ha {

namespace {

/// What the clocks may differ by in the course of one lease, and a decision take to become a deed.
constexpr int kMarginPart = 5;

Lease::Settings completed(Lease::Settings settings, const storage::Database& database) {
  if (!settings.one_server) {
    settings.one_server = database.dialect().kind() == storage::Dialect::Kind::Sqlite;
  }
  if (!settings.steady_now)
    settings.steady_now = [] {
      return std::chrono::steady_clock::now();
    };
  return settings;
}

}  // namespace

Lease::Lease(storage::Database& database, Settings settings)
    : store_(database), settings_(completed(std::move(settings), database)) {}

std::optional<Term> Lease::leading() const {
  const MutexLock lock(mutex_);
  const SteadyPoint now = settings_.steady_now();
  if (resigned_ || !term_ || now < from_ || now >= until_) return std::nullopt;
  return term_;
}

std::optional<Term> Lease::latest_epoch() const {
  const MutexLock lock(mutex_);
  return highest_ > 0 ? std::optional<Term>(highest_) : std::nullopt;
}

/// Counted from before the backend was asked: later than that it cannot have been renewed.
void Lease::believe(std::optional<Term> term, SteadyPoint asked) {
  const MutexLock lock(mutex_);
  term_ = term;
  if (term) highest_ = std::max(highest_, *term);
  until_ = asked + settings_.duration - settings_.duration / kMarginPart;
}

storage::LeaseStore::Asking Lease::asking() {
  const MutexLock lock(mutex_);
  const auto stood_still = [this](const storage::LeaseMark& mark) {
    const MutexLock looking(mutex_);
    const SteadyPoint now = settings_.steady_now();
    highest_ = std::max(highest_, mark.epoch);
    if (seen_ != mark || seen_since_ == SteadyPoint{}) {
      seen_renewed_ = seen_since_ != SteadyPoint{} && !mark.token.empty() &&
                      seen_.renewed_ms != mark.renewed_ms;
      seen_ = mark;
      seen_since_ = now;
    }
    return storage::Stood{std::chrono::duration_cast<std::chrono::milliseconds>(now - seen_since_),
                          seen_renewed_};
  };
  return {.self = settings_.self,
          .duration = settings_.duration,
          .highest = highest_,
          .believes = term_ && settings_.steady_now() < until_,
          .one_server = *settings_.one_server,
          .stood_still = stood_still};
}

Result<> Lease::attempt() {
  {
    const MutexLock lock(mutex_);
    if (resigned_) return {};
  }
  const SteadyPoint asked = settings_.steady_now();
  ORCH_ASSIGN(const std::optional<Term> term, store_.claim(asking()));
  believe(term, asked);
  return {};
}

Result<> Lease::grab() {
  const SteadyPoint asked = settings_.steady_now();
  ORCH_ASSIGN(const storage::LeaseStore::Taken taken, store_.grab(asking()));
  {
    const MutexLock lock(mutex_);
    from_ = settings_.steady_now() + taken.others;
  }
  believe(taken.epoch, asked);
  return {};
}

Result<> Lease::resign() {
  {
    const MutexLock lock(mutex_);
    resigned_ = true;
    term_.reset();
  }
  return store_.release(settings_.self);
}

void Lease::resume() {
  const MutexLock lock(mutex_);
  resigned_ = false;
}

Result<> Lease::vacate() {
  bool held = false;
  {
    const MutexLock lock(mutex_);
    held = term_ && settings_.steady_now() < until_;
    term_.reset();
  }
  return held ? store_.release(settings_.self) : store_.vacate();
}

}  // namespace orch::ha
