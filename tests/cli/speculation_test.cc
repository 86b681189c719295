// -md and --lookup: the same text, said to be guessed; and what is refused.
#include <nlohmann/json.hpp>

#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-F32.gguf"), kDraft = Vector("llama-Q8_0.gguf");

Outcome Tell(const Arguments& more) {
  Arguments arguments = {"run", "-m", kModel, "-p", "Once upon a time", "-n", "120", "-s", "3"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome outcome = Millrace(arguments);
  ExpectSuccess(outcome);
  return outcome;
}

TEST(Speculation, TheTextIsTheOneWithoutIt) {
  for (const Arguments& sampling :
       {Arguments{"--temp", "0"}, Arguments{"--temp", "0.8"},
        Arguments{"--temp", "1.2", "--repeat-penalty", "1.2", "--top-p", "0.9"}}) {
    const std::string text = Tell(sampling).out;
    for (const Arguments& guesses :
         {Arguments{"--lookup"}, Arguments{"-md", kDraft}, Arguments{"-md", kModel, "-td", "1"},
          Arguments{"--lookup", "--draft-max", "3", "--draft-min", "2", "-t", "3"}}) {
      Arguments arguments = sampling;
      arguments.insert(arguments.end(), guesses.begin(), guesses.end());
      const Outcome outcome = Tell(arguments);
      EXPECT_EQ(outcome.out, text) << testing::PrintToString(arguments);
      EXPECT_THAT(outcome.err, testing::HasSubstr("guessed"));
    }
  }
}

TEST(Speculation, ADraftThatIsTheModelIsAlwaysRight) {
  const std::string err = Tell({"-md", kModel, "--temp", "1"}).err;
  EXPECT_THAT(err,
              testing::ContainsRegex("decode .* [0-9]+ of [0-9]+ guessed tokens accepted .100 %."));
}

TEST(Speculation, StopStringsAndLogprobsAreThoseWithoutIt) {
  const Arguments arguments = {"--temp", "0", "--no-timings", "--logprobs", "2", "--stop", "e"};
  Arguments guessing = arguments;
  guessing.push_back("--lookup");
  const Outcome without = Tell(arguments), with = Tell(guessing);
  EXPECT_EQ(with.out, without.out);
  EXPECT_EQ(with.err, without.err);
}

TEST(Speculation, RefusesWhatCannotGuess) {
  const std::string tales = MILLRACE_SOURCE_DIR "/models/tales.gguf";
  const auto run = [](const Arguments& more) {
    Arguments arguments = {"run", "-m", kModel, "-p", "x", "-n", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Millrace(arguments);
  };
  ExpectFailure(run({"-md", tales}), 1, "run", {tales, "wanted one vocabulary"});
  ExpectFailure(run({"-md", "/no/such/file"}), 1, "run", {"/no/such/file"});
  ExpectFailure(run({"-md", kDraft, "--lookup"}), 2, "run", {"both"});
  ExpectFailure(run({"--lookup", "--on", "interpreter"}), 2, "run", {"--on interpreter"});
  ExpectFailure(run({"--lookup", "--draft-max", "2", "--draft-min", "3"}), 2, "run", {"3 to 2"});
  ExpectFailure(run({"--lookup", "--draft-max", "0"}), 2, "run", {"--draft-max"});
}

TEST(Speculation, BenchSaysWhatItIsWorth) {
  for (const Arguments& guesses : {Arguments{"--lookup"}, Arguments{"-md", kDraft}}) {
    Arguments arguments = {"bench", "-m", kModel, "-p", "0", "-n", "24", "-r", "2", "-o", "json"};
    arguments.insert(arguments.end(), guesses.begin(), guesses.end());
    const Outcome outcome = Millrace(arguments);
    ExpectSuccess(outcome);
    const auto rows = nlohmann::json::parse(outcome.out);
    ASSERT_EQ(rows.size(), 3u);  // random tokens, and two texts
    for (std::size_t i = 1; i < 3; ++i) {
      EXPECT_EQ(rows[i]["n_gen"], 24);
      EXPECT_GT(rows[i]["median_ts"].get<double>(), 0);
      EXPECT_GT(rows[i]["plain_median_ts"].get<double>(), 0);
      EXPECT_GT(rows[i]["speedup"].get<double>(), 0);
      EXPECT_LE(rows[i]["n_accepted"].get<int>(), rows[i]["n_guessed"].get<int>());
    }
  }
}

TEST(Speculation, BenchContinuesAFileThatIsNamed) {
  TemporaryFolder folder;
  const std::string file = folder.Write("text.txt", "one two three one two three one two");
  const Outcome outcome = Millrace(
      {"bench", "-m", kModel, "-p", "0", "-n", "8", "-r", "1", "-t", "1", "--lookup", "-f", file});
  ExpectSuccess(outcome);
  const std::vector<std::string> lines = Lines(outcome.out);
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_THAT(lines[0], testing::HasSubstr("| accepted | t/s without | ratio |"));
  EXPECT_THAT(lines[3], testing::HasSubstr("tg8 tale, lookup"));
}

}  // namespace
}  // namespace millrace
