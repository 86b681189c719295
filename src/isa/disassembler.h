// The text form of a program: what a person reads, and the language of the tests.
//
//     program model "tales", machine "groq-v1", context 512, hidden 288, vocabulary 512
//     register kind position
//     register kind blocks
//     section length_cycles 900, name "layer 0"
//     section length_cycles 70, repeats 1, name "layer 0 scores"
//     block "layer"
//       120 mem west 17: read address [4096 + s1 + 2*iter + 3*(r0/16)], count 22, flow outward
//       131 mem east 4: write address [12], end_byte 320, condition r0 % 16 == 5
//       140 mxm west 0: load dtype Q8_0, k 320, columns 320, vectors 340
//       170 mxm west 0: pass base 16, begin continue, accumulator 2
//       190 mxm west 0: emit accumulator 2, columns 320, out 0..3
//       210 vxm 3: add a west 0..3, b east 4..7, to both, out 0..3, elements 288, step_elements 320
//       230 sxm east: shift in 0..3, out 4..7, from 16, to 0, bytes 192
//       240 c2c 1: send side east, stream 2, count 4
//     chip
//       call section 0, block 0, relocations [0, 512]
//       image slice mem west 17, word 4096, words 2, bytes 0a0b0c
//     input place {slice 4, word 7, step_elements 320}
//     output count 512, place {side east, slice 4, word 9, step_elements 320}
//
// A line is a word and its fields by name, in any order; those at their default (isa/instruction.h,
// isa/program.h) are left out. Registers, sections, blocks and chips count from 0 in the order of
// their lines. An address is a sum: the base, the segment of the relocation, words an iteration,
// words a (register / divisor). "4..7" are streams 4 to 7. Lines that begin with '#' are remarks.
#pragma once

#include <string>

#include "isa/program.h"

namespace millrace::isa {

enum class ImageBytes {
  kHex,      // every byte: Parse gives back the same program
  kOmitted,  // their number as a remark: Parse gives back a program without them
};

// Ends with a newline. Any program prints, also one that is not valid.
std::string Print(const Program& program, ImageBytes image = ImageBytes::kHex);

// One line of a block, without the newline: "120 mem west 17: read ...".
std::string Print(const Instruction& instruction);

}  // namespace millrace::isa
