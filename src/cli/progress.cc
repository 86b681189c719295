#include "cli/progress.h"

#include <chrono>
#include <system_error>
#include <utility>

#include "cli/output.h"

namespace millrace {

Progress::Progress(std::string work) : work_(std::move(work)) {
  if (!IsTerminal(stderr)) return;
  try {
    thread_ = std::thread([this] { Show(); });
  } catch (const std::system_error&) {  // no thread to be had: then nothing is shown
  }
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  done_changed_.notify_all();
  thread_.join();
  Wipe();
}

void Progress::Update(std::string work) {
  const std::lock_guard lock(mutex_);
  work_ = std::move(work);
}

void Progress::Wipe() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(shown_, false)) Note("\r\033[K");
}

void Progress::Show() {
  const auto begin = std::chrono::steady_clock::now();
  int seconds = 0;
  std::unique_lock lock(mutex_);
  while (!done_changed_.wait_until(lock, begin + std::chrono::seconds(seconds + 1),
                                   [this] { return done_; })) {
    ++seconds;
    shown_ = true;
    Note("\r\033[K{} ... {} s", work_, seconds);
  }
}

}  // namespace millrace
