// From a launch of a program to its dataflow (sim/dataflow.h): operations in the order of time, the
// producer of every vector, tiles, accumulators.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "sim/buffer_plan.h"
#include "sim/dataflow.h"
#include "sim/wires.h"

namespace millrace::sim {

// The instruction of an operation, if it is one of this kind.
template <typename Action>
const Action* As(const Operation& operation) {
  return std::get_if<Action>(&operation.issue.instruction->action);
}

// Of a read or a write.
inline const isa::Address* AddressOf(const Operation& operation) {
  if (const auto* read = As<isa::Read>(operation)) return &read->address;
  if (const auto* write = As<isa::Write>(operation)) return &write->address;
  return nullptr;
}

inline std::int32_t StrideOf(const Operation& operation) {
  if (const auto* read = As<isa::Read>(operation)) return read->stride;
  return As<isa::Write>(operation)->stride;
}

class DataflowResolver {
 public:
  DataflowResolver(SystemState& state, PackedTileStore& tiles,
                   std::span<const std::int64_t> registers);

  std::unique_ptr<Dataflow> Resolve();

 private:
  // Results of passes on one accumulator, by time. Buffers take turns: an emit comes before as many
  // passes have begun.
  static constexpr std::size_t kTurns = 8;
  struct Result {
    std::int64_t ready = 0;
    float* sums = nullptr;
  };
  struct Accumulator {
    float* buffers[kTurns] = {};
    std::size_t passes = 0;
    Result results[kTurns];
  };
  struct Plane {
    std::map<int, std::int32_t> loads;  // the latest by buffer
    std::vector<Accumulator> accumulators;
    std::size_t columns = 0;  // the most that any tile or emit has, a multiple of 16
  };

  void AddOperations();
  void AddDrives();
  void PairLinks();
  void AddSources(std::int32_t operation);
  void AddTile(std::int32_t operation);
  void AddPlaces(std::int32_t operation);
  void AddColumns();
  void AddHappenings();
  void AddSums(const Happening& happening);

  void NoteWrites();
  void MakeMove(Happening& happening);
  void NoteCondition(Happening& happening);
  bool RestsUntil(Driven driven, std::int64_t cycle) const;
  // Where a step finds a vector that it takes: of Dataflow::sources, or of Dataflow::tile_vectors.
  struct Place {
    std::size_t source = 0, tile_vector = 0;
    bool is_of_tile = false;
  };
  // The vector that a step takes on `cycle`, and needs up to `last_cycle`: known now, or in a
  // buffer that PlaceResults finds a place for.
  void Connect(Place place, Driven driven, std::int64_t cycle, std::int64_t last_cycle);
  void Put(Place place, const std::byte* bytes);
  void PlaceResults();
  std::size_t SliceOf(const Operation& operation) const;
  Driven Origin(Driven driven);
  std::byte* Allocate(std::size_t bytes);
  std::size_t OutBytes(const Operation& operation) const;
  std::span<const isa::StreamUse> UsesOf(std::int32_t operation) const;
  Operation& At(std::int32_t operation) {
    return flow_->operations[static_cast<std::size_t>(operation)];
  }
  Plane& PlaneOf(const Operation& operation);

  SystemState& state_;
  PackedTileStore& tiles_;
  const isa::Program& program_;
  const Chip& chip_;
  std::span<const std::int64_t> registers_;
  std::unique_ptr<Dataflow> flow_;
  Wires wires_;
  std::vector<isa::StreamUse> uses_;
  std::vector<std::size_t> first_use_;                // [operations + 1]
  std::map<std::int32_t, std::vector<Driven>> sent_;  // by receive: what the sender's steps take
  std::map<std::size_t, Plane> planes_;               // by chip and unit
  // When words are written whose address is known now; slices (SliceOf) with others; slices that
  // tiles are installed from.
  std::unordered_map<const std::byte*, std::vector<std::int64_t>> written_;
  std::set<std::size_t> written_anywhere_, tile_slices_;
  struct Borrowed {
    Place place;
    std::int32_t operation = 0;  // whose result it is
    std::size_t offset = 0;
  };
  std::vector<Borrowed> borrowed_;
  std::vector<BufferLife> results_;  // [operations]
  std::size_t left_bytes_ = 0;
  std::byte* next_byte_ = nullptr;
};

}  // namespace millrace::sim
