#include "sim/fast_run.h"

#include <algorithm>
#include <cstring>

#include "numerics/half.h"

namespace millrace::sim {
namespace {

constexpr std::size_t kMostWaiting = 256;
// Passes on less are done sooner by one thread than a barrier by all.
constexpr std::size_t kFewBytes = 32 * 1024;

// The sum of sixteen bytes, eight at a time: shifted to 0..255, then neighbours, then all.
std::int32_t SumOf16(const std::int8_t* q) {
  constexpr std::uint64_t kEven = 0x00FF00FF00FF00FFu, kSigns = 0x8080808080808080u;
  std::uint64_t pairs = 0;
  for (std::size_t i = 0; i < 16; i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, q + i, sizeof(eight));
    eight ^= kSigns;
    pairs += (eight & kEven) + (eight >> 8 & kEven);
  }
  return static_cast<std::int32_t>(pairs * 0x0001000100010001u >> 48) - 16 * 128;
}

void FillBlocks(std::size_t k, const std::byte* values, const std::byte* scales,
                std::vector<ActivationBlock>& blocks) {
  blocks.resize((k + kActivationBlock - 1) / kActivationBlock);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    ActivationBlock& block = blocks[b];
    std::memcpy(&block.d, scales + b * sizeof(float), sizeof(float));
    std::memcpy(block.q, values + b * kActivationBlock, kActivationBlock);
    const std::int32_t halves[2] = {SumOf16(block.q), SumOf16(block.q + 16)};
    block.half_sum[0] = halves[0];
    block.half_sum[1] = halves[1];
    block.sum = halves[0] + halves[1];
  }
}

// Whether `blocks` are what FillBlocks makes of these vectors.
bool AreBlocks(std::size_t k, const std::byte* values, const std::byte* scales,
               const ActivationBlock* blocks) {
  for (std::size_t b = 0; b < (k + kActivationBlock - 1) / kActivationBlock; ++b) {
    if (std::memcmp(blocks[b].q, values + b * kActivationBlock, kActivationBlock) != 0 ||
        std::memcmp(&blocks[b].d, scales + b * sizeof(float), sizeof(float)) != 0) {
      return false;
    }
  }
  return true;
}

void FillValues(const KernelTable& kernels, DType dtype, std::size_t k, const std::byte* bytes,
                std::vector<float>& values) {
  values.resize(k);
  if (dtype == DType::kF16) {
    return kernels.from_half(reinterpret_cast<const Half*>(bytes), k, values.data());
  }
  for (std::size_t i = 0; i < k; ++i) {
    BFloat bits = 0;
    std::memcpy(&bits, bytes + 2 * i, sizeof(bits));
    values[i] = BFloatToFloat(bits);
  }
}

