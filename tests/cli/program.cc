#include "program.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MILLRACE_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MILLRACE_SANITIZED
#endif
#endif

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

// No call of these tests may need more. Sanitizers reserve terabytes of addresses for themselves.
#ifdef MILLRACE_SANITIZED
constexpr bool kLimitsAddresses = false;
constexpr long kMostResidentMb = 2048;
#else
constexpr bool kLimitsAddresses = true;
constexpr long kMostResidentMb = 512;
#endif

// A file without a name; the child writes or reads it, and this process looks at it at any time.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& text = "") : file_(std::tmpfile()) {
    EXPECT_NE(file_, nullptr);
    std::fwrite(text.data(), 1, text.size(), file_);
    std::fflush(file_);
    std::rewind(file_);
  }
  ~ScratchFile() { std::fclose(file_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  int fd() const { return fileno(file_); }
  std::string text() const {
    std::string text;
    char buffer[65536];
    ssize_t count = 0;
    while ((count = pread(fd(), buffer, sizeof(buffer), static_cast<off_t>(text.size()))) > 0) {
      text.append(buffer, static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  std::FILE* file_;
};

// Both ends of a pseudo-terminal, if one is wanted.
class Terminal {
 public:
  explicit Terminal(bool wanted) {
    if (!wanted) return;
    ours_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    EXPECT_GE(ours_, 0);
    EXPECT_EQ(grantpt(ours_) | unlockpt(ours_), 0);
    theirs_ = open(ptsname(ours_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_GE(theirs_, 0);
  }
  ~Terminal() {
    if (ours_ >= 0) close(ours_);
    if (theirs_ >= 0) close(theirs_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  int theirs() const { return theirs_; }
  void Type(const std::string& text) {
    EXPECT_EQ(write(ours_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // What has arrived since the last time.
  std::string Read() {
    std::string text;
    char buffer[4096];
    ssize_t count = 0;
    while (ours_ >= 0 && (count = read(ours_, buffer, sizeof(buffer))) > 0) {
      text.append(buffer, static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  int ours_ = -1, theirs_ = -1;
};

void Limit(int resource, rlim_t value) {
  const rlimit limit{value, value};
  setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

// In the child: never returns.
[[noreturn]] void Become(const Call& call, int in, int out, int err) {
  for (const auto& [name, value] : call.environment) setenv(name.c_str(), value.c_str(), 1);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGPIPE, SIG_DFL);
  dup2(in, STDIN_FILENO);
  dup2(err, STDERR_FILENO);
  if (out >= 0) {
    dup2(out, STDOUT_FILENO);
  } else {
    close(STDOUT_FILENO);
  }
  if (kLimitsAddresses) Limit(RLIMIT_AS, call.most_address_bytes);
  Limit(RLIMIT_CORE, 0);
  std::vector<char*> argv = {const_cast<char*>(call.program.c_str())};
  for (const std::string& argument : call.arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  constexpr uid_t kNobody = 65534;
  if (call.without_privileges && geteuid() == 0 && setuid(kNobody) != 0) _exit(126);
  execv(argv[0], argv.data());
  _exit(127);
}

// Where the child's standard output goes; -1: nowhere, it is closed.
int OpenOutput(Call::Output output, const ScratchFile& captured) {
  switch (output) {
    case Call::Output::kCaptured:
      return dup(captured.fd());
    case Call::Output::kClosed:
      return -1;
    case Call::Output::kFullDevice:
      return open("/dev/full", O_WRONLY | O_CLOEXEC);
    case Call::Output::kClosedPipe: {
      int ends[2];
      EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
      close(ends[0]);
      return ends[1];
    }
  }
  return -1;
}

// Waits for the end, or brings it about after the time limit.
void Await(pid_t child, const Call& call, const ScratchFile& out,
           const std::function<std::string()>& err, Outcome& outcome) {
  const auto begin = Clock::now();
  for (;;) {
    int state = 0;
    rusage usage{};
    const pid_t ended = wait4(child, &state, WNOHANG, &usage);
    outcome.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (ended == child) {
      if (WIFEXITED(state)) outcome.status = WEXITSTATUS(state);
      if (WIFSIGNALED(state)) outcome.signal = WTERMSIG(state);
      outcome.peak_memory_mb = usage.ru_maxrss / 1024;
      return;
    }
    if (!outcome.timed_out && outcome.seconds > call.time_limit_s) {
      outcome.timed_out = true;
      kill(child, SIGKILL);
    }
    const std::string errors = err();
    if (call.meanwhile) call.meanwhile(child, out.text(), errors);
    std::this_thread::sleep_for(std::chrono::milliseconds(outcome.seconds < 0.1 ? 1 : 5));
  }
}

}  // namespace

Outcome Execute(const Call& call) {
  const ScratchFile in(call.input), out, err;
  Terminal terminal(call.input_from_terminal || call.error_to_terminal);
  const int out_fd = OpenOutput(call.output, out);
  const pid_t child = fork();
  if (child == 0) {
    Become(call, call.input_from_terminal ? terminal.theirs() : in.fd(), out_fd,
           call.error_to_terminal ? terminal.theirs() : err.fd());
  }
  if (out_fd >= 0) close(out_fd);
  if (call.input_from_terminal) terminal.Type(call.input);
  Outcome outcome;
  std::string shown;         // on the terminal
  std::size_t typed = 0;     // of the dialogue
  std::size_t seen = 0;      // of what is shown, by the dialogue
  Clock::time_point last{};  // when the last one was typed
  const auto errors = [&] {
    shown += terminal.Read();
    if (typed < call.dialogue.size()) {
      const auto& [after, text] = call.dialogue[typed];
      if (const std::size_t at = shown.find(after, seen); at != shown.npos) {
        seen = at + after.size();
        ++typed;
        terminal.Type(text);
        last = Clock::now();
      }
    } else if (typed > 0 && Clock::now() - last > std::chrono::seconds(1)) {
      terminal.Type(call.dialogue.back().text);
      last = Clock::now();
    }
    return err.text() + shown;
  };
  Await(child, call, out, errors, outcome);
  outcome.out = out.text();
  outcome.err = errors();
  return outcome;
}

Outcome Millrace(const Arguments& arguments, const std::string& input) {
  Call call;
  call.arguments = arguments;
  call.input = input;
  return Execute(call);
}

std::string Vector(const std::string& name) {
  return std::string(MILLRACE_SOURCE_DIR "/tests/data/vectors/") + name;
}

TemporaryFolder::TemporaryFolder() {
  path_ = (std::filesystem::temp_directory_path() / "millrace_cli_XXXXXX").string();
  EXPECT_NE(mkdtemp(path_.data()), nullptr);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::Write(const std::string& name, const std::string& bytes) const {
  const std::string path = *this / name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void ExpectSuccess(const Outcome& outcome) {
  EXPECT_EQ(outcome.status, 0) << outcome.err << " signal " << outcome.signal;
  EXPECT_FALSE(outcome.timed_out) << outcome.seconds << " s";
  EXPECT_LT(outcome.peak_memory_mb, kMostResidentMb);
}

void ExpectFailure(const Outcome& outcome, int status, const std::string& verb,
                   const std::vector<std::string>& parts) {
  EXPECT_EQ(outcome.status, status) << outcome.err << " signal " << outcome.signal;
  EXPECT_FALSE(outcome.timed_out) << outcome.seconds << " s";
  EXPECT_LT(outcome.peak_memory_mb, kMostResidentMb);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(outcome.err.ends_with('\n')) << outcome.err;
  EXPECT_EQ(Lines(outcome.err).size(), 1u) << outcome.err;
  EXPECT_THAT(outcome.err, testing::StartsWith("millrace " + verb + ": "));
  for (const std::string& part : parts) EXPECT_THAT(outcome.err, testing::HasSubstr(part));
}

}  // namespace millrace
