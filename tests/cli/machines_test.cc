// `millrace machines`: what is described, and of one every number with its source.
#include <nlohmann/json.hpp>

#include "program.h"

namespace millrace {
namespace {

using testing::HasSubstr;

std::string Machines(Arguments arguments) {
  arguments.insert(arguments.begin(), "machines");
  const Outcome outcome = Millrace(arguments);
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

TEST(Machines, ListsChipsAndSystems) {
  const std::string text = Machines({});
  for (const char* part : {"| groq-v1 ", "| groq-v1x8 ", "| lp30 ", "| lp30x256 ", "737.3 T"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_EQ(nlohmann::json::parse(Machines({"-o", "json"}))[0]["sram_bytes"], 230686720);
}

TEST(Machines, OneIsPrintedWithEverySource) {
  const std::string text = Machines({"groq-v1x72"});
  for (const char* part :
       {"chip.mem.words", "8192  published  [CARD, NOTES20]", "assumed    ", "Sources",
        "link_bytes_per_s", "-4.00 %", "without 2.5 % of packet overhead"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, testing::Not(HasSubstr("DOES NOT AGREE")));
  const auto json = nlohmann::json::parse(Machines({"lp30x32", "-o", "json"}));
  EXPECT_EQ(json["system"]["chips"], 32);
  EXPECT_EQ(json["system"]["levels"][0]["latency_cycles"], 513);
  for (const auto& figure : json["figures"]) {
    EXPECT_TRUE(figure.contains("reason") || figure.contains("sources")) << figure;
  }
  for (const auto& total : json["totals"]) EXPECT_TRUE(total["agrees"]) << total;
}

TEST(Machines, AnotherChipIsAFile) {
  const TemporaryFolder folder;
  std::string text = ReadFile(MILLRACE_SOURCE_DIR "/machines/groq-v1.toml");
  const std::size_t words = text.find("value = 8192");
  const std::string path =
      folder.Write("mine.toml", std::string(text).replace(words + 8, 4, "4096"));
  EXPECT_THAT(Machines({path}), HasSubstr("115.3 M"));
  const std::string wrong = folder.Write("wrong.toml", text.replace(words + 8, 4, "8193"));
  ExpectFailure(Millrace({"machines", wrong}), 1, "machines",
                {wrong + ":31:1: chip.mem.words: found 8193, wanted a multiple of banks, 2"});
  ExpectFailure(Millrace({"machines", "groq-v7"}), 1, "machines", {"found 'groq-v7'", "lp30"});
  ExpectFailure(Millrace({"machines", "lp30x17"}), 1, "machines", {"found 17 chips"});
  ExpectFailure(Millrace({"machines", folder / "none.toml"}), 1, "machines", {"none.toml"});
}

}  // namespace
}  // namespace millrace
