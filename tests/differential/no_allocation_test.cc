// At run no memory is allocated: every operator new of this program is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <numeric>

#include "engine/engine.h"
#include "engine/host_backend.h"
#include "random_transformer.h"

namespace {

std::atomic<long> allocations{0};

void* Allocate(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace millrace {
namespace {

HostBackend MakeBackend(const Graph& graph) {
  auto host = HostExecutor::Build(graph, {.level = AvailableLevels().back(),
                                          .threads = 2,
                                          .context = 128,
                                          .kv_blocks = 2,
                                          .max_tokens = 32,
                                          .max_logit_rows = 1,
                                          .kv_type = KvType::kF16});
  MILLRACE_CHECK(host.ok());
  return HostBackend(std::move(host).value());
}

TEST(NoAllocation, InADecodedToken) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ8_0, 1);
  HostBackend backend = MakeBackend(model.graph);
  const TokenId token{5};
  const std::int32_t blocks[2] = {0, 1};
  const long before = allocations;
  for (std::int32_t position = 0; position < 100; ++position) {
    const StepSequence step{{&token, 1}, position, blocks, LogitsWanted::kLast};
    backend.Step({&step, 1});
  }
  EXPECT_EQ(allocations - before, 0);
}

TEST(NoAllocation, InAStepOfTheEngineOnceItDecodes) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ8_0, 1);
  HostBackend backend = MakeBackend(model.graph);
  Engine engine(backend);
  Request request;
  request.prompt.assign(10, TokenId{3});
  ASSERT_TRUE(engine.Add(std::move(request)).ok());
  for (int step = 0; step < 3; ++step) engine.Step();  // the prompt, and the first tokens
  const long before = allocations;
  for (int step = 0; step < 50; ++step) ASSERT_EQ(engine.Step().size(), 1u);
  EXPECT_EQ(allocations - before, 0);
}

}  // namespace
}  // namespace millrace
