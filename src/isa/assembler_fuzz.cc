// Any bytes as the text of a program: parsing never crashes, what parses prints and parses back to
// the same text, and the verifier says yes or why not.
#include "base/check.h"
#include "isa/assembler.h"
#include "isa/disassembler.h"
#include "isa/test_program.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::isa;
  const auto program = Parse({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!program.ok()) return 0;
  const std::string text = Print(*program);
  const auto again = Parse(text, "printed");
  MILLRACE_CHECK(again.ok());
  MILLRACE_CHECK(Print(*again) == text);
  if (const auto fault = Verify(*program, TinySystem())) (void)Print(*fault);
  return 0;
}
