// `millrace perplexity`: llama-perplexity's numbers (tests/data/perplexity/README.md), and the
// calls that have none.
#include <nlohmann/json.hpp>

#include "program.h"

namespace millrace {
namespace {

const std::string kText = MILLRACE_SOURCE_DIR "/tests/data/perplexity/happy_prince.txt";

Outcome Perplexity(const Arguments& more) {
  Arguments arguments = {"perplexity", "-f", kText};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Millrace(arguments);
}

nlohmann::json Json(Arguments arguments) {
  arguments.insert(arguments.end(), {"-o", "json"});
  const Outcome outcome = Perplexity(arguments);
  ExpectSuccess(outcome);
  return nlohmann::json::parse(outcome.out);
}

struct Theirs {
  const char* context;
  const char* chunks;
  double perplexity, error;
};

class PerplexityOf : public testing::TestWithParam<Theirs> {};

TEST_P(PerplexityOf, IsThatOfLlamaPerplexityWithinAHalfPercent) {
  const Theirs& theirs = GetParam();
  for (const char* cache : {"f16", "f32"}) {
    const auto ours =
        Json({"-c", theirs.context, "--chunks", theirs.chunks, "-ctk", cache, "-ctv", cache});
    EXPECT_NEAR(ours["perplexity"].get<double>(), theirs.perplexity, 0.005 * theirs.perplexity);
    EXPECT_NEAR(ours["error"].get<double>(), theirs.error, 0.01 * theirs.error);
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, PerplexityOf,
                         testing::Values(Theirs{"128", "-1", 23.8998, 1.20447},
                                         Theirs{"100", "7", 28.3670, 3.98993},
                                         Theirs{"512", "-1", 23.2741, 1.20417}));

TEST(Perplexity, WritesTheRunningValueAndEndsWithTheEstimate) {
  const Outcome outcome = Perplexity({"-c", "64", "--chunks", "3"});
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.err, "");
  const auto lines = Lines(outcome.out);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0],
              testing::MatchesRegex(
                  R"(\[1\][0-9]+\.[0-9]{4},\[2\][0-9]+\.[0-9]{4},\[3\][0-9]+\.[0-9]{4},)"));
  EXPECT_THAT(lines[1], testing::MatchesRegex(R"(PPL = [0-9]+\.[0-9]{4} \+/- [0-9]+\.[0-9]{5})"));
}

TEST(Perplexity, StepsAndThreadsChangeNoDigit) {
  const auto whole = Json({"-c", "64", "--chunks", "5", "-t", "1"});
  EXPECT_EQ(whole["chunks"], 5);
  EXPECT_EQ(whole["tokens"], 5 * 31);
  EXPECT_EQ(Json({"-c", "64", "--chunks", "5", "-t", "2", "-b", "7"}), whole);
  EXPECT_EQ(Json({"-c", "64", "--chunks", "5", "--on", "interpreter"}), whole);
}

TEST(Perplexity, BadCallsAreNamed) {
  TemporaryFolder folder;
  ExpectFailure(Millrace({"perplexity"}), 2, "perplexity", {"--file", "required"});
  ExpectFailure(Perplexity({"-c", "-1"}), 2, "perplexity", {"-1"});
  ExpectFailure(Perplexity({"-c", "64", "--chunks", "0"}), 1, "perplexity", {"0 chunks"});
  ExpectFailure(Perplexity({"-c", "4096"}), 1, "perplexity", {"tokens, wanted 8192"});
  ExpectFailure(Perplexity({"-f", folder / "none.txt"}), 1, "perplexity", {"no such file"});
  ExpectFailure(Perplexity({"-f", folder.Write("short.txt", "A tale.\n")}), 1, "perplexity",
                {"wanted 1024"});
  ExpectFailure(Perplexity({"-m", folder / "none.gguf"}), 1, "perplexity", {"none.gguf"});
}

}  // namespace
}  // namespace millrace
