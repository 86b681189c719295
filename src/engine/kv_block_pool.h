// Which KV blocks are free. A block is an index; its memory belongs to the executor.
#pragma once

#include <cstdint>
#include <vector>

namespace millrace {

class KvBlockPool {
 public:
  explicit KvBlockPool(std::int32_t blocks);

  std::int32_t free_blocks() const { return static_cast<std::int32_t>(free_.size()); }

  // Takes `count` blocks, the lowest first; count is at most free_blocks().
  std::vector<std::int32_t> Take(std::int32_t count);
  void Give(const std::vector<std::int32_t>& blocks);

 private:
  std::vector<std::int32_t> free_;  // a min-heap, so that the same requests get the same blocks
};

}  // namespace millrace
