// Every rule: legal on cycle t, and not on t - 1. The cycles follow from the numbers of
// isa/test_program.h, by hand.
#include "isa/verify.h"

#include <gtest/gtest.h>

#include <functional>

#include "isa/test_program.h"

namespace millrace::isa {
namespace {

constexpr auto kIn = Flow::kInward;
constexpr auto kOut = Flow::kOutward;

std::optional<Fault> Check(TestProgram& test, std::int32_t position = 0) {
  const std::vector<std::int32_t> positions = {position};
  return VerifyAt(test.program(), TinySystem(static_cast<int>(test.program().chips.size())),
                  positions);
}
void ExpectValid(TestProgram test) {
  const auto fault = Check(test);
  EXPECT_FALSE(fault) << Print(*fault);
}
void ExpectFault(Rule rule, TestProgram test) {
  const auto fault = Check(test);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->rule, rule) << Print(*fault);
}
// What `at` makes is valid on cycle t and breaks `rule` on t - 1.
void ExpectFirst(std::int32_t t, Rule rule, const std::function<TestProgram(std::int32_t)>& at) {
  ExpectValid(at(t));
  ExpectFault(rule, at(t - 1));
}
// The same for a last cycle.
void ExpectLast(std::int32_t t, Rule rule, const std::function<TestProgram(std::int32_t)>& at) {
  ExpectValid(at(t));
  ExpectFault(rule, at(t + 1));
}

// ---------------------------------------------------------------------------------- 1: issue
TEST(VerifyIssue, AQueueIssuesOneInstructionACycle) {
  ExpectFirst(11, Rule::kIssue, [](std::int32_t t) {
    return TestProgram()
        .At(10, Mem(0), Read{.address = Word(0), .stream = 0, .flow = kOut})
        .At(t, Mem(0), Read{.address = Word(1), .stream = 1, .flow = kOut});
  });
}

TEST(VerifyIssue, AChainIsBusyForItsStepsTimesTheirInterval) {
  // kCopy: interval 1, three steps from cycle 20.
  ExpectFirst(23, Rule::kIssue, [](std::int32_t t) {
    const Operand a{.streams = {0, 1}};
    const Vxm copy{.op = VxmOp::kCopy,
                   .a = a,
                   .to = ResultSides::kWest,
                   .out = {0, 1},
                   .count = 3,
                   .elements = 48,
                   .step_elements = 16};
    Vxm other = copy;
    other.out = {1, 1};
    return TestProgram()
        .At(17, Mem(0), Read{.address = Word(0), .count = 9, .stream = 0})
        .At(20, Chain(0), copy)
        .At(t, Chain(0), other);
  });
}

TEST(VerifyIssue, AnInstructionEndsBeforeTheProgramDoes) {
  ExpectLast(99 - 4, Rule::kIssue, [](std::int32_t t) {
    return TestProgram(/*length=*/100)
        .At(t, Mem(0), Read{.address = Word(0), .count = 5, .flow = kOut});
  });
  ExpectLast(97, Rule::kIssue, [](std::int32_t t) {  // a write is there three cycles later
    return TestProgram(/*length=*/100)
        .At(t - 2, Mem(0), Read{.address = Word(0), .flow = kOut})
        .At(t, Mem(1), Write{.address = Word(0), .flow = kOut, .end_byte = 64});
  });
}

// ----------------------------------------------------------------------------------- 2: ports
TEST(VerifyMemoryPort, ASliceReadsOneWordACycle) {
  ExpectFirst(13, Rule::kMemoryPort, [](std::int32_t t) {
    return TestProgram()
        .At(10, Mem(0), Read{.address = Word(0), .count = 3, .stream = 0, .flow = kOut})
        .At(t, Mem(0), Read{.address = Word(8), .stream = 1, .flow = kOut});
  });
}

TEST(VerifyMemoryPort, ReadsMayInterleave) {
  ExpectValid(
      TestProgram()
          .At(10, Mem(0), Read{.address = Word(0), .count = 3, .interval = 2})
          .At(11, Mem(0), Read{.address = Word(8), .count = 3, .interval = 2, .stream = 1}));
}

TEST(VerifyMemoryPort, AReadAndAWriteOnOneCycleNeedTwoBanks) {
  const auto with = [](std::int32_t word) {
    return TestProgram()
        .At(10, Mem(1), Read{.address = Word(0), .flow = kOut})
        .At(12, Mem(0), Write{.address = Word(0), .flow = kOut, .end_byte = 64})
        .At(11, Mem(0), Read{.address = Word(word), .count = 2, .stride = 0, .stream = 3});
  };
  ExpectValid(with(32));
  ExpectFault(Rule::kMemoryPort, with(15));
}

TEST(VerifyMemoryPort, AddressesLieWithinTheSlice) {
  const auto with = [](std::int32_t base, std::int32_t count, std::int32_t stride) {
    return TestProgram().At(10, Mem(0),
                            Read{.address = Word(base), .count = count, .stride = stride});
  };
  ExpectValid(with(15, 16, -1));
  ExpectFault(Rule::kMemoryPort, with(15, 17, -1));
  ExpectFault(Rule::kMemoryPort, with(64, 1, 0));
  ExpectFault(Rule::kMemoryPort, with(-1, 1, 0));
  ExpectFault(Rule::kMemoryPort, with(2147483647, 2, 2147483647));
}

TEST(VerifyMemoryPort, AddressesFollowRegistersRelocationsAndIterations) {
  const auto with = [](Address address) {
    TestProgram test;
    Program& p = test.program();
    p.registers = {{.kind = LaunchRegister::Kind::kBlocks}, {}};
    p.sections[0] = {.length_cycles = 100, .repeats = 0};
    p.chips[0].calls[0].relocations = {0, 3};
    test.At(10, Mem(0), Read{.address = address});
    return test;
  };
  // Position 130: three blocks, so iterations 0 to 2; the register is 130 / 64 = 2 strides.
  Address address{.base = 2,
                  .segment = 1,
                  .iteration_stride = 2,
                  .index = 1,
                  .divisor = 64,
                  .register_stride = 3};
  auto test = with(address);  // 2 + 3 + {0, 2, 4} + 6 = 15
  EXPECT_FALSE(Check(test, 130));
  address.base = 3;
  test = with(address);
  const auto fault = Check(test, 130);
  ASSERT_TRUE(fault);
  EXPECT_EQ(Print(*fault),
            "chip 0, mem west 0, cycle 210: memory: found word 16 never written, wanted a value");
}

// --------------------------------------------------------------------------------- 3: streams
TEST(VerifyStreams, AnInwardVectorMovesOnePositionACycle) {
  // Slice 6 is at position 4, slice 0 at 1; the read of cycle 10 is on the stream on 12.
  const auto with = [](std::int32_t t) {
    return TestProgram()
        .At(10, Mem(6), Read{.address = Word(0)})
        .At(t, Mem(0), Write{.address = Word(0), .end_byte = 64});
  };
  ExpectFirst(15, Rule::kStream, with);
  ExpectLast(15, Rule::kStream, with);
}

TEST(VerifyStreams, AnOutwardVectorMovesOnePositionACycle) {
  const auto with = [](std::int32_t t) {
    return TestProgram()
        .At(10, Mem(0), Read{.address = Word(0), .flow = kOut})
        .At(t, Mem(6), Write{.address = Word(0), .flow = kOut, .end_byte = 64});
  };
  ExpectFirst(15, Rule::kStream, with);
  ExpectLast(15, Rule::kStream, with);
}

TEST(VerifyStreams, DrivingWhereAVectorPassesIsAConflict) {
  ExpectFirst(14, Rule::kStream, [](std::int32_t t) {
    return TestProgram()
        .At(10, Mem(6), Read{.address = Word(0)})
        .At(t, Mem(0), Read{.address = Word(0)});
  });
}

TEST(VerifyStreams, DrivingBehindAVectorThatIsTakenIsNone) {
  const auto with = [](bool take, int slice) {
    return TestProgram()
        .At(10, Mem(6), Read{.address = Word(0)})
        .At(13, Mem(4), Write{.address = Word(0), .end_byte = 64, .take = take})
        .At(10 + (7 - slice) / 2, Mem(slice), Read{.address = Word(0)});
  };
  ExpectValid(with(true, 2));
  ExpectFault(Rule::kStream, with(false, 2));
  ExpectFault(Rule::kStream, with(true, 5));  // where it is taken it still is
}

TEST(VerifyStreams, NothingIsBehindATake) {
  const auto with = [](bool take) {
    return TestProgram()
        .At(10, Mem(6), Read{.address = Word(0)})
        .At(13, Mem(4), Write{.address = Word(0), .end_byte = 64, .take = take})
        .At(14, Mem(2), Write{.address = Word(0), .end_byte = 64});
  };
  ExpectValid(with(false));
  ExpectFault(Rule::kStream, with(true));
}

TEST(VerifyStreams, HemispheresFlowsAndStreamsAreApart) {
  for (int other = 0; other < 3; ++other) {
    const auto side = other == 0 ? Hemisphere::kEast : Hemisphere::kWest;
    const auto stream = static_cast<std::uint8_t>(other == 2 ? 1 : 0);
    ExpectFault(Rule::kStream, TestProgram()
                                   .At(10, Mem(1), Read{.address = Word(0), .flow = kOut})
                                   .At(12, Mem(0, side),
                                       Write{.address = Word(0),
                                             .stream = stream,
                                             .flow = other == 1 ? kIn : kOut,
                                             .end_byte = 64}));
  }
}

TEST(VerifyStreams, TheVxmReadsAtTheMiddleAndDrivesAfterItsLatency) {
  // Slice 0 at position 1: on the stream at 12, at the VXM on 13; kAdd takes 2 cycles: at position
  // 0 on 15, at slice 2 (position 2) on 17.
  const auto with = [](std::int32_t vxm, std::int32_t write) {
    const Vxm add{.op = VxmOp::kAdd,
                  .a = Operand{.streams = {0, 1}},
                  .b = Operand{.side = Hemisphere::kEast, .streams = {1, 1}},
                  .to = ResultSides::kBoth,
                  .out = {3, 1},
                  .elements = 16,
                  .step_elements = 16};
    TestProgram test;
    test.At(10, Mem(0), Read{.address = Word(0)})
        .At(10, Mem(0, Hemisphere::kEast), Read{.address = Word(0), .stream = 1})
        .At(vxm, Chain(0), add);
    for (const auto side : {Hemisphere::kWest, Hemisphere::kEast}) {
      test.At(write, Mem(2, side),
              Write{.address = Word(0), .stream = 3, .flow = kOut, .end_byte = 64});
    }
    return test;
  };
  ExpectFirst(13, Rule::kStream, [&](std::int32_t t) { return with(t, t + 4); });
  ExpectLast(13, Rule::kStream, [&](std::int32_t t) { return with(t, t + 4); });
  ExpectFirst(17, Rule::kStream, [&](std::int32_t t) { return with(13, t); });
}

TEST(VerifyStreams, OnlyVectorsWithElementsThatCountAreReadAndDriven) {
  // 40 elements, 32 a step of two streams: the second step has one vector.
  const auto with = [](std::int32_t second, std::int32_t written) {
    const Vxm copy{.op = VxmOp::kCopy,
                   .a = Operand{.streams = {0, 2}},
                   .to = ResultSides::kWest,
                   .out = {0, 2},
                   .count = 2,
                   .elements = 40,
                   .step_elements = 32};
    return TestProgram()
        .At(10, Mem(0), Read{.address = Word(0), .count = 2})
        .At(10, Mem(1), Read{.address = Word(0), .count = second, .stream = 1})
        .At(13, Chain(0), copy)
        .At(17, Mem(2), Write{.address = Word(0), .count = 2, .flow = kOut, .end_byte = 64})
        .At(17, Mem(3),
            Write{.address = Word(0), .count = written, .stream = 1, .flow = kOut, .end_byte = 64});
  };
  ExpectValid(with(1, 1));
  ExpectValid(with(2, 1));
  ExpectFault(Rule::kStream, with(1, 2));
}

TEST(VerifyStreams, AShiftIsDrivenAfterTheLatencyOfTheSxm) {
  // Slice 15 at position 8: on the stream at 12, at the edge (9) on 13; back at 16, at slice 15
  // on 17.
  const auto with = [](std::int32_t shift, std::int32_t write) {
    return TestProgram()
        .At(10, Mem(15), Read{.address = Word(0), .flow = kOut})
        .At(shift, Sxm(), Shift{.in = {0, 1}, .out = {2, 1}, .from = 16, .to = 0, .bytes = 16})
        .At(write, Mem(15), Write{.address = Word(1), .stream = 2, .end_byte = 16});
  };
  ExpectFirst(13, Rule::kStream, [&](std::int32_t t) { return with(t, t + 4); });
  ExpectFirst(17, Rule::kStream, [&](std::int32_t t) { return with(13, t); });
}

// ---------------------------------------------------------------------------------- 4: matrix
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

// ----------------------------------------------------------------------------------- 5: links
TEST(VerifyLinks, AVectorIsReceivedWhenItArrives) {
  // Slice 15 at position 8: at the edge on 13; 11 cycles to the peer.
  const auto with = [](std::int32_t t) {
    return TestProgram(200, 2)
        .At(10, Mem(15), Read{.address = Word(0), .flow = kOut}, 0)
        .At(13, Link(0), Send{}, 0)
        .At(t, Link(0), Receive{.to = ResultSides::kBoth, .stream = 3}, 1)
        .At(25, Mem(15), Write{.address = Word(0), .stream = 3, .end_byte = 64}, 1)
        .At(25, Mem(15, Hemisphere::kEast), Write{.address = Word(0), .stream = 3, .end_byte = 64},
            1);
  };
  ExpectValid(with(24));
  ExpectFault(Rule::kStream, with(23));
  ExpectFault(Rule::kStream, with(25));
}

TEST(VerifyLinks, EveryArrivalIsReceivedAndEveryReceiveIsAnArrival) {
  const auto with = [](std::int32_t receive) {
    TestProgram test(200, 2);
    test.At(10, Mem(15), Read{.address = Word(0), .flow = kOut}, 0).At(13, Link(0), Send{}, 0);
    if (receive > 0) test.At(receive, Link(0), Receive{}, 1);
    return test;
  };
  ExpectValid(with(24));
  ExpectFault(Rule::kLink, with(23));
  ExpectFault(Rule::kLink, with(25));
  ExpectFault(Rule::kLink, with(0));
}

TEST(VerifyLinks, ALinkTakesAVectorEveryTwoCycles) {
  ExpectFirst(15, Rule::kLink, [](std::int32_t t) {
    return TestProgram(200, 2)
        .At(10, Mem(15), Read{.address = Word(0), .count = 3, .flow = kOut}, 0)
        .At(13, Link(0), Send{}, 0)
        .At(t, Link(0), Send{}, 0)
        .At(24, Link(0), Receive{}, 1)
        .At(t + 11, Link(0), Receive{}, 1);
  });
}

TEST(VerifyLinks, ALinkThatEndsNowhereSendsNothing) {
  ExpectFault(Rule::kLink, TestProgram(200, 2)
                               .At(10, Mem(15), Read{.address = Word(0), .flow = kOut}, 0)
                               .At(13, Link(1), Send{}, 0));
}

// ---------------------------------------------------------------------------------- 6: memory
TEST(VerifyMemory, AWordIsReadOnceItIsWritten) {
  // Taken on 12, readable on 15.
  ExpectFirst(15, Rule::kMemory, [](std::int32_t t) {
    return TestProgram()
        .At(10, Mem(1), Read{.address = Word(0), .flow = kOut})
        .At(12, Mem(0), Write{.address = Word(20), .flow = kOut, .end_byte = 64})
        .At(t, Mem(0), Read{.address = Word(20), .stream = 1});
  });
}

TEST(VerifyMemory, AWordIsNotReadWhileItIsWritten) {
  const auto with = [](std::int32_t t) {
    return TestProgram()
        .At(10, Mem(1), Read{.address = Word(0), .flow = kOut})
        .At(12, Mem(0), Write{.address = Word(3), .flow = kOut, .end_byte = 64})
        .At(t, Mem(0), Read{.address = Word(3), .stream = 1});
  };
  ExpectFirst(15, Rule::kMemory, with);
  ExpectValid(with(11));
}

TEST(VerifyMemory, AWriteThatKeepsNothingWritesNothing) {
  const auto with = [](std::uint16_t end_byte, std::int32_t remainder) {
    TestProgram test;
    test.program().registers = {{}};
    return test.At(10, Mem(1), Read{.address = Word(0), .flow = kOut})
        .At(12, Mem(0),
            Write{.address = Word(20),
                  .flow = kOut,
                  .end_byte = end_byte,
                  .condition = {.index = 0, .modulus = 4, .remainder = remainder}})
        .At(15, Mem(0), Read{.address = Word(20), .stream = 1});
  };
  ExpectValid(with(16, 0));
  ExpectFault(Rule::kMemory, with(0, 0));
  ExpectFault(Rule::kMemory, with(16, 1));
}

TEST(VerifyMemory, WhatTheImageFillsStaysForTheNextStep) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}}) {
    TestProgram test;
    test.program().chips[0].image[0].bytes.resize(bytes);
    test.At(10, Mem(1), Read{.address = Word(0), .flow = kOut})
        .At(12, Mem(0), Write{.address = Word(0), .flow = kOut, .end_byte = 64});
    EXPECT_EQ(Check(test).has_value(), bytes == 1);
  }
}

