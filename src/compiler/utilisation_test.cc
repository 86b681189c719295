#include "compiler/utilisation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "isa/test_program.h"

namespace millrace::compiler {
namespace {

using isa::Chain;
using isa::Link;
using isa::Mem;
using isa::Mxm;
using isa::PortKind;
using isa::TestProgram;
using isa::Word;
using Kind = WordRange::Kind;

const PortUse& Use(const ChipUse& chip, const isa::Port& port) {
  for (const PortUse& use : chip.ports) {
    if (use.port == port) return use;
  }
  ADD_FAILURE() << isa::Print(port);
  return chip.ports[0];
}

const KindUse& Use(const Utilisation& all, PortKind kind) {
  return all.kinds[static_cast<std::size_t>(kind)];
}

TEST(Utilisation, APortIsBusyItsStepsTimesTheirInterval) {
  TestProgram test(100);
  test.At(5, Mem(3), isa::Read{.address = Word(0), .count = 4, .interval = 2})
      .At(20, Mem(3), isa::Read{.address = Word(0), .count = 2})
      .At(5, Mem(3), isa::Write{.address = Word(40), .count = 3, .end_byte = 32})
      .At(9, Chain(1), isa::Vxm{.op = isa::VxmOp::kQuantise, .count = 2});
  const Utilisation all = Measure(test.program(), isa::TinySystem(), 0);
  EXPECT_EQ(all.cycles, 100);
  const ChipUse& chip = all.chips[0];
  EXPECT_EQ(Use(chip, {Mem(3), PortKind::kRead}).busy_cycles, 10);
  EXPECT_EQ(Use(chip, {Mem(3), PortKind::kRead}).instructions, 2);
  EXPECT_EQ(Use(chip, {Mem(3), PortKind::kWrite}).busy_cycles, 3);
  EXPECT_EQ(Use(chip, {Chain(1), PortKind::kVector}).busy_cycles, 2 * 5);
  EXPECT_EQ(Use(all, PortKind::kRead).ports, 32);
  EXPECT_DOUBLE_EQ(Use(all, PortKind::kRead).average, 10.0 / (32 * 100));
  EXPECT_DOUBLE_EQ(Use(all, PortKind::kRead).busiest, 0.1);
  EXPECT_EQ(all.work.sram_read_bytes, 6 * 64);
  EXPECT_EQ(all.work.sram_written_bytes, 3 * 32);
}

TEST(Utilisation, AWriteThatDoesNotTakePlaceIsNoWork) {
  TestProgram test;
  test.At(5, Mem(0),
          isa::Write{.address = Word(40),
                     .end_byte = 64,
                     .condition = {.index = 0, .modulus = 2, .remainder = 1}});
  test.program().registers = {{.kind = isa::LaunchRegister::Kind::kPosition}};
  EXPECT_EQ(Measure(test.program(), isa::TinySystem(), 4).work.sram_written_bytes, 0);
  EXPECT_EQ(Measure(test.program(), isa::TinySystem(), 5).work.sram_written_bytes, 64);
}

TEST(Utilisation, ALoopCountsEveryIteration) {
  TestProgram test(100);
  isa::Program& program = test.At(2, Mem(0), isa::Read{.count = 5}).program();
  program.registers = {{.kind = isa::LaunchRegister::Kind::kBlocks}};
  program.sections[0].repeats = 0;
  const Utilisation all = Measure(program, isa::TinySystem(), 130);
  EXPECT_EQ(all.cycles, 300);
  EXPECT_EQ(Use(all.chips[0], {Mem(0), PortKind::kRead}).busy_cycles, 15);
  EXPECT_EQ(all.sections[0].times, 3);
  EXPECT_EQ(all.sections[0].cycles, 300);
}

TEST(Utilisation, MultiplyAddsAreThoseOfTheTile) {
  TestProgram test;
  test.At(5, Mxm(), isa::Load{.dtype = DType::kQ8_0, .k = 64, .columns = 10, .vectors = 11})
      .At(40, Mxm(), isa::Pass{.count = 3});
  const Utilisation all = Measure(test.program(), isa::TinySystem(), 0);
  EXPECT_EQ(all.work.int8_macs, 3 * 64 * 10);
  EXPECT_EQ(all.work.float_macs, 0);
  EXPECT_EQ(Use(all.chips[0], {Mxm(), PortKind::kLoad}).busy_cycles, 3);  // 4 vectors a cycle
}

TEST(Utilisation, WordsAreOfTheImageOrOfTheStep) {
  TestProgram test;
  isa::Program& program =
      test.At(5, Mem(2), isa::Write{.address = Word(14), .count = 4, .end_byte = 64}).program();
  program.chips[0].image[4].bytes.resize(64);  // words 0 to 15 of slice 2
  const SliceUse slice = Measure(program, isa::TinySystem(), 0).chips[0].slices[2];
  EXPECT_EQ(slice.slice, Mem(2));
  EXPECT_THAT(slice.ranges,
              testing::ElementsAre(WordRange{0, 16, Kind::kImage}, WordRange{16, 18, Kind::kWork},
                                   WordRange{32, 48, Kind::kZeros}));
  EXPECT_EQ(slice.words(), 34);
}

TEST(Utilisation, TrafficGoesToThePeerOfTheLink) {
  TestProgram test(100, 3);
  test.At(5, Link(1), isa::Send{.count = 4}, 0)  // the peers of chip 0 are 1 and 2
      .At(5, Link(0), isa::Send{.count = 2}, 2);
  const Utilisation all = Measure(test.program(), isa::TinySystem(3), 0);
  ASSERT_EQ(all.traffic.size(), 2U);
  EXPECT_EQ(all.traffic[0].to, 2);
  EXPECT_EQ(all.traffic[0].vectors, 4);
  EXPECT_EQ(all.traffic[1].from, 2);
  EXPECT_EQ(all.traffic[1].to, 0);
  EXPECT_EQ(all.work.link_bytes, 6 * 64);
  EXPECT_EQ(Use(all, PortKind::kSend).ports, 4);  // chip 1 has nothing to do
}

TEST(Utilisation, EnergyIsOfWhatHasAFigure) {
  TestProgram test(100);
  test.At(5, Mem(3), isa::Read{.count = 4});
  System system = isa::TinySystem();
  const isa::Energy none = Measure(test.program(), system, 0).energy;
  EXPECT_FALSE(none.idle || none.sram || none.int8_macs || none.float_macs || none.links);
  system.chip.energy = {.idle_w = 2, .sram_byte_j = 1e-9};
  const isa::Energy some = Measure(test.program(), system, 0).energy;
  EXPECT_DOUBLE_EQ(*some.idle, 2 * 100e-9);
  EXPECT_DOUBLE_EQ(*some.sram, 256e-9);
  EXPECT_FALSE(some.links);
  EXPECT_DOUBLE_EQ(some.total(), 456e-9);
}

}  // namespace
}  // namespace millrace::compiler
