// One LPU chip as numbers: what its units are, where they stand, how long each thing takes.
//
// The model is docs/isa.md, "The chip". Functional slices stand along one axis, mirrored in two
// hemispheres around the VXM. Within a hemisphere, positions count from the VXM outward:
//
//     position   0        1 .. n                                    edge = n + 1
//               VXM | MEM slices 0, 1, 2, ... (slices_per_position at each) | SXM, MXM planes, C2C
//
// Streams carry vectors of `vector_bytes`, one position a cycle, inward (to the VXM) or outward (to
// the edge), and end there. Every latency is in cycles of the chip's clock, every number stands in
// a file of machines/ with its source (machine/machine_file.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/typed_index.h"

namespace millrace {

struct MemSlices {
  std::int32_t per_hemisphere = 0;
  std::int32_t words = 0;  // of vector_bytes, in one slice
  std::int32_t banks = 2;  // equal parts of the addresses: bank = address / (words / banks)
  std::int32_t per_position = 0;
  std::int32_t read_latency_cycles = 0;   // issue to the vector on the stream at the slice
  std::int32_t write_latency_cycles = 0;  // vector taken from the stream to readable
};

struct MatrixUnits {
  std::int32_t planes_per_hemisphere = 0;
  std::int32_t rows = 0;             // 8-bit activations of one pass; half as many 16-bit ones
  std::int32_t columns = 0;          // outputs of one pass
  std::int32_t install_streams = 0;  // vectors a cycle that one plane installs
  std::int32_t buffers = 2;          // tiles that a plane holds
  std::int32_t accumulators = 0;     // vectors of `columns` binary32 a plane keeps
  std::int32_t install_latency_cycles = 0;  // last vector installed to the first pass
  std::int32_t pass_latency_cycles = 0;     // activation to accumulator, without the chain of sums
  std::int32_t chain_cycles = 0;         // of one link of the chain of sums (a block of 32, or one
                                         // product of a float format)
  std::int32_t emit_latency_cycles = 0;  // accumulator to the stream
  std::int32_t float_interval_cycles = 0;  // between two activation vectors of 16-bit formats
};

struct VectorUnit {
  std::int32_t chains = 0;                 // instructions in work together, one queue each
  std::int32_t alus_per_chain = 0;         // operations a cycle, a lane
  std::int32_t alu_latency_cycles = 0;     // add, multiply, fma, compare, convert, exchange
  std::int32_t divide_latency_cycles = 0;  // and square root
  std::int32_t fold_cycles = 0;            // of one step of a sum over lanes, which go 16 at a time
  std::int32_t states = 0;                 // scalars kept between instructions
};

struct SwitchUnit {
  std::int32_t latency_cycles = 0;
};

struct ChipLinks {
  std::int32_t count = 0;
  std::int32_t vector_cycles = 0;  // from one vector on a link to the next
};

// Joules; 0: no figure exists.
struct ChipEnergy {
  double idle_w = 0;
  double sram_byte_j = 0;  // read or written
  double mac_int8_j = 0;
  double mac_fp16_j = 0;
  double link_byte_j = 0;
};

struct Chip {
  std::string name;
  double clock_hz = 0;
  std::int32_t vector_bytes = 0;
  std::int32_t superlane_bytes = 16;  // the grain of shifts and of writes in part
  std::int32_t streams = 0;           // in each hemisphere, inward; and as many outward
  MemSlices mem;
  MatrixUnits mxm;
  VectorUnit vxm;
  SwitchUnit sxm;
  ChipLinks links;
  ChipEnergy energy;

  std::int32_t edge() const { return 1 + (mem.per_hemisphere - 1) / mem.per_position + 1; }
  std::int32_t slice_position(std::int32_t slice) const { return 1 + slice / mem.per_position; }
  std::int32_t bank_words() const { return mem.words / mem.banks; }
  std::int64_t sram_bytes() const {
    return std::int64_t{2} * mem.per_hemisphere * mem.words * vector_bytes;
  }
  // Bytes of weights that all planes install in a cycle.
  std::int64_t install_bytes() const {
    return std::int64_t{2} * mxm.planes_per_hemisphere * mxm.install_streams * vector_bytes;
  }
};

}  // namespace millrace
