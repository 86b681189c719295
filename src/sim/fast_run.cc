#include "sim/fast_run.h"

#include <algorithm>
#include <cstring>

#include "numerics/half.h"

namespace millrace::sim {
namespace {

constexpr std::size_t kMostWaiting = 256;
// A pass on less is done sooner than a barrier.
constexpr std::size_t kSmallTileBytes = 16 * 1024;

void FillBlocks(std::size_t k, const std::byte* values, const std::byte* scales,
                std::vector<ActivationBlock>& blocks) {
  blocks.resize((k + kActivationBlock - 1) / kActivationBlock);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    ActivationBlock& block = blocks[b];
    std::memcpy(&block.d, scales + b * sizeof(float), sizeof(float));
    std::memcpy(block.q, values + b * kActivationBlock, kActivationBlock);
    std::int32_t halves[2] = {0, 0};
    for (int i = 0; i < 16; ++i) halves[0] += block.q[i];
    for (int i = 16; i < 32; ++i) halves[1] += block.q[i];
    block.half_sum[0] = halves[0];
    block.half_sum[1] = halves[1];
    block.sum = halves[0] + halves[1];
  }
}

void FillValues(DType dtype, std::size_t k, const std::byte* bytes, std::vector<float>& values) {
  values.resize(k);
  for (std::size_t i = 0; i < k; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes + 2 * i, sizeof(bits));
    values[i] = dtype == DType::kF16 ? HalfToFloat(bits) : BFloatToFloat(bits);
  }
}

}  // namespace

FastRun::FastRun(SystemState& state, PackedTileStore& tiles, Dataflow& flow,
                 const KernelTable& kernels, Team& team, std::span<const std::int64_t> registers)
    : state_(state),
      tiles_(tiles),
      flow_(flow),
      kernels_(kernels),
      team_(team),
      chip_(state.system->chip),
      registers_(state.chips.size(), {registers.begin(), registers.end()}),
      waiting_(kMostWaiting) {}

void FastRun::Run() {
  team_.Run([&](int thread) {
    if (thread != 0) return Serve(thread);
    for (const Happening& happening : flow_.happenings) {
      if (happening.to != nullptr) {
        std::memcpy(happening.to, happening.from, happening.bytes);
        continue;
      }
      const Operation& operation = flow_.operations[static_cast<std::size_t>(happening.operation)];
      std::visit([&](const auto& action) { Do(operation, action, happening.step); },
                 operation.issue.instruction->action);
    }
    done_ = true;
    if (team_.threads() > 1) team_.Barrier();
  });
}

void FastRun::Serve(int thread) {
  for (;;) {
    team_.Barrier();
    if (done_) return;
    Compute(thread);
    team_.Barrier();
  }
}

void FastRun::Flush() {
  if (waiting_count_ == 0) return;
  if (team_.threads() > 1) team_.Barrier();
  Compute(0);
  if (team_.threads() > 1) team_.Barrier();
  waiting_count_ = 0;
}

void FastRun::Compute(int thread) {
  const auto t = static_cast<std::size_t>(thread), n = static_cast<std::size_t>(team_.threads());
  for (std::size_t i = 0; i < waiting_count_; ++i) {
    // Parts of accumulators, so that a chain of passes stays with its thread.
    const auto tiles = static_cast<std::size_t>(chip_.mxm.columns + 15) / 16;
    ComputePart(waiting_[i], tiles * t / n, tiles * (t + 1) / n, t + 1 == n);
  }
}

void FastRun::ComputePart(const Waiting& pass, std::size_t begin_tile, std::size_t end_tile, bool) {
  const std::size_t begin = begin_tile * kTileRows, end = end_tile * kTileRows;
  if (pass.from == nullptr) {
    std::fill(pass.to + begin, pass.to + end, 0.0f);
  } else if (pass.scales) {
    for (std::size_t i = begin; i < end; ++i) pass.to[i] = pass.from[i] * pass.factor;
  } else {
    std::copy(pass.from + begin, pass.from + end, pass.to + begin);
  }
  end_tile = std::min(end_tile, pass.matrix->tiles());
  if (begin_tile >= end_tile) return;
  kernels_.linear(*pass.matrix, begin_tile, end_tile,
                  {.blocks = pass.blocks.data(),
                   .block_stride = pass.blocks.size(),
                   .values = pass.values.data(),
                   .value_stride = pass.values.size(),
                   .continues = true},
                  1, pass.to + begin, 0);
}

std::int64_t FastRun::WordOf(const Operation& operation, std::int32_t step) const {
  const auto& registers = registers_[static_cast<std::size_t>(operation.chip)];
  const isa::Action& action = operation.issue.instruction->action;
  if (const auto* read = std::get_if<isa::Read>(&action)) {
    return isa::WordOf(read->address, operation.issue, registers) +
           std::int64_t{step} * read->stride;
  }
  const auto& write = std::get<isa::Write>(action);
  return isa::WordOf(write.address, operation.issue, registers) + std::int64_t{step} * write.stride;
}

