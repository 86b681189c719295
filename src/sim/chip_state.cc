#include "sim/chip_state.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace millrace::sim {
namespace {

void LoadImage(const Chip& chip, const isa::ChipProgram& program, ChipState& state) {
  const auto vector_bytes = static_cast<std::size_t>(chip.vector_bytes);
  const std::vector<std::byte> zeros(vector_bytes);
  for (const isa::ImagePart& part : program.image) {
    SliceMemory& memory = state.memory[UnitNumber(chip, part.slice)];
    for (std::int32_t i = 0; i < part.words; ++i) {
      memory.Write(part.word + i, 0, zeros, 0);
      const std::size_t begin = static_cast<std::size_t>(i) * vector_bytes;
      if (begin >= part.bytes.size()) continue;
      const std::size_t size = std::min(vector_bytes, part.bytes.size() - begin);
      memory.Write(part.word + i, 0, std::span(part.bytes).subspan(begin, size), 0);
    }
  }
}

}  // namespace

std::size_t UnitCount(const Chip& chip) {
  return static_cast<std::size_t>(2 * chip.mem.per_hemisphere + 2 * chip.mxm.planes_per_hemisphere +
                                  chip.vxm.chains + 2 + chip.links.count);
}

std::size_t UnitNumber(const Chip& chip, const isa::Unit& unit) {
  const std::int32_t side = unit.side == isa::Hemisphere::kWest ? 0 : 1;
  std::int32_t first = 0;
  if (unit.kind == isa::UnitKind::kMem) {
    return static_cast<std::size_t>(side * chip.mem.per_hemisphere + unit.index);
  }
  first += 2 * chip.mem.per_hemisphere;
  if (unit.kind == isa::UnitKind::kMxm) {
    return static_cast<std::size_t>(first + side * chip.mxm.planes_per_hemisphere + unit.index);
  }
  first += 2 * chip.mxm.planes_per_hemisphere;
  if (unit.kind == isa::UnitKind::kVxm) return static_cast<std::size_t>(first + unit.index);
  first += chip.vxm.chains;
  if (unit.kind == isa::UnitKind::kSxm) return static_cast<std::size_t>(first + side);
  return static_cast<std::size_t>(first + 2 + unit.index);
}

ChipState::ChipState(const Chip& chip) : streams(chip) {
  for (std::int32_t i = 0; i < 2 * chip.mem.per_hemisphere; ++i) {
    memory.emplace_back(chip.mem.words, chip.vector_bytes);
  }
}

void ChipState::Reset(const Chip& chip, const isa::Program& program,
                      std::span<const std::int64_t> launch_registers) {
  streams.Clear();
  for (SliceMemory& slice : memory) slice.Settle();
  ports.assign(memory.size(), {});
  planes.assign(static_cast<std::size_t>(2 * chip.mxm.planes_per_hemisphere), Plane(chip));
  queues.assign(UnitCount(chip), {});
  states.assign(static_cast<std::size_t>(chip.vxm.states), {});
  registers.clear();
  for (std::size_t r = 0; r < launch_registers.size(); ++r) {
    const bool routed = program.registers[r].kind == isa::LaunchRegister::Kind::kRouted;
    registers.push_back({.value = launch_registers[r], .ready = routed ? kNotYet : 0});
  }
}

SystemState::SystemState(const isa::Program& p, const System& s) : program(&p), system(&s) {
  for (const isa::ChipProgram& chip_program : p.chips) {
    chips.emplace_back(s.chip);
    LoadImage(s.chip, chip_program, chips.back());
  }
  arrivals.resize(static_cast<std::size_t>(s.chips()) *
                  static_cast<std::size_t>(s.chip.links.count));
}

void SystemState::WriteTensor(const isa::TensorPlace& place, std::span<const float> values) {
  const auto vector_bytes = static_cast<std::size_t>(system->chip.vector_bytes);
  const auto step = static_cast<std::size_t>(place.step_elements);
  const std::size_t width = (step * sizeof(float) + vector_bytes - 1) / vector_bytes;
  std::vector<std::byte> group(width * vector_bytes);
  ChipState& chip = chips[static_cast<std::size_t>(place.chip)];
  for (std::size_t first = 0; first < values.size(); first += step) {
    std::fill(group.begin(), group.end(), std::byte{0});
    std::memcpy(group.data(), values.data() + first,
                std::min(step, values.size() - first) * sizeof(float));
    for (std::size_t v = 0; v < width; ++v) {
      const isa::Unit unit{isa::UnitKind::kMem, place.side,
                           static_cast<std::uint16_t>(place.slice + static_cast<int>(v))};
      chip.memory[UnitNumber(system->chip, unit)].Write(
          place.word + static_cast<std::int64_t>(first / step), 0,
          std::span(group).subspan(v * vector_bytes, vector_bytes), 0);
    }
  }
}

bool SystemState::ReadTensor(const isa::TensorPlace& place, std::int64_t first, std::int64_t cycle,
                             std::span<float> out) const {
  const std::int64_t per_vector = system->chip.vector_bytes / 4;
  const ChipState& chip = chips[static_cast<std::size_t>(place.chip)];
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t element = first + static_cast<std::int64_t>(i);
    const std::int64_t within = element % place.step_elements;
    const isa::Unit unit{isa::UnitKind::kMem, place.side,
                         static_cast<std::uint16_t>(place.slice + within / per_vector)};
    const SliceMemory& memory = chip.memory[UnitNumber(system->chip, unit)];
    const std::int64_t word = place.word + element / place.step_elements;
    if (memory.ReadableFrom(word) > cycle) return false;
    std::memcpy(&out[i], memory.Word(word).data() + within % per_vector * 4, sizeof(float));
  }
  return true;
}

void SystemState::CopyTensor(const isa::TensorPlace& place, std::int64_t first,
                             std::span<float> out) {
  const std::int64_t per_vector = system->chip.vector_bytes / 4;
  ChipState& chip = chips[static_cast<std::size_t>(place.chip)];
  for (std::size_t i = 0; i < out.size();) {  // up to the end of a word
    const std::int64_t element = first + static_cast<std::int64_t>(i);
    const std::int64_t within = element % place.step_elements;
    const std::int64_t left =
        std::min(per_vector - within % per_vector, place.step_elements - within);
    const std::size_t count = std::min(out.size() - i, static_cast<std::size_t>(left));
    const isa::Unit unit{isa::UnitKind::kMem, place.side,
                         static_cast<std::uint16_t>(place.slice + within / per_vector)};
    const std::byte* word = chip.memory[UnitNumber(system->chip, unit)].Bytes(
        place.word + element / place.step_elements);
    std::memcpy(&out[i], word + within % per_vector * 4, count * sizeof(float));
    i += count;
  }
}

}  // namespace millrace::sim
