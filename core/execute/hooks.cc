#include "core/execute/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "core/base/text.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace orch {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kShownOutput = 2000;
constexpr int kShownLines = 10;
/// How long a killed process may take to go; one that the kernel holds is left to it.
constexpr milliseconds kDying{2000};

std::string reason(int number) {
  return std::generic_category().message(number);
}

/// A text without the ampersands at its end; whether there were any. With a comment behind them
/// only where all that it starts is to be waited for: elsewhere, what stands before them may say
/// no.
bool strip_ampersands(std::string& text, bool foreground) {
  std::string_view rest = foreground ? without_last_comment(text) : trim(text);
  const bool found = rest.ends_with('&');
  while (rest.ends_with('&'))
    rest = trim(rest.substr(0, rest.size() - 1));
  if (found) text = std::string(rest);
  return found;
}

/// A file with the text, removed when this goes.
class ScriptFile {
 public:
  explicit ScriptFile(std::string name) : name_(std::move(name)) {}
  ScriptFile(ScriptFile&& other) noexcept : name_(std::exchange(other.name_, {})) {}
  ScriptFile(const ScriptFile&) = delete;
  ScriptFile& operator=(const ScriptFile&) = delete;
  ScriptFile& operator=(ScriptFile&&) = delete;
  ~ScriptFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  static Result<ScriptFile> write(const std::string& text) {
    const char* folder = std::getenv("TMPDIR");
    std::string name = folder != nullptr && *folder == '/' ? folder : "/tmp";
    name += "/orch-hook-XXXXXX";
    const int file = ::mkostemp(name.data(), O_CLOEXEC);  // made for this user only
    if (file < 0) {
      return fail(ErrorKind::Broken, name + ": cannot write the hook's text: " + reason(errno));
    }
    ScriptFile script(name);
    std::string_view rest = text;
    while (!rest.empty()) {
      const ssize_t written = ::write(file, rest.data(), rest.size());
      if (written <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    const int problem = errno;
    ::close(file);
    if (!rest.empty()) {
      return fail(ErrorKind::Broken, name + ": cannot write the hook's text: " + reason(problem));
    }
    return script;
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Somebody else removes it.
  void leave() { name_.clear(); }

 private:
  std::string name_;
};

/// Texts as exec wants them.
class TextArray {
 public:
  explicit TextArray(std::vector<std::string> texts) : texts_(std::move(texts)) {
    for (std::string& text : texts_)
      pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  [[nodiscard]] char* const* get() const { return pointers_.data(); }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

std::vector<std::string> full_environment(const HookVariables& variables) {
  std::vector<std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const bool replaced = std::any_of(
        variables.begin(), variables.end(),
        [&](const auto& variable) { return text.substr(0, text.find('=')) == variable.first; });
    if (!replaced) all.emplace_back(text);
  }
  for (const auto& [name, value] : variables)
    all.push_back(name + '=' + value);
  return all;
}

/// Starts a program whose output goes to `output`; its process id.
Result<pid_t> start(const std::vector<std::string>& words, const HookVariables& variables,
                    int output) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  if (output >= 0) {
    ::posix_spawn_file_actions_adddup2(&files, output, 1);
  } else {
    ::posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  }
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  ::posix_spawn_file_actions_addclosefrom_np(&files, 3);
  sigset_t none;
  sigset_t usual;
  ::sigemptyset(&none);
  ::sigfillset(&usual);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &usual);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const TextArray arguments(words);
  const TextArray environment(full_environment(variables));
  pid_t process = -1;
  const int problem = ::posix_spawnp(&process, words.front().c_str(), &files, &attributes,
                                     arguments.get(), environment.get());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (problem == 0) return process;
  return fail(problem == ENOENT ? ErrorKind::NotFound : ErrorKind::Broken,
              words.front() + ": cannot be started to run a hook: " + reason(problem));
}

/// The beginning and the end of a text that may be long.
class BoundedText {
 public:
  explicit BoundedText(std::size_t limit) : half_(std::max<std::size_t>(limit / 2, 1)) {}

  void add(std::string_view text) {
    const std::size_t room = half_ - head_.size();
    head_.append(text.substr(0, room));
    if (text.size() <= room) return;
    tail_.append(text.substr(room));
    if (tail_.size() > 2 * half_) cut();
  }
  [[nodiscard]] std::string text() {
    if (tail_.size() > half_) cut();
    if (dropped_ == 0) return head_ + tail_;
    return head_ + "\n[... " + std::to_string(dropped_) + " bytes ...]\n" + tail_;
  }

 private:
  void cut() {
    const std::size_t surplus = tail_.size() - half_;
    dropped_ += surplus;
    tail_.erase(0, surplus);
  }

  std::size_t half_;
  std::string head_;
  std::string tail_;
  std::size_t dropped_{0};
};

/// A hook that runs: its process, and the end of the pipe that it writes into.
class RunningHook {
 public:
  RunningHook(pid_t process, int output, std::size_t output_limit)
      : process_(process), output_(output), kept_(output_limit) {}
  RunningHook(const RunningHook&) = delete;
  RunningHook& operator=(const RunningHook&) = delete;
  ~RunningHook() { close_output(); }

  /// Reads and waits until the process has ended or time is up; false: time is up.
  bool wait_until(std::optional<SteadyPoint> end) {
    milliseconds pause{1};
    while (!has_ended()) {
      const SteadyPoint now = std::chrono::steady_clock::now();
      if (end && now >= *end) return false;
      milliseconds time = pause;
      if (end) {
        time =
            std::min(time, std::chrono::duration_cast<milliseconds>(*end - now) + milliseconds(1));
      }
      if (output_ >= 0) {
        read_for(time);
      } else {
        std::this_thread::sleep_for(time);
      }
      pause = std::min(pause * 2, milliseconds(20));
    }
    drain();
    return true;
  }

  void kill_group() { ::kill(-process_, SIGKILL); }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] std::string output() { return kept_.text(); }

 private:
  bool has_ended() {
    if (ended_) return true;
    const pid_t got = ::waitpid(process_, &status_, WNOHANG);
    ended_ = got == process_ || (got < 0 && errno == ECHILD);
    return ended_;
  }

  /// Waits for output and takes what is there.
  void read_for(milliseconds time) {
    pollfd asked{output_, POLLIN, 0};
    if (::poll(&asked, 1, static_cast<int>(time.count())) <= 0) return;
    take();
  }

  /// False: nothing is there now, or ever will be.
  bool take() {
    std::array<char, 16 * 1024> buffer{};
    const ssize_t got = ::read(output_, buffer.data(), buffer.size());
    if (got > 0) {
      kept_.add({buffer.data(), static_cast<std::size_t>(got)});
      return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) close_output();
    return false;
  }

  /// What was written before the end; something in the background may write for ever.
  void drain() {
    constexpr int kPipeful = 64;  // a pipe holds 64 KiB, or a megabyte at most
    for (int i = 0; i < kPipeful && output_ >= 0 && take(); ++i) {
    }
  }

  void close_output() {
    if (output_ >= 0) ::close(output_);
    output_ = -1;
  }

  pid_t process_;
  int output_;
  BoundedText kept_;
  int status_{0};
  bool ended_{false};
};

/// A shell that runs the text, then removes the file; started by a shell that ends at once, so
/// that nobody has to wait for it.
constexpr const char* kDetached = R"(script=$1; shift; { "$@"; rm -f -- "$script"; } & exit 0)";

Result<HookOutcome> run_detached(std::vector<std::string> words, const std::string& script,
                                 const HookVariables& variables) {
  std::vector<std::string> wrapped = {"/bin/sh", "-c", kDetached, "orch-hook", script};
  wrapped.insert(wrapped.end(), words.begin(), words.end());
  ORCH_ASSIGN(const pid_t process, start(wrapped, variables, -1));
  RunningHook starter(process, -1, 0);
  starter.wait_until(std::chrono::steady_clock::now() + kDying);
  HookOutcome outcome;
  outcome.asynchronous = true;
  return outcome;
}

/// Its last few lines, none of them cut if that can be.
std::string_view end_of(std::string_view said) {
  std::size_t begin = said.size();
  for (int lines = 0; lines < kShownLines && begin > 0; ++lines) {
    const std::size_t newline = said.rfind('\n', begin - 1);
    const std::size_t earlier = newline == std::string_view::npos ? 0 : newline;
    if (lines > 0 && said.size() - earlier > kShownOutput) break;
    begin = earlier;
  }
  return trim(said.substr(std::max(begin, said.size() - std::min(said.size(), kShownOutput))));
}

}  // namespace

