// The verifier's rules of issue, memory and links: legal on cycle t, and not on t - 1. The cycles
// follow from the numbers of isa/test_program.h, by hand. Other rules: verify_streams_test.cc,
// verify_matrix_test.cc.
#include <gtest/gtest.h>

#include "isa/verify_expectations.h"

namespace millrace::isa {
namespace {

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
