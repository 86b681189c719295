// Tiles, sums, states and registers: legal on cycle t, and not on t - 1.
#include <gtest/gtest.h>

#include "isa/verify_expectations.h"

namespace millrace::isa {
namespace {

// A tile of 4 columns of Q8_0, k = 32: 136 bytes, three vectors, installed on cycles 20 (streams 0
// to 2); ready on 23. Chain: one link.
TestProgram& InstallAt(TestProgram& test, std::int32_t cycle, std::uint8_t buffer = 0) {
  for (int v = 0; v < 3; ++v) {
    test.At(cycle - 3 - (v == 2 ? 1 : 0), Mem(15 - v),
            Read{.address = Word(0), .stream = static_cast<std::uint8_t>(v), .flow = kOut});
  }
  return test.At(
      cycle, Mxm(),
      Load{.buffer = buffer, .dtype = DType::kQ8_0, .k = 32, .columns = 4, .vectors = 3});
}
// Values on stream 4 and scales on 5, at the edge on `cycle` and the following.
TestProgram& ActivationsAt(TestProgram& test, std::int32_t cycle, std::int32_t count = 1) {
  test.At(cycle - 5, Mem(11), Read{.address = Word(0), .count = count, .stream = 4, .flow = kOut});
  return test.At(cycle - 5, Mem(10),
                 Read{.address = Word(0), .count = count, .stream = 5, .flow = kOut});
}

TEST(VerifyMatrix, APassWaitsForItsTile) {
  ExpectFirst(23, Rule::kMatrix, [](std::int32_t t) {
    TestProgram test;
    InstallAt(test, 20);
    return ActivationsAt(test, t).At(t, Mxm(), Pass{.buffer = 0, .base = 4});
  });
}

TEST(VerifyMatrix, APassNeedsATileInItsBuffer) {
  TestProgram test;
  InstallAt(test, 20);
  ExpectFault(Rule::kMatrix, ActivationsAt(test, 30).At(30, Mxm(), Pass{.buffer = 1, .base = 4}));
}

TEST(VerifyMatrix, APassReadsScalesOfQuantisedTilesOnly) {
  for (const DType dtype : {DType::kQ8_0, DType::kF16}) {
    TestProgram test;
    InstallAt(test, 20);
    auto& load = std::get<Load>(test.program().blocks[0].instructions.back().action);
    load.dtype = dtype;
    if (dtype == DType::kF16) load.k = 24;  // 4 columns of 48 bytes
    test.At(25, Mem(11), Read{.address = Word(0), .stream = 4, .flow = kOut});
    test.At(30, Mxm(), Pass{.base = 4, .interval = 2});
    EXPECT_EQ(Check(test).has_value(), dtype == DType::kQ8_0);
  }
}

TEST(VerifyMatrix, ALoadWaitsForTheLastPassOfItsBuffer) {
  ExpectFirst(33, Rule::kMatrix, [](std::int32_t t) {
    TestProgram test;
    InstallAt(test, 20);
    ActivationsAt(test, 30, 3).At(30, Mxm(), Pass{.base = 4, .count = 3});
    return InstallAt(test, t);
  });
}

TEST(VerifyMatrix, AnotherBufferNeedNotWait) {
  TestProgram test;
  InstallAt(test, 20);
  ActivationsAt(test, 30, 3).At(30, Mxm(), Pass{.base = 4, .count = 3});
  ExpectValid(InstallAt(test, 31, 1));
}

TEST(VerifyMatrix, AnEmitWaitsForTheSums) {
  // Pass on 30: latency 5 + 1.
  ExpectFirst(36, Rule::kMatrix, [](std::int32_t t) {
    TestProgram test;
    InstallAt(test, 20);
    ActivationsAt(test, 30).At(30, Mxm(), Pass{.base = 4, .accumulator = 2});
    return test.At(t, Mxm(), Emit{.accumulator = 2, .columns = 4, .out = {0, 1}});
  });
}

TEST(VerifyMatrix, AnEmitNeedsAsManySumsAsTheTileHasColumns) {
  const auto with = [](std::uint16_t columns, std::uint16_t accumulator) {
    TestProgram test;
    InstallAt(test, 20);
    ActivationsAt(test, 30).At(30, Mxm(), Pass{.base = 4, .accumulator = 2});
    return test.At(40, Mxm(), Emit{.accumulator = accumulator, .columns = columns, .out = {0, 1}});
  };
  ExpectValid(with(4, 2));
  ExpectFault(Rule::kMatrix, with(5, 2));
  ExpectFault(Rule::kMatrix, with(4, 3));
}

TEST(VerifyMatrix, APassContinuesOnceTheChainIsThrough) {
  ExpectFirst(31, Rule::kIssue, [](std::int32_t t) {  // one link: the next cycle
    TestProgram test;
    InstallAt(test, 20);
    ActivationsAt(test, 30).At(30, Mxm(), Pass{.base = 4});
    return ActivationsAt(test, t == 30 ? 31 : t)
        .At(t, Mxm(), Pass{.base = 4, .begin = PassBegin::kContinue});
  });
  ExpectFirst(54, Rule::kMatrix, [](std::int32_t t) {  // F16: one link for each of the 24 k
    TestProgram test;
    InstallAt(test, 20);
    auto& load = std::get<Load>(test.program().blocks[0].instructions.back().action);
    load.dtype = DType::kF16;
    load.k = 24;
    ActivationsAt(test, 30).At(30, Mxm(), Pass{.base = 4, .interval = 2});
    return ActivationsAt(test, t).At(t, Mxm(),
                                     Pass{.base = 4, .begin = PassBegin::kContinue, .interval = 2});
  });
}

TEST(VerifyMatrix, AnAccumulatorKeepsItsSumsUntilThoseOfThePassThatReplacesThemCome) {
  // The sums of 30 come on 36; those that replace them on 46, and are continued until 47.
  ExpectLast(45, Rule::kMatrix, [](std::int32_t t) {
    TestProgram test;
    InstallAt(test, 20);
    ActivationsAt(test, 30).At(30, Mxm(), Pass{.base = 4});
    ActivationsAt(test, 40, 2).At(40, Mxm(), Pass{.base = 4});
    test.At(41, Mxm(), Pass{.base = 4, .begin = PassBegin::kContinue});
    return test.At(t, Mxm(), Emit{.columns = 4, .out = {0, 1}});
  });
}

TEST(VerifyMatrix, APassOfFloatsHasTheIntervalOfFloats) {
  const auto with = [](std::uint16_t interval) {
    TestProgram test;
    InstallAt(test, 20);
    auto& load = std::get<Load>(test.program().blocks[0].instructions.back().action);
    load.dtype = DType::kF16;
    load.k = 24;
    return ActivationsAt(test, 30, 4)
        .At(30, Mxm(), Pass{.base = 4, .count = 2, .interval = interval});
  };
  ExpectValid(with(2));
  ExpectFault(Rule::kIssue, with(1));
}

TEST(VerifyMatrix, OnlyAContinuedPassNeedsSums) {
  const auto with = [](PassBegin begin) {
    TestProgram test;
    InstallAt(test, 20);
    return ActivationsAt(test, 30).At(30, Mxm(), Pass{.base = 4, .begin = begin});
  };
  ExpectValid(with(PassBegin::kZero));
  ExpectValid(with(PassBegin::kRescale));
  ExpectFault(Rule::kMatrix, with(PassBegin::kContinue));
}

// A sum of squares on cycle 13: 4 superlanes + 6 * 2 + 3 * 6 = 34 cycles.
TestProgram SumSquares() {
  return TestProgram()
      .At(10, Mem(0), Read{.address = Word(0)})
      .At(13, Chain(0),
          Vxm{.op = VxmOp::kSumSquares,
              .a = Operand{.streams = {0, 1}},
              .elements = 16,
              .step_elements = 16,
              .slot = 3,
              .run = 16});
}
Vxm MultiplyRuns(std::int32_t slot) {
  return {.op = VxmOp::kMultiplyRuns,
          .a = Operand{.streams = {0, 1}},
          .to = ResultSides::kWest,
          .out = {0, 1},
          .elements = 16,
          .step_elements = 16,
          .slot = slot,
          .run = 16};
}

TEST(VerifyMatrix, AStateIsUsedOnceItIsThere) {
  ExpectFirst(47, Rule::kMatrix, [](std::int32_t t) {
    return SumSquares()
        .At(t - 3, Mem(0), Read{.address = Word(0)})
        .At(t, Chain(1), MultiplyRuns(3));
  });
}

TEST(VerifyMatrix, AStateThatNobodyWroteIsAFault) {
  ExpectFault(
      Rule::kMatrix,
      SumSquares().At(47, Mem(0), Read{.address = Word(0)}).At(50, Chain(1), MultiplyRuns(2)));
}

TEST(VerifyMatrix, AStateIsNotReplacedOnItsWay) {
  ExpectFirst(47, Rule::kMatrix, [](std::int32_t t) {
    return SumSquares().At(
        t, Chain(1), Vxm{.op = VxmOp::kSoftmaxBegin, .elements = 1, .slot = 3, .sum_slot = 4});
  });
}

TEST(VerifyMatrix, AnExpertsNumberIsUsedOnceItIsChosen) {
  // 16 logits, 2 chosen: (12 + 12) * 2 + 2 * 6 + 2 * (6 + 2) * 2 = 92 cycles.
  ExpectFirst(13 + 92, Rule::kMatrix, [](std::int32_t t) {
    TestProgram test;
    test.program().registers = {{.kind = LaunchRegister::Kind::kRouted},
                                {.kind = LaunchRegister::Kind::kRouted}};
    return test.At(10, Mem(0), Read{.address = Word(0)})
        .At(13, Chain(0),
            Vxm{.op = VxmOp::kRoute,
                .a = Operand{.streams = {0, 1}},
                .elements = 16,
                .step_elements = 16,
                .first_block = 0,
                .chosen = 2})
        .At(t, Mem(5), Read{.address = {.index = 1, .register_stride = 1}, .flow = kOut});
  });
}

}  // namespace
}  // namespace millrace::isa
