#include "sim/dataflow_resolver.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/check.h"

namespace millrace::sim {
namespace {

using Kind = isa::StreamUse::Kind;

// The number of the vector that a drive of an operation is, within its results.
std::int32_t VectorOf(const Operation& operation, const isa::StreamUse& use) {
  if (const auto* vxm = As<isa::Vxm>(operation)) return use.stream - vxm->out.base;
  if (const auto* emit = As<isa::Emit>(operation)) return use.stream - emit->out.base;
  if (const auto* shift = As<isa::Shift>(operation)) return use.stream - shift->out.base;
  return 0;
}

std::int32_t WidthOf(const std::optional<isa::Operand>& operand) {
  return operand ? operand->streams.width : 0;
}

}  // namespace

bool IsFixed(const isa::Program& program, isa::RegisterIndex index) {
  if (index == isa::kNoRegister) return true;
  const isa::LaunchRegister::Kind kind = program.registers[static_cast<std::size_t>(index)].kind;
  return kind == isa::LaunchRegister::Kind::kBlocks ||
         kind == isa::LaunchRegister::Kind::kFirstBlock;
}

std::unique_ptr<Dataflow> ResolveDataflow(SystemState& state, PackedTileStore& tiles,
                                          std::span<const std::int64_t> registers) {
  return DataflowResolver(state, tiles, registers).Resolve();
}

DataflowResolver::DataflowResolver(SystemState& state, PackedTileStore& tiles,
                                   std::span<const std::int64_t> registers)
    : state_(state),
      tiles_(tiles),
      program_(*state.program),
      chip_(state.system->chip),
      registers_(registers),
      flow_(std::make_unique<Dataflow>()),
      wires_(chip_, state.chips.size()) {}

std::unique_ptr<Dataflow> DataflowResolver::Resolve() {
  AddOperations();
  AddDrives();
  PairLinks();
  const auto count = static_cast<std::int32_t>(flow_->operations.size());
  for (std::int32_t i = 0; i < count; ++i) AddPlaces(i);
  NoteWrites();
  for (std::int32_t i = 0; i < count; ++i) AddSources(i);
  for (std::int32_t i = 0; i < count; ++i) AddTile(i);
  PlaceResults();
  AddColumns();
  AddHappenings();
  return std::move(flow_);
}

std::byte* DataflowResolver::Allocate(std::size_t bytes) {
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  bytes = (bytes + 63) / 64 * 64;
  if (bytes > left_bytes_) {
    left_bytes_ = std::max(kChunk, bytes);
    flow_->buffers.push_back(std::make_unique<std::byte[]>(left_bytes_ + 64));
    next_byte_ = flow_->buffers.back().get();
    next_byte_ += (64 - reinterpret_cast<std::uintptr_t>(next_byte_) % 64) % 64;
  }
  left_bytes_ -= bytes;
  return std::exchange(next_byte_, next_byte_ + bytes);
}

std::size_t DataflowResolver::OutBytes(const Operation& operation) const {
  const auto vector_bytes = static_cast<std::size_t>(chip_.vector_bytes);
  if (As<isa::Read>(operation)) return vector_bytes;
  if (const auto* emit = As<isa::Emit>(operation)) return emit->out.width * vector_bytes;
  if (const auto* shift = As<isa::Shift>(operation)) return shift->out.width * vector_bytes;
  const auto* vxm = As<isa::Vxm>(operation);
  if (vxm == nullptr || vxm->to == isa::ResultSides::kNone) return 0;
  return vxm->out.width * vector_bytes;
}

void DataflowResolver::AddOperations() {
  const std::vector<std::int64_t> starts = isa::SectionStarts(program_, registers_);
  for (std::size_t c = 0; c < program_.chips.size(); ++c) {
    const auto chip = static_cast<std::int32_t>(c);
    for (const isa::Issue& issue : isa::Expand(program_, chip, registers_, starts)) {
      flow_->operations.push_back(
          {.issue = issue, .chip = chip, .steps = isa::StepsOf(chip_, *issue.instruction)});
    }
  }
  std::stable_sort(
      flow_->operations.begin(), flow_->operations.end(),
      [](const Operation& a, const Operation& b) { return a.issue.cycle < b.issue.cycle; });
}

std::span<const isa::StreamUse> DataflowResolver::UsesOf(std::int32_t operation) const {
  const auto i = static_cast<std::size_t>(operation);
  return std::span(uses_).subspan(first_use_[i], first_use_[i + 1] - first_use_[i]);
}

void DataflowResolver::AddDrives() {
  for (const Operation& operation : flow_->operations) {
    first_use_.push_back(uses_.size());
    isa::StreamUses(chip_, operation.issue, uses_);
  }
  first_use_.push_back(uses_.size());
  for (std::int32_t i = 0; i < std::ssize(flow_->operations); ++i) {
    Operation& operation = At(i);
    for (const isa::StreamUse& use : UsesOf(i)) {
      if (use.kind != Kind::kDrive) continue;
      wires_.Drive(operation.chip, use, i, VectorOf(operation, use));
    }
    operation.out_bytes = OutBytes(operation);
    // What a read puts on a stream is mostly taken from SRAM: Connect says where it is not.
    const std::size_t bytes = operation.out_bytes * static_cast<std::size_t>(operation.steps.count);
    results_.push_back(
        {.bytes = As<isa::Read>(operation) ? 0 : bytes,
         .birth = operation.issue.cycle,
         .death = operation.issue.cycle + operation.steps.count * operation.steps.interval});
  }
  wires_.Sort();
}

// A link delivers in the order of sending.
void DataflowResolver::PairLinks() {
  using End = std::pair<std::int32_t, std::int32_t>;  // the receiving chip and link
  std::map<End, std::vector<std::pair<std::int64_t, Driven>>> sends;
  std::map<End, std::size_t> received;
  for (std::int32_t i = 0; i < std::ssize(flow_->operations); ++i) {
    const Operation& operation = At(i);
    if (!As<isa::Send>(operation)) continue;
    const auto peer = state_.system->Peer(operation.chip, operation.issue.instruction->unit.index);
    for (std::int32_t s = 0; s < operation.steps.count; ++s) {
      sends[{peer->chip, peer->link}].push_back(
          {operation.issue.cycle + s * operation.steps.interval + peer->latency_cycles, {i, s, 0}});
    }
  }
  for (std::int32_t i = 0; i < std::ssize(flow_->operations); ++i) {
    const Operation& operation = At(i);
    if (!As<isa::Receive>(operation)) continue;
    const End end{operation.chip, operation.issue.instruction->unit.index};
    for (std::int32_t s = 0; s < operation.steps.count; ++s) {
      sent_[i].push_back(sends[end][received[end]++].second);
    }
  }
}

// What drove a vector first: a receive passes on what was sent.
Driven DataflowResolver::Origin(Driven driven) {
  MILLRACE_CHECK(driven.operation >= 0);
  if (!As<isa::Receive>(At(driven.operation))) return driven;
  const Driven send = sent_[driven.operation][static_cast<std::size_t>(driven.step)];
  return Origin(wires_.Find(At(send.operation).chip, UsesOf(send.operation)[0], send.step));
}

std::size_t DataflowResolver::SliceOf(const Operation& operation) const {
  return static_cast<std::size_t>(operation.chip) * UnitCount(chip_) +
         UnitNumber(chip_, operation.issue.instruction->unit);
}

void DataflowResolver::NoteWrites() {
  for (const Operation& operation : flow_->operations) {
    const auto* write = As<isa::Write>(operation);
    if (write == nullptr || write->end_byte <= write->first_byte) continue;
    if (!operation.address_is_fixed) {
      written_anywhere_.insert(SliceOf(operation));
      continue;
    }
    for (std::int64_t s = 0; s < operation.steps.count; ++s) {
      written_[flow_->words[operation.places + static_cast<std::size_t>(s)]].push_back(
          operation.issue.cycle + s * operation.steps.interval);
    }
  }
}

// Whether a word that was read keeps its contents up to `cycle`, so that nobody needs a copy.
bool DataflowResolver::RestsUntil(Driven driven, std::int64_t cycle) const {
  const Operation& read = flow_->operations[static_cast<std::size_t>(driven.operation)];
  if (!As<isa::Read>(read) || !read.address_is_fixed) return false;
  if (written_anywhere_.contains(SliceOf(read))) return false;
  const auto written =
      written_.find(flow_->words[read.places + static_cast<std::size_t>(driven.step)]);
  if (written == written_.end()) return true;
  const std::int64_t from = read.issue.cycle + driven.step * read.steps.interval;
  return std::ranges::none_of(written->second,
                              [&](std::int64_t at) { return from <= at && at <= cycle; });
}

void DataflowResolver::Put(Place place, const std::byte* bytes) {
  if (place.is_of_tile) {
    flow_->tile_vectors[place.tile_vector].bytes = bytes;
  } else {
    flow_->sources[place.source] = bytes;
  }
}

void DataflowResolver::Connect(Place place, Driven driven, std::int64_t cycle,
                               std::int64_t last_cycle) {
  const Operation& producer = At(driven.operation);
  if (RestsUntil(driven, cycle)) {
    return Put(place, flow_->words[producer.places + static_cast<std::size_t>(driven.step)]);
  }
  BufferLife& result = results_[static_cast<std::size_t>(driven.operation)];
  result.bytes = producer.out_bytes * static_cast<std::size_t>(producer.steps.count);
  result.death = std::max({result.death, cycle, last_cycle});
  borrowed_.push_back(
      {place, driven.operation,
       static_cast<std::size_t>(driven.step) * producer.out_bytes +
           static_cast<std::size_t>(driven.vector) * static_cast<std::size_t>(chip_.vector_bytes)});
}

void DataflowResolver::PlaceResults() {
  const BufferPlan plan = PlaceBuffers(results_);
  std::byte* bytes = Allocate(plan.bytes);
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (results_[i].bytes > 0) flow_->operations[i].out = bytes + plan.offsets[i];
  }
  for (const Borrowed& borrowed : borrowed_) {
    Put(borrowed.place, At(borrowed.operation).out + borrowed.offset);
  }
}

