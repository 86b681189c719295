// For the tests of the verifier: that a program of test_program.h is valid, or breaks a rule, and
// from which cycle on.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <vector>

#include "isa/test_program.h"
#include "isa/verify.h"

namespace millrace::isa {

inline constexpr auto kIn = Flow::kInward;
inline constexpr auto kOut = Flow::kOutward;

inline std::optional<Fault> Check(TestProgram& test, std::int32_t position = 0) {
  const std::vector<std::int32_t> positions = {position};
  return VerifyAt(test.program(), TinySystem(static_cast<int>(test.program().chips.size())),
                  positions);
}
inline void ExpectValid(TestProgram test) {
  const auto fault = Check(test);
  EXPECT_FALSE(fault) << Print(*fault);
}
inline void ExpectFault(Rule rule, TestProgram test) {
  const auto fault = Check(test);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->rule, rule) << Print(*fault);
}
// What `at` makes is valid on cycle t and breaks `rule` on t - 1.
inline void ExpectFirst(std::int32_t t, Rule rule,
                        const std::function<TestProgram(std::int32_t)>& at) {
  ExpectValid(at(t));
  ExpectFault(rule, at(t - 1));
}
// The same for a last cycle.
inline void ExpectLast(std::int32_t t, Rule rule,
                       const std::function<TestProgram(std::int32_t)>& at) {
  ExpectValid(at(t));
  ExpectFault(rule, at(t + 1));
}

}  // namespace millrace::isa
