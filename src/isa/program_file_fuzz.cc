// Any bytes as a container, with checksums made right where that is possible: reading never
// crashes, what is read encodes to the same program again, and the verifier says yes or why not.
#include <cstring>

#include "base/check.h"
#include "isa/program_file.h"
#include "isa/test_program.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;  // there is no address to copy from
  using namespace millrace::isa;
  std::vector<std::byte> file(size);
  std::memcpy(file.data(), data, size);
  if (size >= 128) {
    for (std::size_t row = 24; row < 120; row += 24) {
      std::uint64_t offset = 0, bytes = 0;
      std::memcpy(&offset, file.data() + row, 8);
      std::memcpy(&bytes, file.data() + row + 8, 8);
      if (offset > size || bytes > size - offset) continue;
      const auto sum = Checksum(std::span(file).subspan(offset, bytes));
      std::memcpy(file.data() + row + 16, &sum, 8);
    }
    const auto sum = Checksum(std::span(file).first(120));
    std::memcpy(file.data() + 120, &sum, 8);
  }
  const auto program = Decode(file, "fuzz");
  if (!program.ok()) return 0;
  const auto again = Decode(Encode(*program), "again");
  MILLRACE_CHECK(again.ok() && Encode(*again) == Encode(*program));
  if (const auto fault = Verify(*program, TinySystem())) (void)Print(*fault);
  return 0;
}
