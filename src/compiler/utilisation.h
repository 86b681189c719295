// What one step of a program does: how busy every port is, what SRAM holds, what crosses the links,
// which bytes and multiply-adds that makes, and the energy of those that a figure exists for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isa/ports.h"
#include "isa/program.h"
#include "isa/step_work.h"
#include "machine/system.h"

namespace millrace::compiler {

struct PortUse {
  isa::Port port;
  std::int64_t instructions = 0;
  std::int64_t busy_cycles = 0;
};

// Words [begin, end) of a slice that hold the same kind of thing.
struct WordRange {
  enum class Kind : std::uint8_t {
    kImage,  // there before the program runs: weights, constants
    kZeros,  // there as zeros: KV
    kWork,   // written or read by the step, or by the host
  };
  std::int32_t begin = 0, end = 0;
  Kind kind = Kind::kImage;
  friend bool operator==(const WordRange&, const WordRange&) = default;
};

struct SliceUse {
  isa::Unit slice;
  std::vector<WordRange> ranges;  // ascending, disjoint
  std::int64_t words() const;
};

struct ChipUse {
  std::vector<PortUse> ports;  // all of the chip, as isa::PortsOf
  std::vector<SliceUse> slices;
};

// All ports of one kind, on all chips that have something to do.
struct KindUse {
  isa::PortKind kind = isa::PortKind::kRead;
  std::int64_t ports = 0;
  std::int64_t instructions = 0;
  double average = 0;  // busy cycles of a port, of the step's: 0 to 1
  double busiest = 0;  // the same, of the port that has most to do
};

struct Traffic {
  std::int32_t from = 0, to = 0;  // chips
  std::int64_t vectors = 0;
};

struct SectionTime {
  std::string name;
  std::int64_t begin = 0, cycles = 0;
  std::int64_t times = 1;  // of a loop
};

struct Utilisation {
  std::int64_t cycles = 0;
  std::int32_t position = 0;
  std::vector<ChipUse> chips;
  std::vector<KindUse> kinds;    // in the order of isa::kPortKinds
  std::vector<Traffic> traffic;  // by from, then to; without zeros
  std::vector<SectionTime> sections;
  isa::StepWork work;
  isa::Energy energy;
};

// Of one step with every row at `position`. The program must have passed isa::VerifyStructure, or
// be of Compile; chips of a shape that have no blocks count nowhere.
Utilisation Measure(const isa::Program& program, const System& system, std::int32_t position);

}  // namespace millrace::compiler
