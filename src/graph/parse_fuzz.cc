// Any bytes as the text of a graph: parsing never crashes, and what parses prints and parses back
// to the same text.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "graph/parse.h"
#include "graph/print.h"
#include "graph/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const Result<Graph> graph = Parse({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!graph.ok()) return 0;
  (void)Verify(*graph);
  const std::string text = Print(*graph);
  const Result<Graph> again = Parse(text, "printed");
  MILLRACE_CHECK(again.ok());
  MILLRACE_CHECK(Print(*again) == text);
  return 0;
}
