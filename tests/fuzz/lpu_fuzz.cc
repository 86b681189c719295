// A random graph, compiled, verified, simulated, and compared with the interpreter.
#include <fmt/format.h>

#include <cstddef>
#include <cstring>

#include "base/check.h"
#include "compiler/compile.h"
#include "engine/launch_inputs.h"
#include "graph/interpreter.h"
#include "isa/verify.h"

#include "machine/load_system.h"
#include "random_shape.h"
#include "sim/stepped_simulator.h"

namespace millrace {
namespace {

// Numbers from the fuzzer's bytes, 0 when they are used up.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::int64_t operator()(std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    for (int i = 0; i < 2 && at_ < size_; ++i) value = value * 256 + data_[at_++];
    return least + value % (most - least + 1);
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_, at_ = 0;
};

void RunOne(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  const RandomShape shape = DrawShape([&](std::int64_t a, std::int64_t b) { return bytes(a, b); });
  const DType dtype = bytes(0, 1) == 0 ? DType::kQ8_0 : DType::kQ4_0;
  const RandomTransformer model = MakeRandomTransformer(shape, dtype, 1);
  const auto chips = static_cast<std::int32_t>(1 << bytes(0, 3));
  const auto rows = static_cast<std::int32_t>(bytes(1, 3));
  const auto system = LoadSystem(fmt::format("groq-v1x{}", chips));
  const auto compiled =
      compiler::Compile(model.graph, *system, {.rows = rows, .context = 64, .group = chips});
  if (!compiled.ok()) return;
  MILLRACE_CHECK(!isa::Verify(compiled->program, *system));
  auto simulator = sim::SteppedSimulator::Make(compiled->program, *system);
  MILLRACE_CHECK(simulator.ok());
  LaunchInputs inputs(model.graph, compiled->program);
  const std::vector<TokenId> tokens(static_cast<std::size_t>(rows), TokenId{3});
  const std::vector<std::int32_t> positions(static_cast<std::size_t>(rows), 0);
  const auto step = simulator->Step(inputs.For(tokens, positions));
  MILLRACE_CHECK(!step.fault);
  Interpreter interpreter(model.graph, reference::CacheType::kF16);
  const std::vector<float> wanted = interpreter.Step({&tokens[0], 1});
  for (std::size_t row = 0; row < tokens.size(); ++row) {
    MILLRACE_CHECK(std::memcmp(wanted.data(), step.logits.data() + row * wanted.size(),
                               wanted.size() * sizeof(float)) == 0);
  }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::RunOne(data, size);
  return 0;
}
