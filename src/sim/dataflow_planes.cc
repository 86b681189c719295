// The part of a dataflow that planes are: which words a tile comes from, and which sums go on from
// which.
#include <algorithm>

#include "base/check.h"
#include "sim/dataflow_resolver.h"

namespace millrace::sim {

void DataflowResolver::AddTile(std::int32_t index) {
  Operation& operation = At(index);
  const auto* load = As<isa::Load>(operation);
  if (load == nullptr) return;
  operation.tile = static_cast<std::int32_t>(flow_->tiles.size());
  operation.vectors = flow_->tile_vectors.size();
  flow_->tile_vectors.resize(operation.vectors + static_cast<std::size_t>(load->vectors));
  bool fixed = true;
  std::int32_t lane = 0;
  std::vector<WordPlace> places(static_cast<std::size_t>(load->vectors));
  for (const isa::StreamUse& use : UsesOf(index)) {
    for (std::int32_t s = 0; s < use.steps.count; ++s) {
      const Driven driven = Origin(wires_.Find(operation.chip, use, s));
      const Operation& producer = At(driven.operation);
      const auto v = static_cast<std::size_t>(s * chip_.mxm.install_streams + lane);
      TileVector& vector = flow_->tile_vectors[operation.vectors + v];
      if (As<isa::Read>(producer) && producer.chip == operation.chip) {
        vector = {.read = driven.operation, .step = driven.step};
        tile_slices_.insert(SliceOf(producer));
        fixed = fixed && producer.address_is_fixed;
        const isa::Address& address = *AddressOf(producer);
        if (!producer.address_is_fixed) continue;
        places[v] = {static_cast<std::int32_t>(UnitNumber(chip_, producer.issue.instruction->unit)),
                     static_cast<std::int32_t>(isa::WordOf(address, producer.issue, registers_) +
                                               std::int64_t{driven.step} * StrideOf(producer))};
      } else {
        const Place place{.tile_vector = operation.vectors + v, .is_of_tile = true};
        Connect(place, driven, use.cycle + s, operation.issue.cycle + operation.steps.count);
        fixed = false;
      }
    }
    ++lane;
  }
  flow_->tiles.push_back(fixed ? tiles_.Get(operation.chip, *load, places) : nullptr);
  flow_->loose_tiles.emplace_back();
}

DataflowResolver::Plane& DataflowResolver::PlaneOf(const Operation& operation) {
  Plane& plane = planes_[static_cast<std::size_t>(operation.chip) * UnitCount(chip_) +
                         UnitNumber(chip_, operation.issue.instruction->unit)];
  plane.accumulators.resize(static_cast<std::size_t>(chip_.mxm.accumulators));
  return plane;
}

// Few programs use all columns of a plane: sums are kept for those that they do.
void DataflowResolver::AddColumns() {
  for (const Operation& operation : flow_->operations) {
    const auto* load = As<isa::Load>(operation);
    const auto* emit = As<isa::Emit>(operation);
    if (load == nullptr && emit == nullptr) continue;
    const auto columns = static_cast<std::size_t>(load ? load->columns : emit->columns);
    std::size_t& most = PlaneOf(operation).columns;
    most = std::max(most, (columns + 15) / 16 * 16);
  }
}

// Passes, by time: which tile they multiply with, and which sums go on from which.
void DataflowResolver::AddSums(const Happening& happening) {
  Operation& operation = At(happening.operation);
  if (As<isa::Load>(operation)) {
    PlaneOf(operation).loads[As<isa::Load>(operation)->buffer] = operation.tile;
  }
  const auto* pass = As<isa::Pass>(operation);
  const auto* emit = As<isa::Emit>(operation);
  if (pass == nullptr && emit == nullptr) return;
  const auto per_step = static_cast<std::size_t>(pass ? 2 : 1);
  if (happening.step == 0) {
    operation.sums = flow_->sums.size();
    flow_->sums.resize(operation.sums + per_step * static_cast<std::size_t>(operation.steps.count));
    if (pass) operation.columns = PlaneOf(operation).columns;
    if (pass) operation.tile = PlaneOf(operation).loads.at(pass->buffer);
  }
  float** sums = &flow_->sums[operation.sums + per_step * static_cast<std::size_t>(happening.step)];
  const std::int32_t number = (pass ? pass->accumulator : emit->accumulator) + happening.step;
  Accumulator& accumulator = PlaneOf(operation).accumulators[static_cast<std::size_t>(number)];
  if (emit) {
    for (std::size_t back = 1; back <= kTurns && back <= accumulator.passes; ++back) {
      const Result& result = accumulator.results[(accumulator.passes - back) % kTurns];
      if (result.ready > happening.cycle) continue;
      sums[0] = result.sums;
      return;
    }
    MILLRACE_CHECK(false);
  }
  if (accumulator.passes > 0) {
    sums[0] = accumulator.results[(accumulator.passes - 1) % kTurns].sums;
  }
  const std::size_t turn = accumulator.passes++ % kTurns;
  float*& buffer = accumulator.buffers[turn];
  if (buffer == nullptr) {
    buffer = reinterpret_cast<float*>(Allocate(operation.columns * sizeof(float)));
  }
  sums[1] = buffer;
  const isa::Load& tile = *operation.issue.tile;
  accumulator.results[turn] = {
      happening.cycle + isa::TimePass(chip_, tile.dtype, tile.k).latency_cycles, buffer};
}

}  // namespace millrace::sim
