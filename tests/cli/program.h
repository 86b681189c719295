// The program as a user meets it: a process with arguments, input, output and an exit status, held
// to limits of time and memory.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

using Arguments = std::vector<std::string>;

// What a process left behind.
struct Outcome {
  int status = -1;  // of the exit; -1 if a signal ended it
  int signal = 0;   // that ended it: SIGKILL also after the time limit
  bool timed_out = false;
  std::string out, err;
  double seconds = 0;
  long peak_memory_mb = 0;  // resident
};

// One call of the program.
struct Call {
  Arguments arguments;
  std::string input;                               // on standard input
  std::map<std::string, std::string> environment;  // beside this process's own
  enum class Output { kCaptured, kClosed, kClosedPipe, kFullDevice };
  Output output = Output::kCaptured;
  // Standard input, or standard error, is a terminal; what arrives there is in `err`.
  bool input_from_terminal = false, error_to_terminal = false;
  // What somebody types on that terminal: each text when what stands before it has appeared there,
  // behind what the one before waited for; the last one again every second, because what is typed
  // between two readers may be lost.
  struct Typed {
    std::string after, text;
  };
  std::vector<Typed> dialogue;
  // Called some hundred times a second while the process runs, with what it has written so far.
  std::function<void(pid_t, const std::string& out, const std::string& err)> meanwhile;
  double time_limit_s = 120;
  std::uint64_t most_address_bytes = std::uint64_t{6} << 30;  // not under sanitizers
  std::string program = MILLRACE_PROGRAM;
  bool without_privileges = false;  // a superuser becomes somebody who is not
};

Outcome Execute(const Call& call);

// The same with nothing but arguments.
Outcome Millrace(const Arguments& arguments, const std::string& input = "");

// A file of tests/data/vectors.
std::string Vector(const std::string& name);

// A folder that is gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // Writes a file there and returns its path.
  std::string Write(const std::string& name, const std::string& bytes) const;

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);
std::vector<std::string> Lines(const std::string& text);  // without their ends

// It succeeded, within its limits.
void ExpectSuccess(const Outcome& outcome);

// It failed with this status, wrote nothing to standard output, and one line to standard error that
// begins "millrace VERB: " and contains each of `parts`.
void ExpectFailure(const Outcome& outcome, int status, const std::string& verb,
                   const std::vector<std::string>& parts = {});

}  // namespace millrace
