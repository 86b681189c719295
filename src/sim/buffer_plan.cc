#include "sim/buffer_plan.h"

#include <queue>
#include <unordered_map>

#include "base/check.h"

namespace millrace::sim {
namespace {

struct Death {
  std::int64_t cycle = 0;
  std::size_t buffer = 0;
  friend bool operator>(const Death& a, const Death& b) {
    return a.cycle != b.cycle ? a.cycle > b.cycle : a.buffer > b.buffer;
  }
};

}  // namespace

// There are few sizes: a buffer takes the place of the one of its size that died last.
BufferPlan PlaceBuffers(std::span<const BufferLife> lives) {
  BufferPlan plan;
  plan.offsets.resize(lives.size());
  std::unordered_map<std::size_t, std::vector<std::size_t>> free;  // offsets by size
  std::priority_queue<Death, std::vector<Death>, std::greater<>> alive;
  const auto size_of = [&](std::size_t buffer) { return (lives[buffer].bytes + 63) / 64 * 64; };
  for (std::size_t b = 0; b < lives.size(); ++b) {
    if (lives[b].bytes == 0) continue;
    MILLRACE_CHECK(b == 0 || lives[b - 1].birth <= lives[b].birth);
    MILLRACE_CHECK(lives[b].birth <= lives[b].death);
    for (; !alive.empty() && alive.top().cycle < lives[b].birth; alive.pop()) {
      const std::size_t dead = alive.top().buffer;
      free[size_of(dead)].push_back(plan.offsets[dead]);
    }
    std::vector<std::size_t>& places = free[size_of(b)];
    if (places.empty()) {
      plan.offsets[b] = plan.bytes;
      plan.bytes += size_of(b);
    } else {
      plan.offsets[b] = places.back();
      places.pop_back();
    }
    alive.push({lives[b].death, b});
  }
  return plan;
}

}  // namespace millrace::sim
