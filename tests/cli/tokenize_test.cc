// `millrace tokenize`: ids out, text back.
#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-Q8_0.gguf");

Outcome Tokenize(const Arguments& more, const std::string& input = "") {
  Arguments arguments = {"tokenize", "-m", kModel};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Millrace(arguments, input);
}

// What it writes when it succeeds.
std::string Text(const Arguments& more, const std::string& input = "") {
  const Outcome outcome = Tokenize(more, input);
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

TEST(Tokenize, ListsATokenALine) {
  EXPECT_EQ(Text({"-p", "Once upon"}), "      1 '<s>'\n    403 ' Once'\n    407 ' upon'\n");
}

TEST(Tokenize, ShowsLineEndsAndLooseBytesAsEscapes) {
  EXPECT_EQ(Text({"-p", "\n\xe2", "--no-bos"}), "    410 ' '\n     13 '\\n'\n    229 '\\xe2'\n");
}

TEST(Tokenize, WritesIdsOnOneLine) {
  EXPECT_EQ(Text({"-p", "Once upon", "--ids"}), "1 403 407\n");
  EXPECT_EQ(Text({"-p", "Once upon", "--ids", "--no-bos"}), "403 407\n");
  EXPECT_EQ(Text({"-p", "", "--ids"}), "1\n");
  EXPECT_EQ(Text({"-p", "", "--ids", "--no-bos"}), "\n");
}

TEST(Tokenize, TakesStandardInputAsItIs) {
  EXPECT_EQ(Text({"--ids"}, "Once upon"), "1 403 407\n");
  EXPECT_EQ(Text({"--ids"}, "Once upon\n"), "1 403 407 13\n");
}

TEST(Tokenize, ReadsControlTokensUnlessToldNotTo) {
  EXPECT_EQ(Text({"-p", "</s>", "--ids", "--no-bos"}), "2\n");
  EXPECT_NE(Text({"-p", "</s>", "--ids", "--no-bos", "--no-parse-special"}), "2\n");
}

TEST(Tokenize, DecodesWhatItEncoded) {
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes += static_cast<char>(i);
  for (const std::string& text :
       {std::string("Once upon a time"), std::string("  two  spaces "), std::string("\nline\n\n"),
        std::string("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d"), std::string("\xff\xc0"), std::string(),
        all_bytes}) {
    const std::string ids = Text({"--ids"}, text);
    EXPECT_EQ(Text({"--decode"}, ids), text);
    EXPECT_EQ(Text({"--decode"}, Text({"--ids", "--no-bos"}, text)), text);
  }
}

TEST(Tokenize, DecodesAnyWayToWriteAList) {
  for (const char* ids : {"1 403 407", "1,403,407", "[1, 403, 407]\n", "1\n403\n407\n"}) {
    EXPECT_EQ(Text({"--decode", "-p", ids}), "Once upon");
  }
  EXPECT_EQ(Text({"--decode", "--special", "-p", "1 403 407"}), "<s> Once upon");
  EXPECT_EQ(Text({"--decode", "-p", ""}), "");
}

TEST(Tokenize, RefusesWhatIsNoTokenOfTheVocabulary) {
  ExpectFailure(Tokenize({"--decode", "-p", "1 512"}), 1, "tokenize", {"token 512", "512"});
  ExpectFailure(Tokenize({"--decode", "-p", "1 x"}), 1, "tokenize", {"--decode", "found 'x'"});
  ExpectFailure(Tokenize({"--decode", "-p", "-1"}), 1, "tokenize", {"found '-1'"});
  ExpectFailure(Tokenize({"--decode", "-p", "99999999999"}), 1, "tokenize", {"99999999999"});
  ExpectFailure(Tokenize({"--decode"}, std::string("1 \0 2", 5)), 1, "tokenize", {"\\x00"});
}

TEST(Tokenize, TakesMegabytesWithoutGigabytes) {
  const std::string text(8000000, 'x');
  EXPECT_EQ(Text({"--decode"}, Text({"--ids"}, text)), text);
}

TEST(Tokenize, ThatInputIsEndlessIsAnError) {
  ExpectFailure(Tokenize({"--ids"}, std::string(33554433, 'x')), 1, "tokenize",
                {"standard input", "33554432"});
}

}  // namespace
}  // namespace millrace
