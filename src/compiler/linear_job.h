// A product of a matrix with activations, and the pieces of it that planes compute.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/lowering.h"

namespace millrace::compiler {

// Rows of the weight that a plane computes together.
struct Lowering::Piece {
  std::int32_t plane = 0;
  std::int32_t columns = 0;          // of the member with most
  std::vector<Range> rows = {};      // of the weight, by member
  std::int32_t word = 0, shift = 0;  // of the first, in the member's tensor: word, byte
  std::int32_t first_step = 0;       // of the input: of its group
  bool ends_row = false;             // the last of the tensor: what is behind it is zeros
};

struct Lowering::LinearJob {
  const Weight* weight = nullptr;
  const Tensor* x = nullptr;       // prepared
  std::int32_t row = 0, rows = 1;  // of x and the result
  std::int64_t columns = 0;        // of the result
  ValuePlan plan = {};             // of the result
  std::int32_t groups = 1;
  const Weight* bias = nullptr;
  std::int32_t experts = 1;  // stacked matrices, of which the register chooses one
  isa::RegisterIndex expert = isa::kNoRegister;
  std::vector<std::int32_t>* tiles = nullptr;  // the bases of the tiles: filled by the first job of
                                               // a matrix, used by the others
  const Tensor* avoid = nullptr;               // whose place the result must not share
  std::int64_t ready = 0;                      // of the register
};

// One tile of a piece.
struct Lowering::TilePlan {
  std::int32_t step = 0, half = 0;  // of the input: a step, and which of its 16-bit words
  std::int32_t first_k = 0, k = 0;  // of the weight's columns
  std::int32_t vectors = 0, words = 0, base = 0;
};

// A tile on its way through its plane.
struct Lowering::TileWork {
  const Piece* piece = nullptr;
  TilePlan tile = {};
  bool first = false, last = false;  // of the piece
  int buffer = 0;
  std::int64_t loaded = 0;  // the first cycle of a pass
};

}  // namespace millrace::compiler
