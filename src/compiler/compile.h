// Graph and system to a fully scheduled program: a pure function.
//
// Layers are dealt out to groups of chips that work one after the other (a pipeline), rows of each
// matrix to the chips of a group; every value has its place and every instruction its cycle. The
// same input gives the same program, byte for byte. What a program may do: docs/isa.md; how it is
// made: docs/compiler.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/partition.h"
#include "compiler/report.h"
#include "graph/graph.h"
#include "isa/program.h"
#include "machine/system.h"

namespace millrace::compiler {

struct CompileOptions {
  std::int32_t rows = 1;         // tokens of a step: sequences (decode), or of one sequence
  bool shared_sequence = false;  // the rows are consecutive tokens of one sequence (prefill)
  std::int32_t context = 2048;   // positions that KV has room for, of each sequence
  std::int32_t group = 0;        // chips that share a layer; 0: searched
  std::int32_t position = -1;    // that the report is for; -1: 255, or the last if that is less
  std::string model = "";        // name, for messages
  std::uint64_t model_fingerprint = 0;
  std::uint64_t machine_fingerprint = 0;
};

struct Compiled {
  // Of a shape (weights without bytes) only the first chip of each group has instructions, and of
  // its weights the places: enough for time and reports, nothing that runs.
  isa::Program program;
  Partition partition;
  Report report;
  std::vector<Candidate> runners_up;  // other partitions that were tried, best first
};

// graph: verified. Errors: kUnsupported, what the chip has no unit for; kExhausted, the model does
// not fit, with the number of chips that would do.
Result<Compiled> Compile(const Graph& graph, const System& system, const CompileOptions& options);

}  // namespace millrace::compiler