void DataflowResolver::AddPlaces(std::int32_t index) {
  Operation& operation = At(index);
  const isa::Address* address = AddressOf(operation);
  if (address == nullptr || !IsFixed(program_, address->index)) return;
  operation.address_is_fixed = true;
  operation.places = flow_->words.size();
  SliceMemory& memory = state_.chips[static_cast<std::size_t>(operation.chip)]
                            .memory[UnitNumber(chip_, operation.issue.instruction->unit)];
  const std::int64_t word = isa::WordOf(*address, operation.issue, registers_);
  for (std::int64_t s = 0; s < operation.steps.count; ++s) {
    flow_->words.push_back(memory.Bytes(word + s * StrideOf(operation)));
  }
}

void DataflowResolver::AddSources(std::int32_t index) {
  Operation& operation = At(index);
  if (As<isa::Load>(operation) || As<isa::Send>(operation)) return;
  const auto* vxm = As<isa::Vxm>(operation);
  const auto* shift = As<isa::Shift>(operation);
  std::int32_t first = 0, a_vectors = 0;
  operation.source_count = As<isa::Write>(operation) ? 1 : As<isa::Pass>(operation) ? 2 : 0;
  if (shift) {
    operation.source_count = shift->in.width;
    first = shift->from / chip_.vector_bytes;
  }
  if (vxm) {
    operation.source_count = WidthOf(vxm->a) + WidthOf(vxm->b);
    if (vxm->a) {
      const isa::StepShape shape = isa::ShapeOfA(chip_, *vxm);
      while (a_vectors < shape.vectors && isa::StepsWith(*vxm, shape, a_vectors) > 0) ++a_vectors;
    }
    operation.work = static_cast<std::int32_t>(flow_->work.size());
    flow_->work.push_back(BeginVxm(chip_, *vxm));
  }
  operation.sources = flow_->sources.size();
  flow_->sources.resize(operation.sources + static_cast<std::size_t>(operation.source_count) *
                                                static_cast<std::size_t>(operation.steps.count));
  std::int32_t slot = first;
  for (const isa::StreamUse& use : UsesOf(index)) {
    if (use.kind == Kind::kDrive) continue;
    if (vxm && slot == a_vectors) slot = WidthOf(vxm->a);
    for (std::int64_t s = 0; s < use.steps.count; ++s) {
      const Place place{.source = operation.sources +
                                  static_cast<std::size_t>(s * operation.source_count + slot)};
      Connect(place, Origin(wires_.Find(operation.chip, use, s)),
              use.cycle + s * use.steps.interval,
              operation.issue.cycle + s * operation.steps.interval);
    }
    ++slot;
  }
}

