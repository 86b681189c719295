#include "base/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>

namespace millrace {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// The number after `key` in a file of lines "key number ...", or the maximum if there is none.
std::size_t ReadNumber(const char* path, const char* format) {
  unsigned long long value = 0;
  std::size_t result = std::numeric_limits<std::size_t>::max();
  if (std::FILE* file = std::fopen(path, "r")) {
    char line[256];
    while (std::fgets(line, sizeof(line), file) != nullptr) {
      if (std::sscanf(line, format, &value) == 1) {
        result = static_cast<std::size_t>(value);
        break;
      }
    }
    std::fclose(file);
  }
  return result;
}

}  // namespace

std::size_t AvailableMemoryBytes() {
  const std::size_t kibibytes = ReadNumber("/proc/meminfo", "MemAvailable: %llu");
  const std::size_t available =
      kibibytes == std::numeric_limits<std::size_t>::max() ? kibibytes : kibibytes * 1024;
  return std::min(available, ReadNumber("/sys/fs/cgroup/memory.max", "%llu"));
}

Result<Arena> Arena::Reserve(std::size_t size_bytes, const char* purpose) {
  const std::size_t available = AvailableMemoryBytes();
  if (size_bytes > available) {
    return Exhausted("{}: needs {} bytes of memory, {} are available", purpose, size_bytes,
                     available);
  }
  if (size_bytes == 0) return Arena();
  // A huge page more than needed, cut so that the block begins on one.
  const std::size_t size = (size_bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* mapped = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    return Exhausted("{}: the system refuses {} bytes of memory", purpose, size_bytes);
  }
  auto* begin = static_cast<std::byte*>(mapped);
  const std::size_t skip =
      (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (skip > 0) munmap(begin, skip);
  if (skip < kHugePage) munmap(begin + skip + size, kHugePage - skip);
  Arena arena;
  arena.data_ = begin + skip;
  arena.size_bytes_ = size;
  madvise(arena.data_, size, MADV_HUGEPAGE);  // a refusal costs speed only
  return arena;
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, size_bytes_);
}

}  // namespace millrace