std::string failure_of(const HookOutcome& outcome) {
  if (outcome.asynchronous || outcome.exit_status == 0) return "";
  std::string text;
  if (outcome.timed_out) {
    text = "not done after " + std::to_string(outcome.took.count()) + " ms, and therefore killed";
  } else if (outcome.signal) {
    text = "killed by signal " + std::to_string(*outcome.signal);
  } else {
    text = "exit status " + std::to_string(outcome.exit_status.value_or(-1));
  }
  const std::string_view said = end_of(trim(outcome.output));
  return said.empty() ? text : text + ": " + printable(said);
}

Result<HookOutcome> run_hook(const std::string& text, const HookVariables& variables,
                             const std::vector<std::string>& arguments,
                             const HookSettings& settings, std::optional<SteadyPoint> deadline) {
  const SteadyPoint begun = std::chrono::steady_clock::now();
  std::string body = text;
  const bool asynchronous = strip_ampersands(body, settings.foreground) && !settings.foreground;
  std::vector<std::string> words = orch::words(settings.shell);
  if (words.empty()) words = {"bash"};
  ORCH_ASSIGN(ScriptFile script, ScriptFile::write(body + "\n"));
  words.push_back(script.name());
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (asynchronous) {
    ORCH_ASSIGN(HookOutcome outcome, run_detached(words, script.name(), variables));
    script.leave();
    return outcome;
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorKind::Broken, "cannot run a hook: " + reason(errno));
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  Result<pid_t> process = start(words, variables, ends[1]);
  ::close(ends[1]);
  if (!process) {
    ::close(ends[0]);
    return fail(std::move(process).error());
  }
  RunningHook hook(*process, ends[0], settings.output_limit);
  std::optional<SteadyPoint> end = deadline;
  if (settings.timeout.count() > 0) {
    end = std::min(end.value_or(SteadyPoint::max()), begun + settings.timeout);
  }
  HookOutcome outcome;
  if (!hook.wait_until(end)) {
    outcome.timed_out = true;
    hook.kill_group();
    hook.wait_until(std::chrono::steady_clock::now() + kDying);
  }
  outcome.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
  outcome.output = hook.output();
  const int status = hook.status();
  if (outcome.timed_out || WIFSIGNALED(status)) {
    outcome.signal = WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;
  } else {
    outcome.exit_status = WEXITSTATUS(status);
  }
  return outcome;
}

}  // namespace orch
