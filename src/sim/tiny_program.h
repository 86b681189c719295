// Programs of a few instructions for tests: a small chip, one section, one block a chip.
//
// Cycles are chosen by where a vector is wanted: at the VXM (position 0), or at the edge.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "isa/timing.h"
#include "isa/verify.h"
#include "sim/fast_simulator.h"
#include "sim/stepped_simulator.h"

namespace millrace::sim {

inline Chip TinyChip() {
  Chip chip;
  chip.name = "tiny";
  chip.clock_hz = 1e9;
  chip.vector_bytes = 256;
  chip.streams = 16;
  chip.mem = {.per_hemisphere = 16,
              .words = 512,
              .banks = 2,
              .per_position = 2,
              .read_latency_cycles = 3,
              .write_latency_cycles = 2};
  chip.mxm = {.planes_per_hemisphere = 1,
              .rows = 256,
              .columns = 64,
              .install_streams = 4,
              .buffers = 2,
              .accumulators = 8,
              .install_latency_cycles = 2,
              .pass_latency_cycles = 5,
              .chain_cycles = 1,
              .emit_latency_cycles = 2,
              .float_interval_cycles = 2};
  chip.vxm = {.chains = 4,
              .alus_per_chain = 4,
              .alu_latency_cycles = 2,
              .divide_latency_cycles = 9,
              .fold_cycles = 1,
              .states = 64};
  chip.sxm = {.latency_cycles = 3};
  chip.links = {.count = 2, .vector_cycles = 2};
  return chip;
}

inline System TinySystem(std::int32_t chips = 1) {
  System system{.name = "tiny", .chip = TinyChip(), .levels = {}};
  if (chips > 1) {
    system.levels = {{.name = "node", .count = chips, .links_per_peer = 1, .latency_cycles = 11}};
  }
  return system;
}

inline std::vector<float> Normals(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

inline constexpr isa::Hemisphere kWest = isa::Hemisphere::kWest, kEast = isa::Hemisphere::kEast;

class TinyProgram {
 public:
  static constexpr std::int32_t kStepElements = 256;  // of four vectors

  explicit TinyProgram(std::int32_t chips = 1) : system_(TinySystem(chips)) {
    program_.sections = {{.length_cycles = 2000, .repeats = isa::kNoRegister, .name = "all"}};
    program_.chips.resize(static_cast<std::size_t>(chips));
    program_.blocks.resize(static_cast<std::size_t>(chips));
    for (std::int32_t c = 0; c < chips; ++c) {
      program_.chips[static_cast<std::size_t>(c)].calls = {
          {.section = 0, .block = c, .relocations = {0}}};
    }
    program_.context = 512;
    program_.hidden = 1;
    program_.vocabulary = 1;
    program_.registers = {{.kind = isa::LaunchRegister::Kind::kPosition, .row = 0, .window = 0},
                          {.kind = isa::LaunchRegister::Kind::kFirstBlock, .row = 0, .window = 0}};
  }

  void Add(std::int64_t cycle, isa::Unit unit, isa::Action action, std::size_t chip = 0) {
    program_.blocks[chip].instructions.push_back(
        {static_cast<std::int32_t>(cycle), unit, std::move(action)});
  }
  static isa::Unit Slice(isa::Hemisphere side, int slice) {
    return {isa::UnitKind::kMem, side, static_cast<std::uint16_t>(slice)};
  }
  static isa::Unit PlaneOf(isa::Hemisphere side) { return {isa::UnitKind::kMxm, side, 0}; }
  static isa::Unit Chain(int chain) {
    return {isa::UnitKind::kVxm, kWest, static_cast<std::uint16_t>(chain)};
  }

  // Reads a tensor (slices `slice` ..) so that step 0 is at the VXM on `cycle`.
  void ReadToVxm(std::int64_t cycle, isa::Hemisphere side, int slice, int width, int word,
                 int stream, int count, int interval, int stride = 1) {
    for (int v = 0; v < width; ++v) {
      const std::int64_t issue =
          cycle - chip().mem.read_latency_cycles - chip().slice_position(slice + v);
      Add(issue, Slice(side, slice + v),
          isa::Read{.address = {.base = word},
                    .count = count,
                    .stride = stride,
                    .interval = interval,
                    .stream = static_cast<std::uint8_t>(stream + v),
                    .flow = isa::Flow::kInward});
    }
  }
  // Keeps what the VXM drives on `cycle` and after.
  void WriteFromVxm(std::int64_t cycle, isa::Hemisphere side, int slice, int width, int word,
                    int stream, int count, int interval) {
    for (int v = 0; v < width; ++v) {
      Write(cycle + chip().slice_position(slice + v), side, slice + v, word, stream + v,
            isa::Flow::kOutward, count, interval);
    }
  }
  void Write(std::int64_t cycle, isa::Hemisphere side, int slice, int word, int stream,
             isa::Flow flow, int count, int interval) {
    Add(cycle, Slice(side, slice),
        isa::Write{.address = {.base = word},
                   .count = count,
                   .stride = 1,
                   .interval = interval,
                   .stream = static_cast<std::uint8_t>(stream),
                   .flow = flow,
                   .first_byte = 0,
                   .end_byte = static_cast<std::uint16_t>(chip().vector_bytes)});
  }

  // Values of any number of steps: each is an input of its own.
  void Input(isa::TensorPlace place, const std::vector<float>& values) {
    const auto step = static_cast<std::size_t>(place.step_elements);
    for (std::size_t first = 0; first < values.size(); first += step, ++place.word) {
      program_.inputs.push_back(
          {.kind = isa::ProgramInput::Kind::kRope, .row = 0, .table = 0, .place = place});
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
      inputs_.emplace_back(
          begin, begin + static_cast<std::ptrdiff_t>(std::min(step, values.size() - first)));
    }
  }
  void Output(isa::TensorPlace place, std::int64_t count) {
    program_.outputs = {{.row = 0, .first = 0, .count = count, .place = place}};
    program_.vocabulary = count;
  }

  // Sorts, runs one step on both simulators, and gives what it found. The verifier must agree with
  // the stepped one, and the fast one with its bits.
  std::vector<float> Run(std::int32_t position = 0) {
    const SimulatedStep step = Step(position);
    EXPECT_FALSE(step.fault) << isa::Print(*step.fault);
    return logits_;
  }
  std::optional<isa::Fault> Fault(std::int32_t position = 0) { return Step(position).fault; }

  const Chip& chip() const { return system_.chip; }
  const System& system() const { return system_; }
  isa::Program& program() { return program_; }

 private:
  SimulatedStep Step(std::int32_t position) {
    for (isa::Block& block : program_.blocks) {
      std::stable_sort(block.instructions.begin(), block.instructions.end(),
                       [](const auto& a, const auto& b) {
                         return std::pair(a.cycle, a.unit) < std::pair(b.cycle, b.unit);
                       });
    }
    auto simulator = SteppedSimulator::Make(program_, system_);
    EXPECT_TRUE(simulator.ok()) << simulator.error().message;
    const std::vector<std::span<const float>> tensors(inputs_.begin(), inputs_.end());
    const std::int32_t positions[] = {position};
    SimulatedStep step = simulator->Step({positions, tensors});
    const auto verified = isa::VerifyAt(program_, system_, positions);
    EXPECT_EQ(step.fault.has_value(), verified.has_value())
        << (step.fault ? isa::Print(*step.fault) : isa::Print(*verified));
    logits_.assign(step.logits.begin(), step.logits.end());
    step.logits = logits_;
    for (const int threads : {1, 2}) {
      if (step.fault) break;
      auto fast = FastSimulator::Make(program_, system_, {.threads = threads});
      const SimulatedStep other = fast->Step({positions, tensors});
      EXPECT_EQ(other.cycles, step.cycles);
      EXPECT_EQ(std::memcmp(other.logits.data(), logits_.data(), logits_.size() * sizeof(float)), 0)
          << "fast, " << threads << " threads";
    }
    return step;
  }

  System system_;
  isa::Program program_;
  std::vector<std::vector<float>> inputs_;
  std::vector<float> logits_;
};

}  // namespace millrace::sim
