// Why a program is not valid: which rule it breaks, where and when.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "isa/instruction.h"

namespace millrace::isa {

// The six families of docs/isa.md, "Valid programs", and what an instruction by itself can have
// wrong.
enum class Rule : std::uint8_t {
  kIssue,       // 1: two instructions of one queue on one cycle, or a unit that is not free
  kMemoryPort,  // 2: two reads, two writes, or both in one bank; an address outside the slice
  kStream,      // 3: two values in one stream register, or a read of an empty one
  kMatrix,      // 4: a pass on weights not fully installed, an install over weights in use, an
                //    accumulator or a state used before it is there
  kLink,        // 5: a link that is not free; a receive that is not at an arrival, or an arrival
                //    that is not received
  kMemory,      // 6: memory read before it was written; an image that does not fit
  kOperand,     // 7: an operand that the unit does not have, or that means nothing
};

struct Fault {
  Rule rule = Rule::kOperand;
  std::int32_t chip = 0;
  Unit unit;
  std::int64_t cycle = 0;
  std::string message;  // what was found, what the rule wants
};

std::string_view Name(Rule rule);     // "memory port"
std::string Print(const Unit& unit);  // "mem west 12", "vxm 3", "sxm east"
// "chip 3, mem west 12, cycle 4711: stream: ...".
std::string Print(const Fault& fault);

}  // namespace millrace::isa
