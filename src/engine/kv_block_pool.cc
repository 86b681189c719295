#include "engine/kv_block_pool.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/check.h"

namespace millrace {

KvBlockPool::KvBlockPool(std::int32_t blocks) : free_(static_cast<std::size_t>(blocks)) {
  std::iota(free_.begin(), free_.end(), 0);  // ascending: already a min-heap
}

std::vector<std::int32_t> KvBlockPool::Take(std::int32_t count) {
  MILLRACE_CHECK(count >= 0 && count <= free_blocks());
  std::vector<std::int32_t> taken;
  taken.reserve(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) {
    std::pop_heap(free_.begin(), free_.end(), std::greater<>());
    taken.push_back(free_.back());
    free_.pop_back();
  }
  return taken;
}

void KvBlockPool::Give(const std::vector<std::int32_t>& blocks) {
  for (const std::int32_t block : blocks) {
    free_.push_back(block);
    std::push_heap(free_.begin(), free_.end(), std::greater<>());
  }
}

}  // namespace millrace
