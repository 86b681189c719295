// A program as the fast simulator runs it: what every step reads and writes, without streams.
//
// The rules of streams fix, for every vector that a unit takes, which step of which instruction put
// it there. So a launch becomes a list of actions in the order of time, with addresses of buffers
// in place of streams. It holds for all launches whose loops run equally often over the same KV
// blocks: for 64 positions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "isa/expand.h"
#include "sim/packed_tile_store.h"
#include "sim/vxm_work.h"

namespace millrace::sim {

// An instruction that takes place, with all its steps.
struct Operation {
  isa::Issue issue;
  std::int32_t chip = 0;
  isa::Steps steps;
  std::size_t sources = 0;  // of Dataflow::sources: those of step i begin at + i * source_count
  std::int32_t source_count = 0;
  std::byte* out = nullptr;  // results: of step i at + i * out_bytes
  std::size_t out_bytes = 0;
  std::size_t places = 0;  // kMem: of Dataflow::words, one a step; valid if address_is_fixed
  bool address_is_fixed = false;
  std::size_t sums = 0;     // Pass: of Dataflow::sums, two a step; Emit: one a step
  std::size_t columns = 0;  // Pass: sums that a buffer holds, a multiple of 16
  std::int32_t tile = -1;   // Load, Pass: of Dataflow::tiles
  std::int32_t work = -1;   // Vxm: of Dataflow::work
  std::size_t vectors = 0;  // Load: of Dataflow::tile_vectors
};

// One vector of a tile: a step of a Read, or bytes in a buffer if `read` is negative.
struct TileVector {
  std::int32_t read = -1, step = 0;
  const std::byte* bytes = nullptr;
};

// Something that happens in the order of the list: a step of an operation, or, where it is no more
// than that, a move of bytes.
struct Happening {
  std::int64_t cycle = 0;
  std::int32_t operation = 0, step = 0;
  std::uint8_t phase = 0;
  std::uint16_t bytes = 0;
  std::int16_t condition = -1;  // of Dataflow::conditions; -1: it happens in every launch
  const std::byte* from = nullptr;
  std::byte* to = nullptr;  // null: not a move
};

struct Dataflow {
  std::vector<Operation> operations;
  std::vector<Happening> happenings;
  std::vector<isa::Condition> conditions;  // that registers decide before a launch begins
  // The happenings of a launch, by which conditions hold in it: made when first asked for.
  std::map<std::vector<bool>, std::vector<std::uint32_t>> due;
  std::vector<const std::byte*> sources;  // null: no vector is needed
  std::vector<std::byte*> words;          // of SRAM
  std::vector<float*> sums;               // accumulators: Pass: from, to; Emit: what is emitted
  std::vector<TileVector> tile_vectors;
  std::vector<const PackedTile*> tiles;                  // by the latest load
  std::vector<std::unique_ptr<PackedTile>> loose_tiles;  // [tiles], of vectors not from SRAM
  std::vector<VxmWork> work;
  std::vector<std::unique_ptr<std::byte[]>> buffers;  // that `out` and `sums` point into
};

// registers: of RegistersAt; those that only count blocks decide what the dataflow is.
std::unique_ptr<Dataflow> ResolveDataflow(SystemState& state, PackedTileStore& tiles,
                                          std::span<const std::int64_t> registers);

// The happenings of a launch with these registers. Valid until the next call.
std::span<const std::uint32_t> DueHappenings(Dataflow& flow,
                                             std::span<const std::int64_t> registers);

// Whether all launches of a dataflow agree on what the register holds.
bool IsFixed(const isa::Program& program, isa::RegisterIndex index);

}  // namespace millrace::sim
