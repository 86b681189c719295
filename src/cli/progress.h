// A line on a terminal about work that takes longer than a second.
//
//     const Progress progress("loading model.gguf");        loading model.gguf ... 3 s
//
// The line is written to standard error, if that is a terminal, and wiped out at the end of the
// scope.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace millrace {

class Progress {
 public:
  explicit Progress(std::string work);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Says it differently from now on.
  void Update(std::string work);

  // Wipes the line out, so that something else can be written; it comes back a second later.
  void Wipe();

 private:
  void Show();  // a thread of its own: the work cannot be interrupted to tell how it goes on

  std::mutex mutex_;
  std::condition_variable done_changed_;
  std::string work_;    // under the mutex
  bool done_ = false;   // under the mutex
  bool shown_ = false;  // under the mutex
  std::thread thread_;  // of Show, if there is a terminal
};

}  // namespace millrace
