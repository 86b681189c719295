// Any bytes as a config.json: a verified graph without bytes, or an error of one line.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "graph/verify.h"
#include "model/shape.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const auto model = ParseShape({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (model.ok()) {
    MILLRACE_CHECK(Verify(model->graph()).ok());
  } else {
    MILLRACE_CHECK(model.error().message.find('\n') == std::string::npos);
  }
  return 0;
}
