// A compiled program: what every chip holds in SRAM, and which instruction each of its units issues
// on which cycle. File form (.mrx): isa/program_file.h; text form: isa/assembler.h.
//
// Time is a row of sections, the same for all chips. A section lasts length_cycles, or, if it is a
// loop, length_cycles times the register that counts it: KV blocks, known at launch. The next one
// begins exactly then. What a chip does in a section is a block of instructions with cycles from
// the section's beginning (a loop's: from the beginning of the iteration); they may reach beyond
// the section's end, so iterations and sections overlap as a pipeline does. Blocks are shared: the
// same layer elsewhere is the same block with other relocations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "isa/instruction.h"

namespace millrace::isa {

inline constexpr std::int32_t kKvBlock = 64;  // positions, docs/numerics.md

// What a register holds when the program starts. Row: one of the tokens of the step.
struct LaunchRegister {
  enum class Kind : std::uint8_t {
    kPosition,    // of the row
    kFirstBlock,  // the first KV block the row sees through `window` (0: no window)
    kBlocks,      // how many blocks it sees
    kRouted,      // written by kRoute
  };
  Kind kind = Kind::kPosition;
  std::int32_t row = 0;
  std::int32_t window = 0;
  friend bool operator==(const LaunchRegister&, const LaunchRegister&) = default;
};

struct Section {
  std::int32_t length_cycles = 0;
  RegisterIndex repeats = kNoRegister;  // kBlocks register of a loop; kNoRegister: once
  std::string name = {};                // "layer 3 attention": for people
  friend bool operator==(const Section&, const Section&) = default;
};

// Sorted by cycle, then unit. `name` is for people.
struct Block {
  std::string name = {};
  std::vector<Instruction> instructions = {};
  friend bool operator==(const Block&, const Block&) = default;
};

// That a chip runs `block` in `section`, with words added to addresses by segment (segment 0 is
// never relocated: relocations[0] is 0).
struct Call {
  std::int32_t section = 0;
  std::int32_t block = 0;
  std::vector<std::int32_t> relocations = {};
  friend bool operator==(const Call&, const Call&) = default;
};

// Words of one slice that have contents before the program runs: bytes, then zeros up to `words`.
struct ImagePart {
  Unit slice = {};
  std::int32_t word = 0;
  std::int32_t words = 0;
  std::vector<std::byte> bytes = {};  // at most words * vector_bytes; empty in a shape-only program
  friend bool operator==(const ImagePart&, const ImagePart&) = default;
};

struct ChipProgram {
  std::vector<Call> calls = {};  // by section
  std::vector<ImagePart> image = {};
  friend bool operator==(const ChipProgram&, const ChipProgram&) = default;
};

// A binary32 tensor in the work memory of a chip: a step of step_elements (at most those of four
// words) at every address from `word` on, in slices `slice` to `slice` + 3.
struct TensorPlace {
  std::int32_t chip = 0;
  Hemisphere side = Hemisphere::kWest;
  std::int32_t slice = 0;
  std::int32_t word = 0;
  std::int32_t step_elements = 0;
  friend bool operator==(const TensorPlace&, const TensorPlace&) = default;
};
// What the host writes to the place before it starts: the embedding of the token of row `row`,
// [hidden], or the cosines and then the sines of its position in rope table `table`.
struct ProgramInput {
  enum class Kind : std::uint8_t { kEmbedding, kRope };
  Kind kind = Kind::kEmbedding;
  std::int32_t row = 0;
  std::int32_t table = 0;
  TensorPlace place = {};
  friend bool operator==(const ProgramInput&, const ProgramInput&) = default;
};
// Logits [first, first + count) of row `row`, which the host reads when the program has ended: they
// are elements first.. of the tensor at the place as well.
struct ProgramOutput {
  std::int32_t row = 0;
  std::int64_t first = 0, count = 0;
  TensorPlace place = {};
  friend bool operator==(const ProgramOutput&, const ProgramOutput&) = default;
};

struct Program {
  std::uint64_t model_fingerprint = 0;
  std::uint64_t machine_fingerprint = 0;
  std::string model, machine;    // names, for messages
  std::int32_t rows = 1;         // tokens a step
  bool shared_sequence = false;  // rows are consecutive tokens of one sequence (prefill)
  std::int32_t context = 0;      // positions that KV has room for, for each sequence
  std::int32_t hidden = 0;
  std::int64_t vocabulary = 0;
  std::vector<LaunchRegister> registers;
  std::vector<Section> sections;
  std::vector<Block> blocks;
  std::vector<ChipProgram> chips;
  std::vector<ProgramInput> inputs;
  std::vector<ProgramOutput> outputs;
  bool shape_only = false;  // no values: time alone
  friend bool operator==(const Program&, const Program&) = default;
};

// What every register holds at launch, positions[row] the position of each row. kRouted: 0.
std::vector<std::int64_t> RegistersAt(const Program& program,
                                      std::span<const std::int32_t> positions);

// The cycle on which each section begins, and, last, on which the program ends: the exact time of a
// step. registers: of RegistersAt.
std::vector<std::int64_t> SectionStarts(const Program& program,
                                        std::span<const std::int64_t> registers);

}  // namespace millrace::isa
