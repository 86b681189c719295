// Where buffers lie that are not all needed at the same time: those whose lives do not overlap may
// share bytes, so that few bytes are touched again and again and stay near the core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::sim {

// Bytes that are needed from cycle `birth` to cycle `death`, both included.
struct BufferLife {
  std::size_t bytes = 0;  // 0: no buffer
  std::int64_t birth = 0, death = 0;
};

struct BufferPlan {
  std::vector<std::size_t> offsets;  // by buffer, multiples of 64
  std::size_t bytes = 0;             // of all together
};

// lives: by birth, ascending.
BufferPlan PlaceBuffers(std::span<const BufferLife> lives);

}  // namespace millrace::sim
