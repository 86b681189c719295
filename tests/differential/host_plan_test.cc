// What a plan says of itself: every row once, the bytes that are there, and no more memory than the
// machine has.
#include "host/host_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "random_transformer.h"

namespace millrace {
namespace {

HostOptions Options(int threads) {
  return {.level = AvailableLevels().back(),
          .threads = threads,
          .context = 128,
          .kv_blocks = 2,
          .max_tokens = 16,
          .max_logit_rows = 1,
          .kv_type = KvType::kF16};
}

// How often each row of each weight is packed.
std::map<std::int32_t, std::vector<int>> Coverage(const HostPlan& plan) {
  std::map<std::int32_t, std::vector<int>> rows_of;
  const auto add = [&](const PackedRows& rows) {
    auto& counts = rows_of[rows.weight.value];
    counts.resize(static_cast<std::size_t>(plan.graph().weight(rows.weight).rows));
    for (std::size_t r = 0; r < rows.packed.rows; ++r) ++counts[rows.first_row + r];
  };
  for (ThreadShare share : plan.shares) {
    ForEachRows(share, [&](const PackedRows& rows) {
      if (rows.packed.rows != 0) add(rows);
    });
  }
  return rows_of;
}

TEST(HostPlan, GivesEveryRowToExactlyOneThread) {
  const RandomTransformer model = MakeRandomTransformer({.hidden = 96,
                                                         .heads = 3,
                                                         .kv_heads = 3,
                                                         .head_dim = 32,
                                                         .ffn = 224,
                                                         .vocabulary = 77,
                                                         .layers = 2,
                                                         .rotary = 32},
                                                        DType::kQ8_0, 1);
  for (const int threads : {1, 2, 3, 5, 8}) {
    Team team(threads);
    const auto plan = HostPlan::Build(model.graph, Options(threads), team);
    ASSERT_TRUE(plan.ok()) << plan.error().message;
    const auto coverage = Coverage(*plan);
    EXPECT_EQ(coverage.size(), 2u * 7 + 1);  // all matrices but the embedding
    for (const auto& [weight, counts] : coverage) {
      EXPECT_THAT(counts, testing::Each(1))
          << model.graph.weights[static_cast<std::size_t>(weight)].name;
    }
  }
}

TEST(HostPlan, StatesTheBytesAndOperationsOfAToken) {
  const RandomShape s{.hidden = 64,
                      .heads = 2,
                      .kv_heads = 1,
                      .head_dim = 32,
                      .ffn = 128,
                      .vocabulary = 160,
                      .layers = 3,
                      .rotary = 32};
  const RandomTransformer model = MakeRandomTransformer(s, DType::kQ8_0, 1);
  Team team(1);
  const auto plan = HostPlan::Build(model.graph, Options(1), team);
  ASSERT_TRUE(plan.ok());
  // q 64, k 32, v 32, o 64 rows of 64; gate and up 128 of 64; down 64 of 128; output 160 of 64.
  const double multiply_adds = 3.0 * (192 * 64 + 2 * 128 * 64 + 64 * 128) + 160 * 64;
  EXPECT_EQ(plan->multiply_adds_per_token(0), multiply_adds);
  EXPECT_EQ(plan->multiply_adds_per_token(10), multiply_adds + 10 * 3 * 2 * 64);
  // Q8_0 takes 34 bytes for 32 weights, in the file and in tiles with an even number of blocks.
  const double embedding_row = 64 / 32 * 34;
  EXPECT_EQ(plan->bytes_per_token(0), multiply_adds / 32 * 34 + embedding_row);
  const double position_bytes = 3 * (32 + 32) * 2;  // keys and values of one head, binary16
  EXPECT_EQ(plan->bytes_per_token(10), plan->bytes_per_token(0) + 10 * position_bytes);
}

TEST(HostPlan, RefusesAContextLargerThanMemoryBeforeTouchingIt) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ4_0, 1);
  Team team(1);
  HostOptions options = Options(1);
  options.kv_blocks = 1 << 30;
  const auto plan = HostPlan::Build(model.graph, options, team);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, ErrorCode::kExhausted);
  EXPECT_THAT(plan.error().message, testing::HasSubstr("for a KV cache of 68719476736 positions"));
}

}  // namespace
}  // namespace millrace
