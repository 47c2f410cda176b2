#include "storage/metered_database.h"

#include <mutex>
#include <type_traits>
#include <utility>

namespace orch::storage {

namespace {

using std::chrono::steady_clock;

/// Lets one thread in at a time, as the databases do: so that it is seen how long others wait.
class MeteredDatabase final : public Database {
  template <typename Work>
  std::invoke_result_t<Work> timed(std::string_view sql, const Work& work) {
    const auto asked = steady_clock::now();
    const std::lock_guard lock(mutex_);
    const auto begun = steady_clock::now();
    auto result = work();
    watch_(sql, {begun - asked, steady_clock::now() - begun, result ? "" : result.error().message});
    return result;
  }

 public:
  MeteredDatabase(std::unique_ptr<Database> inner, StatementWatch watch)
      : inner_(std::move(inner)), watch_(std::move(watch)) {}

  [[nodiscard]] const Dialect& dialect() const override { return inner_->dialect(); }
  [[nodiscard]] const std::string& name() const override { return inner_->name(); }
  [[nodiscard]] std::int64_t last_insert_id() const override { return inner_->last_insert_id(); }

  Result<> select(std::string_view sql, std::span<const SqlValue> arguments,
                  const std::function<void(const Row&)>& each) override {
    return timed(sql, [&] { return inner_->select(sql, arguments, each); });
  }
  Result<std::int64_t> execute(std::string_view sql, std::span<const SqlValue> arguments) override {
    return timed(sql, [&] { return inner_->execute(sql, arguments); });
  }
  Result<> execute_script(std::string_view sql) override {
    return timed(sql, [&] { return inner_->execute_script(sql); });
  }
  Result<> transaction(const std::function<Result<>()>& work) override {
    const std::lock_guard lock(mutex_);
    return inner_->transaction(work);
  }

 private:
  std::unique_ptr<Database> inner_;
  StatementWatch watch_;
  std::recursive_mutex mutex_;
};

}  // namespace

std::unique_ptr<Database> metered(std::unique_ptr<Database> database, StatementWatch watch) {
  return std::make_unique<MeteredDatabase>(std::move(database), std::move(watch));
}

}  // namespace orch::storage