void DataflowResolver::AddHappenings() {
  for (std::int32_t i = 0; i < std::ssize(flow_->operations); ++i) {
    const Operation& operation = At(i);
    const bool nothing_to_do = As<isa::Send>(operation) || As<isa::Receive>(operation) ||
                               (As<isa::Read>(operation) && operation.out == nullptr);
    if (nothing_to_do) continue;
    const bool first = As<isa::Read>(operation) || As<isa::Emit>(operation);
    const std::int64_t steps = As<isa::Load>(operation) ? 1 : operation.steps.count;
    for (std::int64_t s = 0; s < steps; ++s) {
      flow_->happenings.push_back({operation.issue.cycle + s * operation.steps.interval, i,
                                   static_cast<std::int32_t>(s),
                                   static_cast<std::uint8_t>(first ? 0 : 1)});
    }
  }
  std::sort(flow_->happenings.begin(), flow_->happenings.end(),
            [](const Happening& a, const Happening& b) {
              return std::tie(a.cycle, a.phase, a.operation, a.step) <
                     std::tie(b.cycle, b.phase, b.operation, b.step);
            });
  for (Happening& happening : flow_->happenings) {
    AddSums(happening);
    MakeMove(happening);
    NoteCondition(happening);
  }
  std::erase_if(flow_->happenings, [&](const Happening& h) {
    const Operation& operation = At(h.operation);
    return As<isa::Load>(operation) &&
           flow_->tiles[static_cast<std::size_t>(operation.tile)] != nullptr;
  });
}