void FastRun::Do(const Operation& operation, const isa::Read&, std::int32_t step) {
  const std::byte* word = operation.address_is_fixed
                              ? flow_.words[operation.places + static_cast<std::size_t>(step)]
                              : chip_state(operation)
                                    .memory[UnitNumber(chip_, operation.issue.instruction->unit)]
                                    .Bytes(WordOf(operation, step));
  std::memcpy(operation.out + static_cast<std::size_t>(step) * vector_bytes(), word,
              vector_bytes());
}

void FastRun::Do(const Operation& operation, const isa::Write& write, std::int32_t step) {
  if (write.end_byte <= write.first_byte) return;
  const auto& registers = registers_[static_cast<std::size_t>(operation.chip)];
  if (!isa::TakesPlace(write.condition, registers)) return;
  const std::size_t slice = UnitNumber(chip_, operation.issue.instruction->unit);
  const std::int64_t word = WordOf(operation, step);
  const bool held = tiles_.HoldsSlice(operation.chip, static_cast<std::int32_t>(slice));
  if (held) Flush();
  std::byte* bytes = operation.address_is_fixed
                         ? flow_.words[operation.places + static_cast<std::size_t>(step)]
                         : chip_state(operation).memory[slice].Bytes(word);
  std::memcpy(bytes + write.first_byte, *SourcesOf(operation, step) + write.first_byte,
              static_cast<std::size_t>(write.end_byte - write.first_byte));
  if (held) {
    tiles_.Changed(operation.chip,
                   {static_cast<std::int32_t>(slice), static_cast<std::int32_t>(word)});
  }
}

// A load whose words depend on a register, or whose vectors do not rest in memory.
void FastRun::Do(const Operation& operation, const isa::Load& load, std::int32_t) {
  const auto vectors = std::span(flow_.tile_vectors)
                           .subspan(operation.vectors, static_cast<std::size_t>(load.vectors));
  const auto tile = static_cast<std::size_t>(operation.tile);
  const bool in_memory =
      std::ranges::all_of(vectors, [](const TileVector& v) { return v.read >= 0; });
  std::vector<WordPlace> places;
  std::vector<const std::byte*> bytes;
  for (const TileVector& vector : vectors) {
    if (vector.read < 0) {
      bytes.push_back(vector.bytes);
      continue;
    }
    const Operation& read = flow_.operations[static_cast<std::size_t>(vector.read)];
    const std::size_t slice = UnitNumber(chip_, read.issue.instruction->unit);
    const std::int64_t word = WordOf(read, vector.step);
    places.push_back({static_cast<std::int32_t>(slice), static_cast<std::int32_t>(word)});
    bytes.push_back(chip_state(operation).memory[slice].Bytes(word));
  }
  if (in_memory) {
    flow_.tiles[tile] = tiles_.Get(operation.chip, load, places);
    return;
  }
  Flush();
  if (flow_.loose_tiles[tile] == nullptr) flow_.loose_tiles[tile] = std::make_unique<PackedTile>();
  tiles_.Pack(load, bytes, *flow_.loose_tiles[tile]);
  flow_.tiles[tile] = flow_.loose_tiles[tile].get();
}

void FastRun::Do(const Operation& operation, const isa::Pass& pass, std::int32_t step) {
  if (waiting_count_ == kMostWaiting) Flush();
  Waiting& waiting = waiting_[waiting_count_];
  const PackedTile& tile = *flow_.tiles[static_cast<std::size_t>(operation.tile)];
  const std::byte* const* sources = SourcesOf(operation, step);
  float* const* sums = flow_.sums.data() + operation.sums + 2 * static_cast<std::size_t>(step);
  waiting.matrix = &tile.matrix;
  waiting.from = pass.begin == isa::PassBegin::kZero ? nullptr : sums[0];
  waiting.to = sums[1];
  waiting.scales = false;
  if (pass.begin == isa::PassBegin::kRescale) {
    float factor_and_begins[2];
    std::memcpy(factor_and_begins, sources[1], sizeof(factor_and_begins));
    waiting.factor = factor_and_begins[0];
    waiting.scales = true;
    if (factor_and_begins[1] != 0) waiting.from = nullptr;
  }
  if (IsQuantised(tile.load.dtype)) {
    FillBlocks(tile.load.k, sources[0], sources[1], waiting.blocks);
  } else {
    FillValues(tile.load.dtype, tile.load.k, sources[0], waiting.values);
  }
  ++waiting_count_;
  if (tile.matrix.bytes() > kSmallTileBytes) return;
  for (std::size_t i = 0; i + 1 < waiting_count_; ++i) {
    if (waiting_[i].to == waiting.from) return Flush();
  }
  --waiting_count_;
  ComputePart(waiting, 0, static_cast<std::size_t>(chip_.mxm.columns + 15) / 16, true);
}

