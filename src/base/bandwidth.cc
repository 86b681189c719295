#include "base/bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/arena.h"
#include "base/check.h"

namespace millrace {
namespace {

constexpr std::size_t kPage = 4096;
constexpr double kMeasuringSeconds = 0.08;
constexpr double kPassSeconds = 0.001;  // starting a pass takes the team a microsecond or a few
constexpr std::size_t kFewestPasses = 3;

using Clock = std::chrono::steady_clock;
double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

using Words16 = std::uint64_t __attribute__((vector_size(16)));
using Words32 = std::uint64_t __attribute__((vector_size(32)));
using Words64 = std::uint64_t __attribute__((vector_size(64)));

// Adds up 64-bit words in eight vectors, so that no addition waits for the one before; one addition
// a load is what every core can do. `bytes` is a multiple of a page.
template <typename Vector>
[[gnu::always_inline]] inline std::uint64_t SumWords(const std::byte* data, std::size_t bytes) {
  constexpr std::size_t kVectors = 8;
  Vector sums[kVectors] = {};
  for (std::size_t begin = 0; begin < bytes; begin += sizeof(sums)) {
    for (std::size_t i = 0; i < kVectors; ++i) {
      Vector words;
      std::memcpy(&words, data + begin + i * sizeof(Vector), sizeof(Vector));
      sums[i] += words;
    }
  }
  std::uint64_t total = 0;
  for (const Vector& sum : sums) {
    for (std::size_t i = 0; i < sizeof(Vector) / sizeof(std::uint64_t); ++i) total += sum[i];
  }
  return total;
}

using Reader = std::uint64_t (*)(const std::byte* data, std::size_t bytes);

std::uint64_t ReadBy16(const std::byte* data, std::size_t bytes) {
  return SumWords<Words16>(data, bytes);
}
#if defined(__x86_64__)
[[gnu::target("avx2")]] std::uint64_t ReadBy32(const std::byte* data, std::size_t bytes) {
  return SumWords<Words32>(data, bytes);
}
[[gnu::target("avx512f")]] std::uint64_t ReadBy64(const std::byte* data, std::size_t bytes) {
  return SumWords<Words64>(data, bytes);
}
#endif

Reader WidestReader() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return ReadBy64;
  if (__builtin_cpu_supports("avx2")) return ReadBy32;
#endif
  return ReadBy16;
}

// The working set, cut into one part a thread. Every pass must find the sum of the first one, so
// that none can be left out.
class WorkingSet {
 public:
  // data: part_bytes for each thread, only read. The pages have been touched.
  WorkingSet(Team& team, const std::byte* data, std::size_t part_bytes)
      : team_(team),
        data_(data),
        part_bytes_(part_bytes),
        reader_(WidestReader()),
        sums_(static_cast<std::size_t>(team.threads())) {
    team_.Run([this](int thread) {
      sums_[static_cast<std::size_t>(thread)] = reader_(Part(thread), part_bytes_);
    });
  }

  std::size_t bytes() const { return part_bytes_ * static_cast<std::size_t>(team_.threads()); }

  // Every thread reads its part `repeats` times. Returns the seconds.
  double Read(std::size_t repeats) {
    const auto work = [this, repeats](int thread) {
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < repeats; ++i) sum += reader_(Part(thread), part_bytes_);
      MILLRACE_CHECK(sum == repeats * sums_[static_cast<std::size_t>(thread)]);
    };
    const auto start = Clock::now();
    team_.Run(work);
    return SecondsSince(start);
  }

 private:
  const std::byte* Part(int thread) const {
    return data_ + static_cast<std::size_t>(thread) * part_bytes_;
  }

  Team& team_;
  const std::byte* data_;
  std::size_t part_bytes_;
  Reader reader_;
  std::vector<std::uint64_t> sums_;  // by thread
};

// Memory of its own for a working set, every page touched by the thread that will read it and
// marked by a 1, so that pages are not all the same zero page.
Result<Arena> TouchedArena(Team& team, std::size_t part_bytes) {
  const auto threads = static_cast<std::size_t>(team.threads());
  MILLRACE_TRY(Arena arena, Arena::Reserve(part_bytes * threads, "measuring the bandwidth"));
  team.Run([&](int thread) {
    std::byte* part = arena.data() + static_cast<std::size_t>(thread) * part_bytes;
    for (std::size_t page = 0; page < part_bytes; page += kPage) part[page] = std::byte{1};
  });
  return arena;
}

std::size_t PartBytes(std::size_t working_set_bytes, std::size_t threads) {
  const std::size_t cut =
      std::min({working_set_bytes, kLargestWorkingSet, AvailableMemoryBytes() / 2});
  return std::max(kPage, (cut / threads + kPage - 1) / kPage * kPage);
}

// The fewest repeats, as a power of two, that fill a pass.
std::size_t FillingRepeats(WorkingSet& set) {
  std::size_t repeats = 1;
  while (set.Read(repeats) < kPassSeconds && repeats < (std::size_t{1} << 30)) repeats *= 2;
  return repeats;
}

}  // namespace

Result<ReadBandwidth> MeasureReadBandwidth(Team& team, std::size_t working_set_bytes,
                                           std::span<const std::byte> lent) {
  const auto threads = static_cast<std::size_t>(team.threads());
  const std::size_t part_bytes = PartBytes(working_set_bytes, threads);
  const std::size_t bytes = part_bytes * threads;
  const bool borrow = bytes > kLargestOwnSet && bytes <= lent.size();
  Arena arena;
  if (!borrow) {
    MILLRACE_TRY(arena, TouchedArena(team, part_bytes));
  }
  WorkingSet set(team, borrow ? lent.data() : arena.data(), part_bytes);
  const std::size_t repeats = FillingRepeats(set);
  std::vector<double> seconds;
  const auto start = Clock::now();
  while (seconds.size() < kFewestPasses || SecondsSince(start) < kMeasuringSeconds) {
    seconds.push_back(set.Read(repeats));
  }
  std::sort(seconds.begin(), seconds.end());
  const double gigabytes = static_cast<double>(set.bytes() * repeats) * 1e-9;
  ReadBandwidth bandwidth;
  bandwidth.best_gb_per_s = gigabytes / seconds.front();
  bandwidth.median_gb_per_s = gigabytes / seconds[seconds.size() / 2];
  bandwidth.working_set_bytes = set.bytes();
  bandwidth.passes = static_cast<int>(seconds.size());
  return bandwidth;
}

}  // namespace millrace
