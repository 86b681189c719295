// Any bytes are a machine file or an error of one line; a machine makes systems and totals.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "machine/load_system.h"
#include "machine/totals.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto machine = ParseMachineFile(text, "fuzz");
  if (!machine.ok()) {
    MILLRACE_CHECK(machine.error().message.find('\n') == std::string::npos);
    return 0;
  }
  CheckTotals(*machine);
  for (const std::int64_t chips : {1, 2, 8, 72}) {
    const auto system = SystemOf(*machine, chips);
    if (!system.ok()) continue;
    MILLRACE_CHECK(system->chips() == chips);
    Fingerprint(*system);
  }
  return 0;
}
