#include "isa/assembler.h"

#include <gtest/gtest.h>

#include "isa/disassembler.h"
#include "isa/random_program.h"

namespace millrace::isa {
namespace {

TEST(Assembler, GivesBackWhatWasPrinted) {
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    const Program program = RandomProgram(seed).Make();
    const std::string text = Print(program);
    const Result<Program> read = Parse(text, "printed");
    ASSERT_TRUE(read.ok()) << read.error().message << "\n" << text;
    ASSERT_TRUE(*read == program) << text;
  }
}

TEST(Assembler, ReadsWhatTheHeaderShows) {
  const std::string text =
      "program model \"tales\", machine \"groq-v1\", context 512, hidden 288, vocabulary 512\n"
      "register kind blocks\n"
      "section length_cycles 70, repeats 0, name \"scores\"\n"
      "block \"layer\"\n"
      "  120 mem west 17: read address [4096 + s1 + 2*iter + 3*(r0/16)], count 22, flow outward\n"
      "  131 mem east 4: write address [12], end_byte 320, take, condition r0 % 16 == 5\n"
      "  140 mxm west 0: load k 320, columns 320, vectors 340\n"
      "  210 vxm 3: add a west 0..3, b east 4..7, to both, out 0..3, elements 288, step_elements "
      "320\n"
      "  230 sxm east: shift in 0..3, out 4..7, from 16, bytes 192\n"
      "  240 c2c 1: receive to east, stream 2, count 4\n"
      "chip\n"
      "  call relocations [0, 512]\n"
      "  image slice mem west 17, word 4096, words 2, bytes 0a0b0c\n"
      "input place {slice 4, word 7, step_elements 320}\n";
  const Result<Program> program = Parse(text, "header");
  ASSERT_TRUE(program.ok()) << program.error().message;
  EXPECT_EQ(Print(*program), text);
  const auto& read = std::get<Read>(program->blocks[0].instructions[0].action);
  EXPECT_EQ(read.address, (Address{.base = 4096,
                                   .segment = 1,
                                   .iteration_stride = 2,
                                   .index = 0,
                                   .divisor = 16,
                                   .register_stride = 3}));
  EXPECT_EQ(read.count, 22);
  EXPECT_EQ(program->chips[0].image[0].bytes.size(), 3U);
}

TEST(Assembler, OmittedBytesAreARemark) {
  Program program;
  program.chips.resize(1);
  program.chips[0].image = {{.words = 2, .bytes = std::vector<std::byte>(70)}};
  const Result<Program> read = Parse(Print(program, ImageBytes::kOmitted), "printed");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->chips[0].image[0].words, 2);
  EXPECT_TRUE(read->chips[0].image[0].bytes.empty());
}

void ExpectError(std::string_view text, std::string_view message) {
  const Result<Program> program = Parse(text, "x");
  ASSERT_FALSE(program.ok()) << text;
  EXPECT_EQ(program.error().message, message);
}

TEST(Assembler, ErrorsSayLineAndColumn) {
  ExpectError("", "x:0:1: the text ends, wanted a line that begins with 'program'");
  ExpectError("block \"a\"",
              "x:1:1: found 'block \"a\"', wanted a line that begins with 'program'");
  ExpectError("program rows x", "x:1:14: found 'x', wanted a number");
  ExpectError("program\nblock \"a\"\n  7 mem west 1: read stream 256",
              "x:3:29: found '256', wanted a number that fits the field");
  ExpectError("program\nblock \"a\"\n  7 mem north 1: read",
              "x:3:9: found 'north 1: read', wanted west or east");
  ExpectError("program\nblock \"a\"\n  7 mem west 1: jump",
              "x:3:17: found 'jump', wanted an instruction");
  ExpectError("program\nblock \"a\"\n  7 mem west 1: read count 1, count 2",
              "x:3:31: found count a second time, wanted it once");
  ExpectError("program\nblock \"a\"\n  7 mem west 1: read lanes 2",
              "x:3:22: found 'lanes 2', wanted the name of a field");
  ExpectError("program\nblock \"a", "x:2:7: the line ends, wanted a quote that ends the text");
  ExpectError("program rows 1 2", "x:1:16: found '2', wanted ','");
}

}  // namespace
}  // namespace millrace::isa
