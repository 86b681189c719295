// `millrace assemble`, `disasm`, `verify`: LPU programs as text and as files.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <regex>

#include "program.h"

namespace millrace {
namespace {

using testing::HasSubstr;

std::string Path(const std::string& name) {
  return testing::TempDir() + "lpu_" + std::to_string(getpid()) + name;
}

// Reads a word on cycle 10 and writes it where it passes on `cycle`; on groq-v1 that is 16.
std::string Text(int cycle, const std::string& fingerprint) {
  return "program machine \"groq-v1\", machine_fingerprint " + fingerprint +
         ", context 64, hidden 8, vocabulary 8\n"
         "section length_cycles 100\n"
         "block \"copy\"\n"
         "  10 mem west 0: read flow outward\n"
         "  " +
         std::to_string(cycle) +
         " mem west 2: write flow outward, end_byte 320\n"
         "chip\n"
         "  call relocations [0]\n"
         "  image words 1, bytes 0102\n";
}

class LpuProgram : public testing::Test {
 protected:
  ~LpuProgram() override {
    std::remove(text_.c_str());
    std::remove(program_.c_str());
  }
  Outcome Assemble(const std::string& text) {
    std::ofstream(text_) << text;
    return Millrace({"assemble", text_, "-o", program_});
  }
  // The fingerprint of groq-v1, as verify says it of a program without one.
  std::string Fingerprint() {
    ExpectSuccess(Assemble(Text(0, "0")));
    const Outcome outcome = Millrace({"verify", program_});
    std::smatch match;
    std::regex_search(outcome.err, match, std::regex("has ([0-9a-f]{16})"));
    return std::to_string(std::stoull(match[1], nullptr, 16));
  }
  const std::string text_ = Path(".txt"), program_ = Path(".mrx");
};

TEST_F(LpuProgram, IsTheSameTextAfterAssemblyAndBack) {
  const std::string text = Text(16, "77");
  ExpectSuccess(Assemble(text));
  const Outcome printed = Millrace({"disasm", program_, "--bytes"});
  ExpectSuccess(printed);
  EXPECT_EQ(printed.out, text);
  EXPECT_THAT(Millrace({"disasm", program_}).out, HasSubstr("  # 2 bytes\n  image words 1\n"));
}

TEST_F(LpuProgram, IsValidOrSaysWhyNot) {
  const std::string fingerprint = Fingerprint();
  int valid = 0;
  for (int cycle = 11; cycle < 30; ++cycle) {
    ExpectSuccess(Assemble(Text(cycle, fingerprint)));
    const Outcome outcome = Millrace({"verify", program_});
    if (outcome.status == 0) {
      ++valid;
      EXPECT_THAT(outcome.out, HasSubstr("valid on groq-v1: 1 chips, 2 instructions"));
    } else {
      EXPECT_THAT(outcome.err, HasSubstr("chip 0, mem west 2, cycle " + std::to_string(cycle) +
                                         ": stream: found stream west outward 0 at position"));
    }
  }
  EXPECT_EQ(valid, 1);
}

TEST_F(LpuProgram, ErrorsAreOneLine) {
  const Outcome text = Assemble("program\nblock \"a\"\n  7 mem west 1: jump\n");
  EXPECT_EQ(text.status, 1);
  EXPECT_THAT(text.err, HasSubstr(":3:17: found 'jump', wanted an instruction"));
  ExpectSuccess(Assemble(Text(16, "77")));
  EXPECT_THAT(Millrace({"verify", program_}).err, HasSubstr("found a program for groq-v1 of"));
  EXPECT_THAT(Millrace({"verify", program_, "--machine", "abacus"}).err, HasSubstr("abacus"));
  EXPECT_THAT(Millrace({"verify", text_}).err, HasSubstr("wanted a file that begins with MRXPROG"));
  EXPECT_EQ(Millrace({"disasm", "/nowhere.mrx"}).status, 1);
  EXPECT_EQ(Millrace({"assemble", text_}).status, 2);
}

}  // namespace
}  // namespace millrace
