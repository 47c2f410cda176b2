#include "ha/journal.h"

#include "core/base/log.h"
#include "ha/plan_facts.h"

namespace orch::ha {

Journal::Journal(storage::JournalStore store, storage::RecoveryRun run, StepObserver& watcher,
                 Past past)
    : store_(store),
      run_(std::move(run)),
      facts_(read_facts(run_)),
      watcher_(watcher),
      open_(past.open),
      past_return_(past.past_return) {}

Journal::~Journal() {
  {
    const std::lock_guard<std::mutex> lock(sleep_);
    done_ = true;
  }
  wake_.notify_all();
  if (heart_.joinable()) heart_.join();
}

void Journal::keep_alive(std::chrono::milliseconds pause) {
  heart_ = std::thread([this, pause] {
    std::unique_lock<std::mutex> lock(sleep_);
    while (!wake_.wait_for(lock, pause, [this] { return done_; })) {
      const Result<bool> owned = store_.touch(run_.uid, run_.owner.node);
      if (owned && !*owned) lost_ = true;
    }
  });
}

void Journal::note(const Result<>& written) {
  if (written) return;
  if (written.error().kind == ErrorKind::Conflict) lost_ = true;
  const MutexLock lock(mutex_);
  if (failure_) return;
  failure_ = written.error().within("the recovery's journal cannot be written");
  log::error("{}", failure_->message);
}

Result<> Journal::save_stage(std::string_view stage) {
  run_.stage = stage;
  Result<> saved = store_.save_run(run_);
  note(saved);
  return saved;
}

void Journal::take_loss(const std::string& lost_transactions) {
  if (!lost_transactions.empty()) run_.lost_transactions = lost_transactions;
}

void Journal::decided(const Run& run) {
  watcher_.decided(run);
  remember(facts_, run.facts);
  storage::RecoveryRun news = run_;
  write_facts(facts_, news);
  const bool same = news.winner == run_.winner && news.facts == run_.facts &&
                    news.promotion_coordinates == run_.promotion_coordinates &&
                    news.promotion_position == run_.promotion_position &&
                    news.lost_transactions == run_.lost_transactions;
  if (same) return;
  run_ = std::move(news);
  if (open_) note(store_.save_run(run_));
}

Result<> Journal::begin(const std::string& name, const storage::JournalEntry& entry) {
  const Result<std::int64_t> sequence = store_.begin(entry);
  if (!sequence) {
    note(fail(sequence.error()));
    return fail(sequence.error());
  }
  const MutexLock lock(writing_);
  begun_[name] = *sequence;
  return {};
}

void Journal::end(const std::string& name, const std::string& error) {
  std::int64_t sequence = 0;
  {
    const MutexLock lock(writing_);
    const auto found = begun_.find(name);
    if (found == begun_.end()) return;
    sequence = found->second;
    begun_.erase(found);
  }
  note(store_.end(run_.uid, sequence, error));
}

void Journal::step_started(const Step& step) {
  watcher_.step_started(step);
  if (!open_ || std::holds_alternative<Reprobe>(step.action)) return;
  const Result<> begun = begin(describe(step), {.uid = run_.uid,
                                                .owner = run_.owner,
                                                .server = step.server,
                                                .action = describe(step.action),
                                                .why = step.why,
                                                .changes_server = changes_server(step),
                                                .point_of_no_return = step.point_of_no_return});
  // Not if an earlier step could not be written: then this one is not done.
  if (begun && step.point_of_no_return && !objection()) past_return_ = true;
}

void Journal::step_ended(const Step& step, const Error* error, std::chrono::milliseconds took) {
  watcher_.step_ended(step, error, took);
  if (open_) end(describe(step), error == nullptr ? "" : error->message);
}

Result<> Journal::hook_started(const std::string& hook) {
  const Result<> begun = begin(hook, {.uid = run_.uid, .owner = run_.owner, .action = hook});
  // A hook that follows the promotion must run all the same, unless another process runs it.
  if (past_return_ && !lost_) return {};
  return begun;
}

void Journal::hook_ended(const std::string& hook, const std::string& failure) {
  end(hook, failure);
}

std::optional<Error> Journal::objection() const {
  if (past_return_ || undoing_) return std::nullopt;
  return failure();
}

std::optional<Error> Journal::failure() const {
  const MutexLock lock(mutex_);
  return failure_;
}

}  // namespace orch::ha