[[gnu::always_inline]] inline void PrefetchBytes(const void* data, std::size_t bytes) {
  const char* at = static_cast<const char*>(data);
  for (std::size_t line = 0; line < bytes; line += 64) __builtin_prefetch(at + line);
  __builtin_prefetch(at + bytes - 1);
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
      due_(DueHappenings(flow, registers)),
      registers_(state.chips.size(), {registers.begin(), registers.end()}),
      waiting_(kMostWaiting) {}

// The list is long and the weights drive it out of the caches: what comes next is asked for early.
// (Inline, because a function that does nothing else has no effect to a compiler, and is dropped.)
[[gnu::always_inline]] inline void FastRun::Prefetch(std::size_t at) const {
  constexpr std::size_t kNext = 3, kNear = 8, kFar = 16;
  if (at + kFar >= due_.size()) return;
  const Happening& far = flow_.happenings[due_[at + kFar]];
  const Happening& near = flow_.happenings[due_[at + kNear]];
  if (far.to == nullptr) {
    const Operation& operation = flow_.operations[static_cast<std::size_t>(far.operation)];
    PrefetchBytes(&operation, sizeof(operation));
  } else {
    __builtin_prefetch(far.from);
    __builtin_prefetch(far.to);
  }
  if (near.to == nullptr) {
    const Operation& operation = flow_.operations[static_cast<std::size_t>(near.operation)];
    PrefetchBytes(operation.issue.instruction, sizeof(isa::Instruction));
    __builtin_prefetch(SourcesOf(operation, near.step));
    if (operation.tile >= 0)
      __builtin_prefetch(&flow_.tiles[static_cast<std::size_t>(operation.tile)]);
  }
  const Happening& next = flow_.happenings[due_[at + kNext]];
  if (next.to != nullptr) return;
  const Operation& operation = flow_.operations[static_cast<std::size_t>(next.operation)];
  const std::byte* const* sources = SourcesOf(operation, next.step);
  for (std::int32_t v = 0; v < operation.source_count; ++v) {
    PrefetchBytes(sources[v], vector_bytes());
  }
  if (operation.tile >= 0) {
    const PackedTile* tile = flow_.tiles[static_cast<std::size_t>(operation.tile)];
    PrefetchBytes(tile, sizeof(*tile));
  }
}

void FastRun::Run() {
  team_.Run([&](int thread) {
    if (thread != 0) return Serve(thread);
    for (std::size_t i = 0; i < due_.size(); ++i) {
      Prefetch(i);
      Happen(flow_.happenings[due_[i]]);
    }
    done_ = true;
    if (team_.threads() > 1) team_.Barrier();
  });
}

void FastRun::Happen(const Happening& happening) {
  if (happening.to != nullptr) {
    std::memcpy(happening.to, happening.from, happening.bytes);
    return;
  }
  const Operation& operation = flow_.operations[static_cast<std::size_t>(happening.operation)];
  std::visit([&](const auto& action) { Do(operation, action, happening.step); },
             operation.issue.instruction->action);
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
  if (team_.threads() == 1 || waiting_bytes_ < kFewBytes) {
    for (std::size_t i = 0; i < waiting_count_; ++i) {
      ComputePart(waiting_[i], 0, waiting_[i].matrix->tiles());
    }
  } else {
    team_.Barrier();
    Compute(0);
    team_.Barrier();
  }
  waiting_count_ = chains_ = waiting_bytes_ = 0;
}

// A pass goes on from the one before it in its chain without a barrier: a thread has whole chains,
// or, where these do not come out even, the same part of the columns of every chain.
void FastRun::Compute(int thread) {
  const auto t = static_cast<std::size_t>(thread), n = static_cast<std::size_t>(team_.threads());
  for (std::size_t i = 0; i < waiting_count_; ++i) {
    const Waiting& pass = waiting_[i];
    const std::size_t tiles = pass.matrix->tiles();
    if (chains_ % n != 0) {
      ComputePart(pass, tiles * t / n, tiles * (t + 1) / n);
    } else if (pass.chain % n == t) {
      ComputePart(pass, 0, tiles);
    }
  }
}

void FastRun::ComputePart(const Waiting& pass, std::size_t begin_tile, std::size_t end_tile) const {
  // Columns that the tile does not have go on from what was there: they are the last part's.
  const bool last = end_tile == pass.matrix->tiles();
  const std::size_t begin = begin_tile * kTileRows;
  const std::size_t end = last ? pass.columns : end_tile * kTileRows;
  if (pass.from == nullptr) {
    std::fill(pass.to + begin, pass.to + end, 0.0f);
  } else if (pass.scales) {
    for (std::size_t i = begin; i < end; ++i) pass.to[i] = pass.from[i] * pass.factor;
  } else {
    std::copy(pass.from + begin, pass.from + end, pass.to + begin);
  }
  if (begin_tile >= end_tile) return;
  kernels_.linear(*pass.matrix, begin_tile, end_tile,
                  {.blocks = pass.blocks,
                   .block_stride = 0,
                   .values = pass.values.data(),
                   .value_stride = 0,
                   .continues = true},
                  1, pass.to + begin, 0);
}

// Puts the activations of a pass into the form of the kernels. Planes often take the same ones at
// the same time: then one form serves all.
void FastRun::Prepare(const isa::Load& tile, const std::byte* const* sources, Waiting& waiting) {
  if (!IsQuantised(tile.dtype)) {
    return FillValues(kernels_, tile.dtype, tile.k, sources[0], waiting.values);
  }
  constexpr std::size_t kLookBack = 4;
  for (std::size_t back = 1; back <= std::min(kLookBack, waiting_count_); ++back) {
    const Waiting& other = waiting_[waiting_count_ - back];
    if (other.block_count * kActivationBlock < tile.k) continue;
    if (!AreBlocks(tile.k, sources[0], sources[1], other.blocks)) continue;
    waiting.blocks = other.blocks;
    waiting.block_count = other.block_count;
    return;
  }
  FillBlocks(tile.k, sources[0], sources[1], waiting.own_blocks);
  waiting.blocks = waiting.own_blocks.data();
  waiting.block_count = waiting.own_blocks.size();
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

// The waiting pass that computes these sums, or null.
const FastRun::Waiting* FastRun::Computes(const float* sums) const {
  for (std::size_t i = waiting_count_; i-- > 0;) {
    if (waiting_[i].to == sums) return &waiting_[i];
  }
  return nullptr;
}

// Buffers of sums take turns (DataflowResolver): whether a pass of another chain, which another
// thread may compute, still needs the one at `sums`.
bool FastRun::IsInUse(const float* sums, const Waiting* before) const {
  for (std::size_t i = 0; i < waiting_count_; ++i) {
    const Waiting& other = waiting_[i];
    if (before != nullptr && other.chain == before->chain) continue;
    if (other.to == sums || other.from == sums) return true;
  }
  return false;
}

void FastRun::Do(const Operation& operation, const isa::Pass& pass, std::int32_t step) {
  const PackedTile& tile = *flow_.tiles[static_cast<std::size_t>(operation.tile)];
  const std::byte* const* sources = SourcesOf(operation, step);
  float* const* sums = flow_.sums.data() + operation.sums + 2 * static_cast<std::size_t>(step);
  const Waiting* before = pass.begin == isa::PassBegin::kZero ? nullptr : Computes(sums[0]);
  const bool other_parts = before != nullptr && before->matrix->tiles() != tile.matrix.tiles();
  if (other_parts || waiting_count_ == kMostWaiting || IsInUse(sums[1], before)) Flush();
  Waiting& waiting = waiting_[waiting_count_];
  waiting.matrix = &tile.matrix;
  waiting.from = pass.begin == isa::PassBegin::kZero ? nullptr : sums[0];
  waiting.to = sums[1];
  waiting.columns = operation.columns;
  waiting.scales = false;
  if (pass.begin == isa::PassBegin::kRescale) {
    float factor_and_begins[2];
    std::memcpy(factor_and_begins, sources[1], sizeof(factor_and_begins));
    waiting.factor = factor_and_begins[0];
    waiting.scales = true;
    if (factor_and_begins[1] != 0) waiting.from = nullptr;
  }
  Prepare(tile.load, sources, waiting);
  waiting.chain = before != nullptr && waiting_count_ > 0 ? before->chain : chains_++;
  waiting_bytes_ += tile.matrix.bytes();
  ++waiting_count_;
}

void FastRun::Do(const Operation& operation, const isa::Emit& emit, std::int32_t step) {
  const float* sums = flow_.sums[operation.sums + static_cast<std::size_t>(step)];
  if (Computes(sums) != nullptr) Flush();
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

}  // namespace millrace::sim
