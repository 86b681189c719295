// One block of zeroed memory for everything that a plan places, at addresses that never change.
#pragma once

#include <cstddef>
#include <utility>

#include "base/result.h"

namespace millrace {

class Arena {
 public:
  Arena() = default;
  // Reserves size_bytes of zeroed memory, on huge pages where the system gives them (transparent,
  // advised). kExhausted if there is not so much: `purpose` names it in the message. Pages are
  // committed on first touch, so the size is compared with the memory that the machine has
  // available now.
  static Result<Arena> Reserve(std::size_t size_bytes, const char* purpose);

  Arena(Arena&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_bytes_(std::exchange(other.size_bytes_, 0)) {}
  Arena& operator=(Arena&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_bytes_, other.size_bytes_);
    return *this;
  }
  ~Arena();

  std::byte* data() const { return data_; }  // aligned to 2 MiB
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_bytes_ = 0;  // as mapped
};

// Bytes that could be allocated now without swapping: MemAvailable of /proc/meminfo, or a cgroup's
// limit if lower.
std::size_t AvailableMemoryBytes();

}  // namespace millrace
