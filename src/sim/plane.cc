#include "sim/plane.h"

#include <algorithm>
#include <cstring>

#include "isa/timing.h"

namespace millrace::sim {
namespace {

bool BeginsAtZero(const isa::Pass& pass, const std::byte* second) {
  if (pass.begin != isa::PassBegin::kRescale) return pass.begin == isa::PassBegin::kZero;
  float begins = 0;
  std::memcpy(&begins, second + sizeof(float), sizeof(begins));
  return begins != 0;
}

}  // namespace

Plane::Plane(const Chip& chip)
    : chip_(&chip),
      buffers_(static_cast<std::size_t>(chip.mxm.buffers)),
      accumulators_(static_cast<std::size_t>(chip.mxm.accumulators)) {}

const char* Plane::BeginLoad(const isa::Load& load, std::int64_t cycle) {
  Buffer& buffer = buffers_[load.buffer];
  if (cycle < buffer.free) return "a load into a buffer whose tile is in use";
  buffer.tile.load = load;
  buffer.tile.bytes.resize(static_cast<std::size_t>(load.vectors) *
                           static_cast<std::size_t>(chip_->vector_bytes));
  buffer.unpacked = false;
  buffer.ready = cycle + isa::LoadCycles(*chip_, load.vectors) + chip_->mxm.install_latency_cycles;
  return nullptr;
}

void Plane::Install(const isa::Load& load, std::int32_t vector, const std::byte* bytes) {
  const auto vector_bytes = static_cast<std::size_t>(chip_->vector_bytes);
  std::memcpy(
      buffers_[load.buffer].tile.bytes.data() + static_cast<std::size_t>(vector) * vector_bytes,
      bytes, vector_bytes);
}

const char* Plane::BeginPass(const isa::Pass& pass, std::int64_t cycle) {
  Buffer& buffer = buffers_[pass.buffer];
  if (buffer.ready < 0) return "a pass on a buffer without a tile";
  if (cycle < buffer.ready) return "a pass on a tile that is not installed yet";
  const isa::Load& load = buffer.tile.load;
  if (pass.interval < isa::TimePass(*chip_, load.dtype, load.k).interval_cycles) {
    return "steps of a pass that follow too soon";
  }
  buffer.free =
      std::max(buffer.free, cycle + std::int64_t{pass.count} * std::int64_t{pass.interval});
  if (!buffer.unpacked) buffer.columns = ColumnsOf(*chip_, load, buffer.tile.bytes);
  buffer.unpacked = true;
  return nullptr;
}

std::vector<float> Plane::BeginSums(const isa::Pass& pass, const Accumulator& accumulator,
                                    const std::byte* second) const {
  if (BeginsAtZero(pass, second)) {
    return std::vector<float>(static_cast<std::size_t>(chip_->mxm.columns), 0.0f);
  }
  std::vector<float> sums = accumulator.results.back().values;
  if (pass.begin == isa::PassBegin::kRescale) {
    float factor = 0;
    std::memcpy(&factor, second, sizeof(factor));
    for (float& sum : sums) sum *= factor;
  }
  return sums;
}

const char* Plane::Multiply(const isa::Pass& pass, std::int32_t step, std::int64_t cycle,
                            const std::byte* values, const std::byte* second) {
  const Buffer& buffer = buffers_[pass.buffer];
  Accumulator& accumulator = accumulators_[static_cast<std::size_t>(pass.accumulator + step)];
  if (cycle < accumulator.next_pass) return "a pass before the chain of the last one is done";
  if (!BeginsAtZero(pass, second) && accumulator.results.empty()) {
    return "a pass that goes on from an empty accumulator";
  }
  const isa::Load& load = buffer.tile.load;
  const isa::PassTiming timing = isa::TimePass(*chip_, load.dtype, load.k);
  Result result{.ready = cycle + timing.latency_cycles,
                .values = BeginSums(pass, accumulator, second)};
  AddProducts(load, buffer.columns, values, second, std::span(result.values).first(load.columns));
  accumulator.next_pass = cycle + timing.chain_cycles;
  // What has been overtaken by a result that is there can never be read again.
  std::vector<Result>& results = accumulator.results;
  while (results.size() > 1 && results[1].ready <= cycle) results.erase(results.begin());
  results.push_back(std::move(result));
  return nullptr;
}

std::span<const float> Plane::Read(std::int32_t index, std::int64_t cycle) const {
  const std::vector<Result>& results = accumulators_[static_cast<std::size_t>(index)].results;
  for (auto result = results.rbegin(); result != results.rend(); ++result) {
    if (result->ready <= cycle) return result->values;
  }
  return {};
}

}  // namespace millrace::sim