// A write that always takes place, at an address that is known, is a move.
void DataflowResolver::MakeMove(Happening& happening) {
  const Operation& operation = At(happening.operation);
  const auto* write = As<isa::Write>(operation);
  if (write == nullptr || !operation.address_is_fixed || write->condition.modulus != 0) return;
  if (tile_slices_.contains(SliceOf(operation)) || write->end_byte <= write->first_byte) return;
  const auto step = static_cast<std::size_t>(happening.step);
  happening.from = flow_->sources[operation.sources + step] + write->first_byte;
  happening.to = flow_->words[operation.places + step] + write->first_byte;
  happening.bytes = static_cast<std::uint16_t>(write->end_byte - write->first_byte);
}

// Most conditional writes do not take place (one position of a word of 16): a launch skips those
// that its registers rule out from the beginning.
void DataflowResolver::NoteCondition(Happening& happening) {
  const auto* write = As<isa::Write>(At(happening.operation));
  if (write == nullptr || write->condition.modulus == 0) return;
  const auto index = static_cast<std::size_t>(write->condition.index);
  if (program_.registers[index].kind == isa::LaunchRegister::Kind::kRouted) return;
  auto& conditions = flow_->conditions;
  const auto at = std::ranges::find(conditions, write->condition);
  happening.condition = static_cast<std::int16_t>(at - conditions.begin());
  if (at == conditions.end()) conditions.push_back(write->condition);
}

std::span<const std::uint32_t> DueHappenings(Dataflow& flow,
                                             std::span<const std::int64_t> registers) {
  constexpr std::size_t kMostLists = 64;  // a list of each position of 16 is usual
  std::vector<bool> holds;
  for (const isa::Condition& condition : flow.conditions) {
    holds.push_back(isa::TakesPlace(condition, registers));
  }
  if (const auto known = flow.due.find(holds); known != flow.due.end()) return known->second;
  if (flow.due.size() == kMostLists) flow.due.clear();
  std::vector<std::uint32_t>& due = flow.due[holds];
  for (std::uint32_t i = 0; i < flow.happenings.size(); ++i) {
    const std::int16_t condition = flow.happenings[i].condition;
    if (condition < 0 || holds[static_cast<std::size_t>(condition)]) due.push_back(i);
  }
  return due;
}

}  // namespace millrace::sim
