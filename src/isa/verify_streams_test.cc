// Streams and the units that read and drive them: legal on cycle t, and not on t - 1.
#include <gtest/gtest.h>

#include "isa/verify_expectations.h"

namespace millrace::isa {
namespace {

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

}  // namespace
}  // namespace millrace::isa
