// How the heads of an attention are dealt out to the planes of a chip.
//
// A unit is a key-value head with some of its query heads, on one plane, whose install slices hold
// its keys and values. The units of all chips of a group are alike in number and place; a chip that
// has fewer heads leaves some idle.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/lowering.h"

namespace millrace::compiler {

// Binary16 elements of a cached head that one vector holds: a word of the step's result.
struct HeadTile {
  std::int32_t step = 0, half = 0;  // of the head
  std::int32_t elements = 0;
};

struct Lowering::Unit {
  std::int32_t plane = 0;
  std::int32_t queries = 0;                   // of the member with most
  std::vector<Range> member_queries = {};     // heads of the whole model
  std::vector<std::int32_t> member_key = {};  // key-value head of the whole model; -1: none
  // By sequence, then tile: the address of position 0.
  std::vector<std::vector<std::int32_t>> key_bases = {}, value_bases = {};
  std::int32_t score_accumulator = 0;
  std::int32_t sum_accumulator = 0;  // of the outputs; the same on every plane that has a part
  std::vector<std::int32_t> value_planes = {};  // by step of the value head
  // Cycles of the iteration, then from the end of the loop: set when the loop is scheduled.
  std::int64_t base = 0;
  std::int64_t states_ready = 0, sums_ready = 0;
  std::int32_t softmax_at = 0, pass_at = 0;  // relative to base
  std::int32_t buffers_until = 0;
};

struct Lowering::HeadPlan {
  std::vector<HeadShare> shares = {};         // by member
  std::int32_t heads = 0;                     // query heads of the member with most
  Layout key_layout = {}, value_layout = {};  // of one head
  std::vector<HeadTile> key_tiles = {}, value_tiles = {};
  std::vector<Unit> units = {};
  std::int32_t states = 0;  // of row 0: maxima of all heads, then sums; then row 1
  std::int32_t max_slot(std::int32_t row) const { return states + 2 * row * heads; }
  std::int32_t sum_slot(std::int32_t row) const { return max_slot(row) + heads; }
};

}  // namespace millrace::compiler
