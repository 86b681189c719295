// A matrix plane: buffers that tiles are installed into, accumulators, and the rules about both
// (docs/isa.md, "MXM"; rule kMatrix).
//
// Functions that can break a rule return what is wrong, or null. Cycles ascend from call to call.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isa/instruction.h"
#include "machine/chip.h"
#include "sim/tile.h"

namespace millrace::sim {

class Plane {
 public:
  explicit Plane(const Chip& chip);

  // A load is issued. Its vectors follow.
  const char* BeginLoad(const isa::Load& load, std::int64_t cycle);
  void Install(const isa::Load& load, std::int32_t vector, const std::byte* bytes);

  // A pass is issued: its tile must be there. The tile is in use until the last step is done.
  const char* BeginPass(const isa::Pass& pass, std::int64_t cycle);
  // The tile of a buffer that BeginPass accepted.
  const isa::Load& tile(std::uint8_t buffer) const { return buffers_[buffer].tile.load; }
  // Step `step` of a pass on `cycle`. values, second: the vectors of its two streams; second may be
  // null where nothing belongs to the values.
  const char* Multiply(const isa::Pass& pass, std::int32_t step, std::int64_t cycle,
                       const std::byte* values, const std::byte* second);

  // What accumulator `index` holds on `cycle`: [columns] binary32; empty if nothing is there yet.
  std::span<const float> Read(std::int32_t index, std::int64_t cycle) const;

 private:
  struct Buffer {
    Tile tile;
    std::vector<std::byte> columns;  // of the tile, made by the first pass
    bool unpacked = false;
    std::int64_t ready = -1;  // the first cycle of a pass; negative: there is no tile
    std::int64_t free = 0;    // the first cycle of the next load
  };
  // A result on its way to the accumulator, or there.
  struct Result {
    std::int64_t ready = 0;
    std::vector<float> values;
  };
  struct Accumulator {
    std::int64_t next_pass = 0;   // the first cycle on which a chain may go on
    std::vector<Result> results;  // by time; the last is the head of the chain
  };

  std::vector<float> BeginSums(const isa::Pass& pass, const Accumulator& accumulator,
                               const std::byte* second) const;

  const Chip* chip_;
  std::vector<Buffer> buffers_;
  std::vector<Accumulator> accumulators_;
};

}  // namespace millrace::sim
