// What the parts of a machine make together, beside what its makers state of the whole.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "machine/machine_file.h"

namespace millrace {

// What a total may be of:
//   sram_bytes              of all chips
//   sram_bytes_per_s        one word read and one written by every slice, every cycle
//   stream_bytes_per_cycle  of one chip: a vector on every stream
//   install_cycles          of one chip: a tile of 8-bit weights for every plane
//   int8_ops_per_s          a multiply and an addition are two
//   fp16_flops_per_s
//   link_bytes_per_s        payload, both directions of all links of all chips
//   reach_sram_bytes        of the chips that a vector from a chip in the middle of the largest
//                           system reaches in latency_ns
std::span<const std::string_view> TotalNames();

// `total.what` is one of TotalNames().
double ComputeTotal(const MachineFile& machine, const PublishedTotal& total);

struct TotalCheck {
  PublishedTotal total;
  double computed = 0;
  double difference = 0;  // computed / published - 1
  bool agrees = false;    // |difference| is at most `within`, or the rounding of a published figure
};
std::vector<TotalCheck> CheckTotals(const MachineFile& machine);

inline constexpr double kRounding = 1e-3;

}  // namespace millrace
