#include "compiler/model_fingerprint.h"

#include <span>
#include <string>

#include "graph/print.h"
#include "isa/program_file.h"

namespace millrace::compiler {

std::uint64_t ModelFingerprint(const Graph& graph) {
  const std::string operations = Print(graph);
  std::uint64_t sum = isa::Checksum(std::as_bytes(std::span(operations)));
  for (const Weight& weight : graph.weights) {
    sum = sum * 0x9E3779B97F4A7C15U + isa::Checksum(weight.bytes);
  }
  return sum;
}

}  // namespace millrace::compiler
