// What is legal at a cycle and a fault one cycle beside it: streams, ports, words, links.
#include "sim/tiny_program.h"

namespace millrace::sim {
namespace {

using isa::Flow;
using isa::Rule;

// One word from slice 0 to slice 6, outward on stream 0, changed by a test.
struct Copy {
  TinyProgram tiny;
  std::int64_t read_at = 20;
  std::int64_t write_at = 20 + 3 + 3;  // latency, and from position 1 to 4

  explicit Copy(std::int32_t chips = 1) : tiny(chips) {
    tiny.Input({.chip = 0, .side = kWest, .slice = 0, .word = 5, .step_elements = 64}, {1, 2, 3});
    tiny.Output({.chip = 0, .side = kWest, .slice = 6, .word = 7, .step_elements = 64}, 3);
  }
  void Read(std::int64_t cycle, int slice = 0, int word = 5) {
    tiny.Add(cycle, TinyProgram::Slice(kWest, slice),
             isa::Read{.address = {.base = word}, .stream = 0, .flow = Flow::kOutward});
  }
  void Write(std::int64_t cycle, int slice = 6, int word = 7) {
    tiny.Write(cycle, kWest, slice, word, 0, Flow::kOutward, 1, 1);
  }
  std::optional<Rule> Broken() {
    const auto fault = tiny.Fault();
    return fault ? std::optional(fault->rule) : std::nullopt;
  }
};

TEST(Streams, AVectorIsAtItsPositionOnOneCycle) {
  for (const int late : {-1, 0, 1}) {
    Copy copy;
    copy.Read(copy.read_at);
    copy.Write(copy.write_at + late);
    EXPECT_EQ(copy.Broken(), late == 0 ? std::nullopt : std::optional(Rule::kStream));
  }
  Copy copy;
  copy.Read(copy.read_at);
  copy.Write(copy.write_at);
  EXPECT_EQ(copy.tiny.Run(), (std::vector<float>{1, 2, 3}));
}

TEST(Streams, DrivingWhereAVectorPassesIsAConflict) {
  for (const int late : {0, 1}) {
    Copy copy;
    copy.Read(copy.read_at);
    copy.tiny.Input({.chip = 0, .side = kWest, .slice = 2, .word = 5, .step_elements = 64}, {4});
    copy.Read(copy.read_at + 1 + late, 2);  // one position further
    copy.Write(copy.write_at);
    EXPECT_EQ(copy.Broken(), late == 1 ? std::nullopt : std::optional(Rule::kStream));
  }
}

TEST(Streams, AVectorThatIsTakenGoesNoFurther) {
  for (const bool take : {false, true}) {
    Copy copy;
    copy.Read(copy.read_at);
    copy.tiny.Add(copy.read_at + 4, TinyProgram::Slice(kWest, 2),
                  isa::Write{.address = {}, .stream = 0, .flow = Flow::kOutward, .take = take});
    copy.Write(copy.write_at);
    EXPECT_EQ(copy.Broken(), take ? std::optional(Rule::kStream) : std::nullopt);
  }
}

TEST(Memory, AWordIsReadableWriteLatencyAfterItWasTaken) {
  for (const int early : {0, 1}) {
    Copy copy;
    copy.Read(copy.read_at);
    copy.Write(copy.write_at);
    copy.Read(copy.write_at + 2 - early, 6, 7);
    EXPECT_EQ(copy.Broken(), early == 0 ? std::nullopt : std::optional(Rule::kMemory));
  }
}

TEST(Memory, AWordThatNobodyWroteCannotBeRead) {
  Copy copy;
  copy.Read(copy.read_at, 0, 6);
  copy.Write(copy.write_at);
  EXPECT_EQ(copy.Broken(), Rule::kMemory);
}

TEST(MemoryPort, ReadAndWriteOfACycleAreInDifferentBanks) {
  for (const int word : {7, 300}) {  // banks of 256 words
    Copy copy;
    copy.Read(copy.read_at);
    copy.Write(copy.write_at);
    copy.tiny.Input({.chip = 0, .side = kWest, .slice = 6, .word = word + 1, .step_elements = 64},
                    {4});
    copy.tiny.Add(copy.write_at - 2, TinyProgram::Slice(kWest, 6),
                  isa::Read{.address = {.base = word + 1},
                            .count = 3,
                            .stride = 0,
                            .stream = 9,
                            .flow = Flow::kInward});
    EXPECT_EQ(copy.Broken(), word == 300 ? std::nullopt : std::optional(Rule::kMemoryPort));
  }
}

TEST(MemoryPort, AnAddressOutsideOfTheSliceIsAFault) {
  Copy copy;
  copy.Read(copy.read_at, 0, 512);
  EXPECT_EQ(copy.Broken(), Rule::kMemoryPort);
}

TEST(Issue, AQueueTakesOneInstructionACycle) {
  Copy copy;
  copy.Read(copy.read_at);
  copy.Read(copy.read_at);
  EXPECT_EQ(copy.Broken(), Rule::kIssue);
}

TEST(Issue, NothingHappensAfterTheEnd) {
  for (const int late : {0, 1}) {
    Copy copy;
    copy.tiny.program().sections[0].length_cycles = static_cast<int>(copy.write_at) + 2 - 2 * late;
    copy.Read(copy.read_at);
    copy.Write(copy.write_at);
    EXPECT_EQ(copy.Broken(), late == 0 ? std::nullopt : std::optional(Rule::kIssue));
  }
}

TEST(Conditions, AWriteTakesPlaceWhereTheRegisterSaysSo) {
  for (const int position : {35, 36}) {
    Copy copy;
    copy.Read(copy.read_at);
    copy.Write(copy.write_at);
    copy.tiny.Input({.chip = 0, .side = kWest, .slice = 8, .word = 9, .step_elements = 64},
                    {7, 7, 7, 7, 7});
    copy.tiny.Add(copy.write_at + 1, TinyProgram::Slice(kWest, 8),
                  isa::Write{.address = {.base = 1, .index = 0, .divisor = 4, .register_stride = 1},
                             .stream = 0,
                             .flow = Flow::kOutward,
                             .first_byte = 16,
                             .end_byte = 256,
                             .condition = {.index = 0, .modulus = 4, .remainder = 3}});
    copy.tiny.Output({.chip = 0, .side = kWest, .slice = 8, .word = 9, .step_elements = 64}, 5);
    const float last = position == 35 ? 0 : 7;  // bytes from 16 on are kept
    EXPECT_EQ(copy.tiny.Run(position), (std::vector<float>{7, 7, 7, 7, last}));
  }
}

// Two chips: a word from chip 0 over link 0 to chip 1, written there on its way inward.
struct Sending : Copy {
  std::int64_t send_at, arrival;

