#include "ha/lease.h"

#include <utility>

namespace orch::ha {

namespace {

/// What the clocks may differ by in the course of one lease, and a decision take to become a deed.
constexpr int kMarginPart = 5;

Lease::Settings with_clock(Lease::Settings settings) {
  if (!settings.steady_now)
    settings.steady_now = [] {
      return std::chrono::steady_clock::now();
    };
  return settings;
}

}  // namespace

Lease::Lease(storage::Database& database, Settings settings)
    : store_(database), settings_(with_clock(std::move(settings))) {}

std::optional<Term> Lease::leading() const {
  const MutexLock lock(mutex_);
  if (resigned_ || !term_ || settings_.steady_now() >= until_) return std::nullopt;
  return term_;
}

/// Counted from before the backend was asked: later than that it cannot have been renewed.
void Lease::believe(std::optional<Term> term, SteadyPoint asked) {
  const MutexLock lock(mutex_);
  term_ = term;
  until_ = asked + settings_.duration - settings_.duration / kMarginPart;
}

Result<> Lease::attempt() {
  {
    const MutexLock lock(mutex_);
    if (resigned_) return {};
  }
  const SteadyPoint asked = settings_.steady_now();
  ORCH_ASSIGN(const std::optional<Term> term, store_.claim(settings_.self, settings_.duration));
  believe(term, asked);
  return {};
}

Result<> Lease::grab() {
  const SteadyPoint asked = settings_.steady_now();
  ORCH_ASSIGN(const Term term, store_.grab(settings_.self, settings_.duration));
  believe(term, asked);
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
  {
    const MutexLock lock(mutex_);
    term_.reset();
  }
  return store_.vacate();
}

}  // namespace orch::ha