void FastRun::Do(const Operation& operation, const isa::Emit& emit, std::int32_t step) {
  const float* sums = flow_.sums[operation.sums + static_cast<std::size_t>(step)];
  for (std::size_t i = 0; i < waiting_count_; ++i) {
    if (waiting_[i].to != sums) continue;
    Flush();
    break;
  }
  std::memcpy(operation.out + static_cast<std::size_t>(step) * operation.out_bytes + emit.shift,
              sums, emit.columns * sizeof(float));
}

void FastRun::Do(const Operation& operation, const isa::Shift& shift, std::int32_t step) {
  std::byte* out = operation.out + static_cast<std::size_t>(step) * operation.out_bytes;
  const std::byte* const* sources = SourcesOf(operation, step);
  for (std::size_t i = 0; i < shift.bytes;) {  // up to the end of a vector of the input
    const std::size_t from = shift.from + i, within = from % vector_bytes();
    const std::size_t size = std::min(vector_bytes() - within, shift.bytes - i);
    std::memcpy(out + shift.to + i, sources[from / vector_bytes()] + within, size);
    i += size;
  }
}

std::span<const float> FastRun::Gather(const std::byte* const* sources, std::size_t width,
                                       std::vector<float>& into) const {
  into.resize(width * vector_bytes() / sizeof(float));
  for (std::size_t v = 0; v < width; ++v) {
    if (sources[v] == nullptr) continue;
    std::memcpy(reinterpret_cast<std::byte*>(into.data()) + v * vector_bytes(), sources[v],
                vector_bytes());
  }
  return into;
}

void FastRun::BeginWork(const Operation& operation, VxmWork& work) {
  const isa::Vxm& vxm = *work.vxm;
  const ChipState& chip = chip_state(operation);
  const auto read = [&](StateRange range, std::vector<float>& into) {
    for (std::int32_t i = 0; range.reads && i < range.count; ++i) {
      into[static_cast<std::size_t>(i)] =
          chip.states[static_cast<std::size_t>(range.slot + i)].value;
    }
  };
  read(StatesOf(vxm), work.states);
  read(SumsOf(vxm), work.sums);
  work.collected.clear();
  work.collected_b.clear();
  work.chosen.clear();
  if (vxm.op != isa::VxmOp::kSoftmaxStep) return;
  const auto& registers = registers_[static_cast<std::size_t>(operation.chip)];
  work.position = registers[static_cast<std::size_t>(vxm.position)];
  work.first = operation.issue.iteration == 0;
  work.first_position = isa::kKvBlock * (registers[static_cast<std::size_t>(vxm.first_block)] +
                                         operation.issue.iteration);
}

void FastRun::FinishWork(const Operation& operation, VxmWork& work) {
  const isa::Vxm& vxm = *work.vxm;
  ChipState& chip = chip_state(operation);
  FinishVxm(work);
  const auto write = [&](StateRange range, const std::vector<float>& from) {
    for (std::int32_t i = 0; range.writes && i < range.count; ++i) {
      chip.states[static_cast<std::size_t>(range.slot + i)].value =
          from[static_cast<std::size_t>(i)];
    }
  };
  write(StatesOf(vxm), work.states);
  write(SumsOf(vxm), work.sums);
  for (std::size_t i = 0; i < work.chosen.size(); ++i) {
    registers_[static_cast<std::size_t>(operation.chip)]
              [static_cast<std::size_t>(vxm.first_block) + i] = work.chosen[i];
  }
}

void FastRun::Do(const Operation& operation, const isa::Vxm& vxm, std::int32_t step) {
  VxmWork& work = flow_.work[static_cast<std::size_t>(operation.work)];
  if (step == 0) BeginWork(operation, work);
  const std::byte* const* sources = SourcesOf(operation, step);
  const std::size_t a_width = vxm.a ? vxm.a->streams.width : 0;
  const std::size_t b_width = vxm.b ? vxm.b->streams.width : 0;
  const auto a = Gather(sources, a_width, a_), b = Gather(sources + a_width, b_width, b_);
  const bool one_result = vxm.op == isa::VxmOp::kDot;
  std::byte* out =
      operation.out == nullptr
          ? nullptr
          : operation.out + (one_result ? 0 : static_cast<std::size_t>(step) * operation.out_bytes);
  if (out != nullptr) std::memset(out, 0, operation.out_bytes);
  StepVxmFast(kernels_, work, step, a, b, {out, operation.out_bytes});
  if (step + 1 == operation.steps.count) FinishWork(operation, work);
}

}  // namespace millrace::sim