  explicit Sending(std::int64_t late_receive = 0, bool receives = true) : Copy(2) {
    send_at = read_at + 3 + tiny.chip().edge() - 1;
    arrival = send_at + 11;
    Read(read_at);
    const isa::Unit link{isa::UnitKind::kC2c, kWest, 0};
    tiny.Add(send_at, link, isa::Send{.side = kWest, .stream = 0, .count = 1});
    if (receives) {
      tiny.Add(arrival + late_receive, link,
               isa::Receive{.to = isa::ResultSides::kEast, .stream = 3, .count = 1}, 1);
    }
    tiny.Add(arrival + late_receive + tiny.chip().edge() - 1, TinyProgram::Slice(kEast, 0),
             isa::Write{.address = {.base = 7},
                        .stream = 3,
                        .flow = Flow::kInward,
                        .first_byte = 0,
                        .end_byte = 256},
             1);
    tiny.Output({.chip = 1, .side = kEast, .slice = 0, .word = 7, .step_elements = 64}, 3);
  }
};

TEST(Links, ASendArrivesTheLatencyLater) {
  EXPECT_EQ(Sending().tiny.Run(), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(Sending(1).Broken(), Rule::kLink);
  EXPECT_EQ(Sending(-1).Broken(), Rule::kLink);
  EXPECT_EQ(Sending(0, false).Broken(), Rule::kLink);
}

TEST(Links, ALinkTakesAVectorEveryVectorCycles) {
  for (const int after : {1, 2}) {
    Sending sending;
    sending.Read(sending.read_at + after);
    const isa::Unit link{isa::UnitKind::kC2c, kWest, 0};
    sending.tiny.Add(sending.send_at + after, link, isa::Send{.side = kWest, .stream = 0});
    sending.tiny.Add(sending.arrival + after, link,
                     isa::Receive{.to = isa::ResultSides::kEast, .stream = 3}, 1);
    EXPECT_EQ(sending.Broken(), after == 2 ? std::nullopt : std::optional(Rule::kLink));
  }
}

TEST(Shift, MovesBytesWithinAGroup) {
  Copy copy;
  copy.Read(copy.read_at);
  const Chip& chip = copy.tiny.chip();
  const std::int64_t at = copy.read_at + 3 + chip.edge() - 1;
  copy.tiny.Add(at, {isa::UnitKind::kSxm, kWest, 0},
                isa::Shift{.in = {0, 1}, .out = {4, 2}, .from = 0, .to = 256 + 16, .bytes = 16});
  copy.tiny.Write(at + chip.sxm.latency_cycles + chip.edge() - chip.slice_position(6), kWest, 6, 7,
                  5, Flow::kInward, 1, 1);
  copy.tiny.Output({.chip = 0, .side = kWest, .slice = 6, .word = 7, .step_elements = 64}, 7);
  EXPECT_EQ(copy.tiny.Run(), (std::vector<float>{0, 0, 0, 0, 1, 2, 3}));
}

TEST(SteppedSimulator, SramStaysBetweenSteps) {
  TinyProgram tiny;
  tiny.Input({.chip = 0, .side = kWest, .slice = 0, .word = 0, .step_elements = 64}, {1});
  isa::Program& program = tiny.program();
  program.chips[0].image = {{.slice = TinyProgram::Slice(kWest, 6), .word = 0, .words = 4}};
  tiny.Add(20, TinyProgram::Slice(kWest, 0),
           isa::Read{.address = {}, .stream = 0, .flow = Flow::kOutward});
  tiny.Add(26, TinyProgram::Slice(kWest, 6),
           isa::Write{.address = {.index = 0, .register_stride = 1},
                      .stream = 0,
                      .flow = Flow::kOutward,
                      .first_byte = 0,
                      .end_byte = 256});
  tiny.Output({.chip = 0, .side = kWest, .slice = 6, .word = 0, .step_elements = 1}, 3);
  auto simulator = SteppedSimulator::Make(program, tiny.system());
  ASSERT_TRUE(simulator.ok());
  for (const std::int32_t position : {0, 2}) {
    const std::vector<float> x = {static_cast<float>(position + 5)};
    const std::span<const float> tensors[] = {x};
    const SimulatedStep step = simulator->Step({std::span(&position, 1), tensors});
    ASSERT_FALSE(step.fault);
    EXPECT_EQ(step.cycles, 2000);
    EXPECT_EQ(step.logits[0], 5);
    EXPECT_EQ(step.logits[1], 0);
    EXPECT_EQ(step.logits[2], position == 2 ? 7 : 0);
  }
}

}  // namespace
}  // namespace millrace::sim
