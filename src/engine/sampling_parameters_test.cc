#include "engine/sampling_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace millrace {
namespace {

using ::testing::StartsWith;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Change = std::function<void(SamplingParameters&)>;

void ExpectValid(const Change& change) {
  SamplingParameters parameters;
  change(parameters);
  EXPECT_TRUE(parameters.Validate().ok());
}

void ExpectInvalid(const Change& change, const char* message) {
  SamplingParameters parameters;
  change(parameters);
  const auto result = parameters.Validate();
  ASSERT_FALSE(result.ok()) << message;
  EXPECT_EQ(result.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(result.error().message, StartsWith(message));
}

TEST(SamplingParameters, DefaultsAreLlamaCppsAndValid) {
  const SamplingParameters parameters;
  EXPECT_TRUE(parameters.Validate().ok());
  EXPECT_EQ(parameters.temperature, 0.8f);
  EXPECT_EQ(parameters.top_k, 40);
  EXPECT_EQ(parameters.top_p, 0.95f);
  EXPECT_EQ(parameters.min_p, 0.05f);
  EXPECT_EQ(parameters.repeat_penalty, 1.0f);
  EXPECT_EQ(parameters.repeat_last_n, 64);
}

TEST(SamplingParameters, EndsOfTheRangesAreValid) {
  for (const float share : {0.0f, 1.0f}) {
    ExpectValid([=](auto& p) { p.top_p = share; });
    ExpectValid([=](auto& p) { p.min_p = share; });
  }
  ExpectValid([](auto& p) { p.temperature = 0; });
  ExpectValid([](auto& p) { p.top_k = -1; });
  ExpectValid([](auto& p) { p.repeat_last_n = -1; });
  ExpectValid([](auto& p) { p.repeat_last_n = SamplingParameters::kLongestWindow; });
  ExpectValid([](auto& p) { p.logprobs = SamplingParameters::kMostLogprobs; });
  ExpectValid([](auto& p) { p.logit_bias = {{TokenId{0}, -kInfinity}}; });
}

TEST(SamplingParameters, WhatIsOutOfRangeIsNamed) {
  for (const float bad : {-0.01f, 1.01f, kNaN, kInfinity}) {
    ExpectInvalid([=](auto& p) { p.top_p = bad; }, "top_p is ");
    ExpectInvalid([=](auto& p) { p.min_p = bad; }, "min_p is ");
  }
  for (const float bad : {-0.01f, kNaN, kInfinity}) {
    ExpectInvalid([=](auto& p) { p.temperature = bad; }, "temperature is ");
  }
  for (const float bad : {0.0f, -1.0f, kNaN, kInfinity}) {
    ExpectInvalid([=](auto& p) { p.repeat_penalty = bad; }, "repeat_penalty is ");
  }
  for (const float bad : {kNaN, kInfinity, -kInfinity}) {
    ExpectInvalid([=](auto& p) { p.frequency_penalty = bad; }, "frequency_penalty is ");
    ExpectInvalid([=](auto& p) { p.presence_penalty = bad; }, "presence_penalty is ");
  }
  ExpectInvalid([](auto& p) { p.top_k = -2; }, "top_k is -2, wanted -1 or more");
  ExpectInvalid([](auto& p) { p.repeat_last_n = -2; }, "repeat_last_n is -2, wanted -1 to 1048576");
  ExpectInvalid([](auto& p) { p.repeat_last_n = (1 << 20) + 1; }, "repeat_last_n is ");
  ExpectInvalid([](auto& p) { p.logprobs = -1; }, "logprobs is -1, wanted 0 to 1024");
  ExpectInvalid([](auto& p) { p.logprobs = 1025; }, "logprobs is 1025");
  ExpectInvalid([](auto& p) { p.logit_bias = {{TokenId{-1}, 0}}; }, "logit_bias names token -1");
  ExpectInvalid([](auto& p) { p.logit_bias = {{TokenId{7}, kNaN}}; }, "logit_bias of token 7 is ");
  ExpectInvalid(
      [](auto& p) {
        p.logit_bias = {{TokenId{7}, kInfinity}};
      },
      "logit_bias of token 7 is inf");
}

}  // namespace
}  // namespace millrace