TEST(VerifyMemory, LogitsAreWrittenBeforeTheEnd) {
  const auto with = [](std::int32_t word) {
    TestProgram test;
    test.program().outputs = {
        {.first = 16, .count = 32, .place = {.slice = 0, .word = 18, .step_elements = 16}}};
    test.program().vocabulary = 64;
    // The logits are steps 1 and 2 of the tensor: words 19 and 20.
    return test.At(10, Mem(1), Read{.address = Word(0), .count = 2, .flow = kOut})
        .At(12, Mem(0), Write{.address = Word(word), .count = 2, .flow = kOut, .end_byte = 64});
  };
  ExpectValid(with(19));
  ExpectFault(Rule::kMemory, with(18));
  ExpectFault(Rule::kMemory, with(20));
}

TEST(VerifyMemory, TheHostWritesInputs) {
  const auto with = [](std::int32_t slice, std::int32_t word) {
    TestProgram test;
    test.program().hidden = 40;
    test.program().inputs = {{.place = {.slice = 2, .word = 20, .step_elements = 32}}};
    return test.At(10, Mem(slice), Read{.address = Word(word)});
  };
  ExpectValid(with(2, 20));
  ExpectValid(with(3, 21));
  ExpectFault(Rule::kMemory, with(4, 20));
  ExpectFault(Rule::kMemory, with(2, 22));
}

TEST(VerifyMemory, AnImageFitsAndDoesNotOverlap) {
  const auto with = [](ImagePart part) {
    TestProgram test;
    test.program().chips[0].image.push_back(std::move(part));
    return test;
  };
  ExpectValid(with({.slice = Mem(0), .word = 16, .words = 16}));
  ExpectFault(Rule::kMemory, with({.slice = Mem(0), .word = 15, .words = 2}));
  ExpectFault(Rule::kMemory, with({.slice = Mem(0), .word = 48, .words = 17}));
  ExpectFault(Rule::kMemory, with({.slice = Mem(0), .word = 60, .words = 2147483647}));
  ExpectFault(Rule::kMemory, with({.slice = Mem(16), .word = 60, .words = 1}));
  ExpectFault(Rule::kMemory, with({.slice = Mxm(), .word = 60, .words = 1}));
  ExpectFault(Rule::kMemory,
              with({.slice = Mem(0), .word = 16, .words = 1, .bytes = std::vector<std::byte>(65)}));
}

}  // namespace
}  // namespace millrace::isa
