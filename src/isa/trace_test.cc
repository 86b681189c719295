#include "isa/trace.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "isa/ports.h"
#include "isa/test_program.h"

namespace millrace::isa {
namespace {

nlohmann::json TraceOf(const Program& program, const System& system, std::int32_t position = 0) {
  std::string text;
  WriteTrace(program, system, std::vector<std::int32_t>{position},
             [&](std::string_view piece) { text += piece; });
  return nlohmann::json::parse(text);
}

// The complete events of chips, without those of the sections.
std::vector<nlohmann::json> Instructions(const nlohmann::json& trace, std::size_t chips) {
  std::vector<nlohmann::json> events;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "X" && event["pid"] < chips) events.push_back(event);
  }
  return events;
}

TEST(Trace, EveryInstructionIsAnEventOnItsPort) {
  TestProgram test(200, 2);
  test.At(5, Mem(3), Read{.address = Word(0), .count = 4, .interval = 2})
      .At(5, Mem(3), Write{.address = Word(40), .count = 3, .end_byte = 64})
      .At(9, Chain(1), Vxm{.op = VxmOp::kCopy, .count = 2})
      .At(30, Link(0), Send{.stream = 1, .count = 3}, 1);
  const auto events = Instructions(TraceOf(test.program(), TinySystem(2)), 2);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0]["name"], "read");
  EXPECT_EQ(events[0]["ts"], 5);
  EXPECT_EQ(events[0]["dur"], 8);
  EXPECT_EQ(events[1]["dur"], 3);
  EXPECT_NE(events[0]["tid"], events[1]["tid"]);
  EXPECT_EQ(events[2]["name"], "copy");
  EXPECT_EQ(events[3]["pid"], 1);
  EXPECT_EQ(events[3]["dur"], 6);  // a vector takes the link two cycles
  EXPECT_EQ(events[3]["args"]["in"], "all");
}

TEST(Trace, AnIterationIsAnEvent) {
  TestProgram test;
  Program& program = test.At(2, Mem(0), Read{.count = 1}).program();
  program.registers = {{.kind = LaunchRegister::Kind::kBlocks}};
  program.sections[0].repeats = 0;
  const auto events = Instructions(TraceOf(program, TinySystem(), 130), 1);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[2]["ts"], 402);
}

TEST(Trace, NamesOfAnyBytesAreJson) {
  TestProgram test;
  test.program().sections[0].name = "a \"quoted\" \\ \n\xff</script>";
  const auto trace = TraceOf(test.program(), TinySystem());
  EXPECT_EQ(trace["traceEvents"][2]["name"], "a \"quoted\" \\ \n\u00ff</script>");
  EXPECT_EQ(JsonString("</"), R"("\u003c/")");
}

TEST(Ports, AreSortedAndNamedApart) {
  const std::vector<Port> ports = PortsOf(TinyChip());
  EXPECT_EQ(ports.size(), 2U * 16 * 2 + 2 * 3 + 2 + 2 + 2 * 2);
  EXPECT_TRUE(std::is_sorted(ports.begin(), ports.end()));
  EXPECT_EQ(Print(ports[1]), "mem west 0 write");
  EXPECT_EQ(Print(ports.back()), "c2c 1 receive");
}

}  // namespace
}  // namespace millrace::isa
