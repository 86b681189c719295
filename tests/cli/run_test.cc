// `millrace run`: what it writes, why it ends, and that nothing but the seed decides the text.
#include <nlohmann/json.hpp>

#include "edited_model.h"
#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-Q8_0.gguf");

// Arguments of a run of the model, then `more`.
Arguments WithModel(const Arguments& more) {
  Arguments arguments = {"run", "-m", kModel};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// The text of a run that succeeds.
std::string Text(const Arguments& more, const std::string& cpu = "") {
  Call call;
  call.arguments = WithModel(more);
  call.arguments.push_back("--no-timings");
  if (!cpu.empty()) call.environment["MILLRACE_CPU"] = cpu;
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

TEST(Run, WritesThePromptTheReplyAndALineEnd) {
  const std::string text = Text({"-p", "Once upon", "-n", "8", "--seed", "1"});
  EXPECT_THAT(text, testing::StartsWith("Once upon"));
  EXPECT_TRUE(text.ends_with('\n'));
  EXPECT_GT(text.size(), std::string("Once upon\n").size());
  EXPECT_EQ(
      "Once upon" + Text({"-p", "Once upon", "-n", "8", "--seed", "1", "--no-display-prompt"}),
      text);
}

TEST(Run, OneSeedGivesOneTextOnAnyThreadsAndInstructions) {
  for (const char* temperature : {"0", "1.5"}) {
    const Arguments arguments = {"-p", "Once",   "-n",        "60", "--seed",
                                 "7",  "--temp", temperature, "-t"};
    const auto with = [&](const char* threads) {
      Arguments more = arguments;
      more.push_back(threads);
      return more;
    };
    const std::string text = Text(with("1"));
    EXPECT_EQ(Text(with("1")), text);
    EXPECT_EQ(Text(with("2")), text);
    EXPECT_EQ(Text(with("3"), "portable"), text);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
      EXPECT_EQ(Text(with("2"), "avx2"), text);
    }
#endif
  }
}

TEST(Run, AnotherSeedGivesAnotherText) {
  const auto with = [](const char* seed) {
    return Text({"-p", "Once", "-n", "40", "--temp", "1.5", "--seed", seed});
  };
  EXPECT_NE(with("1"), with("2"));
}

TEST(Run, GreedyTextIsOneOnTheHostAndTheInterpreter) {
  const Arguments greedy = {"-p", "Once upon", "-n", "30", "--temp", "0"};
  Arguments interpreted = greedy;
  interpreted.insert(interpreted.end(), {"--on", "interpreter"});
  EXPECT_EQ(Text(interpreted), Text(greedy));
}

TEST(Run, HowThePromptIsCutChangesNothing) {
  const std::string prompt(400, 'a');
  const auto with = [&](const char* batch) {
    return Text({"-p", prompt, "-n", "20", "--temp", "0", "-b", batch});
  };
  const std::string text = with("512");
  EXPECT_EQ(with("1"), text);
  EXPECT_EQ(with("7"), text);
  EXPECT_EQ(with("64"), text);
}

TEST(Run, UnknownInstructionSetIsAnError) {
  Call call;
  call.arguments = WithModel({"-p", "a"});
  call.environment["MILLRACE_CPU"] = "mmx";
  ExpectFailure(Execute(call), 1, "run", {"MILLRACE_CPU=mmx", "portable"});
}

TEST(Run, TakesThePromptFromAFileOrStandardInputLessALastLineEnd) {
  TemporaryFolder folder;
  const std::string file = folder.Write("prompt.txt", "Once\nupon\n");
  const Arguments rest = {"-n", "8", "--temp", "0", "--no-timings"};
  Arguments from_file = WithModel({"-f", file});
  from_file.insert(from_file.end(), rest.begin(), rest.end());
  Arguments from_input = WithModel(rest);
  const std::string text = Text({"-p", "Once\nupon", "-n", "8", "--temp", "0"});
  EXPECT_EQ(Millrace(from_file).out, text);
  EXPECT_EQ(Millrace(from_input, "Once\nupon\n").out, text);
  EXPECT_EQ(Millrace(from_input, "Once\nupon").out, text);
}

TEST(Run, ReadsEscapesInPromptsUnlessToldNotTo) {
  const auto with = [](Arguments more) {
    more.insert(more.end(), {"-n", "1", "--temp", "0"});
    return Text(more);
  };
  EXPECT_EQ(with({"-p", "a\\nb\\x41\\q"}), with({"-p", "a\nbA\\q"}));
  EXPECT_THAT(with({"-p", "a\\nb", "--no-escape"}), testing::StartsWith("a\\nb"));
}

TEST(Run, PromptsThatLookLikeFlagsOrListsArePrompts) {
  for (const char* prompt : {"-x", "--help", "[a,b]", "{}", "-", "--", "%s", "@file"}) {
    EXPECT_THAT(Text({"-p", prompt, "-n", "2"}), testing::StartsWith(prompt));
  }
}

TEST(Run, AnEmptyPromptBeginsWithTheTokenThatBeginsTexts) {
  EXPECT_GT(Text({"-p", "", "-n", "4", "--temp", "0"}).size(), 1u);
  EXPECT_EQ(Millrace(WithModel({"-n", "4", "--temp", "0", "--no-timings"})).out,
            Text({"-p", "", "-n", "4", "--temp", "0"}));
  EXPECT_EQ(Text({"-f", "/dev/null", "-n", "4", "--temp", "0"}),
            Text({"-p", "", "-n", "4", "--temp", "0"}));
}

TEST(Run, AnEmptyPromptIsAnErrorWhereNothingBeginsTexts) {
  TemporaryFolder folder;
  EditedModel model = EditedModel::Load(kModel);
  model.metadata["tokenizer.ggml.add_bos_token"] = false;
  const std::string path = model.Write(folder / "no_bos.gguf");
  ExpectFailure(Millrace({"run", "-m", path, "-p", ""}), 1, "run", {"prompt", "empty"});
  ExpectFailure(Millrace({"run", "-m", path}), 1, "run", {"prompt", "empty"});
  ExpectSuccess(Millrace({"run", "-m", path, "-p", "a", "-n", "2"}));
}

TEST(Run, AnyBytesAreAPrompt) {
  TemporaryFolder folder;
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string file = folder.Write("all.bin", all);
  const Outcome outcome = Millrace(WithModel({"-f", file, "-n", "2", "--no-timings"}));
  ExpectSuccess(outcome);
  EXPECT_TRUE(outcome.out.starts_with(all));
  EXPECT_THAT(Text({"-p", "\xff\xfe\xc0\x80\xed\xa0\x80", "-n", "2"}),
              testing::StartsWith("\xff\xfe\xc0\x80\xed\xa0\x80"));
}

TEST(Run, BadPromptFilesAreNamed) {
  TemporaryFolder folder;
  ExpectFailure(Millrace(WithModel({"-f", folder / "none"})), 1, "run", {"none", "no such file"});
  ExpectFailure(Millrace(WithModel({"-f", folder / ""})), 1, "run", {"directory"});
  ExpectFailure(Millrace(WithModel({"-f", ""})), 1, "run", {"no such file"});
  ExpectFailure(Millrace(WithModel({"-f", "/dev/zero"})), 1, "run", {"/dev/zero", "33554432"});
}

TEST(Run, APromptLongerThanTheContextIsAnError) {
  TemporaryFolder folder;
  const std::string some = folder.Write("some.txt", std::string(300, 'x'));
  ExpectFailure(Millrace(WithModel({"-f", some, "-c", "100"})), 1, "run", {"prompt", "302", "100"});
  const std::string much = folder.Write("much.txt", std::string(30000000, 'x'));
  const Outcome outcome = Millrace(WithModel({"-f", much}));
  ExpectFailure(outcome, 1, "run", {"prompt", "30000000 bytes", "2048"});
}

TEST(Run, APromptThatFillsTheContextStillGetsOneToken) {
  const std::string prompt(98, 'x');  // and the token that begins the text, and a space
  const Outcome outcome = Millrace(WithModel({"-p", prompt, "-c", "100", "--ignore-eos"}));
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.err, testing::HasSubstr("ended by full context of 100 positions"));
  EXPECT_THAT(outcome.err, testing::ContainsRegex("prefill .* 100 tokens"));
}

TEST(Run, AFullContextEndsTheReplyAndSaysSo) {
  const Outcome outcome =
      Millrace(WithModel({"-p", "Once", "-c", "64", "--ignore-eos", "--seed", "3"}));
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.err, testing::HasSubstr("ended by full context of 64 positions"));
}

TEST(Run, TheTokenLimitEndsTheReply) {
  const Outcome outcome = Millrace(WithModel({"-p", "Once", "-n", "5", "--ignore-eos"}));
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.err, testing::HasSubstr("ended by token limit"));
  EXPECT_THAT(outcome.err, testing::ContainsRegex("decode .* 4 tokens"));
}

TEST(Run, NoTokensAreNoText) {
  const Outcome outcome = Millrace(WithModel({"-p", "Once", "-n", "0"}));
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.out, "Once\n");
  EXPECT_THAT(outcome.err, testing::HasSubstr("ended by token limit"));
  EXPECT_THAT(outcome.err, testing::ContainsRegex("prefill .* [0-9]+ tokens"));
}

TEST(Run, TheEndTokenEndsTheReplyUnlessIgnored) {
  const Arguments always = {"-p", "Once", "-n", "5", "--logit-bias", "2+1000"};
  const Outcome outcome = Millrace(WithModel(always));
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.out, "Once\n");
  EXPECT_THAT(outcome.err, testing::HasSubstr("ended by end of text"));
  Arguments ignored = always;
  ignored.push_back("--ignore-eos");
  EXPECT_THAT(Millrace(WithModel(ignored)).err, testing::HasSubstr("ended by token limit"));
}

TEST(Run, AStopStringEndsTheReplyAndIsNotShown) {
  const Arguments greedy = {"-p", "Once", "-n", "40", "--temp", "0", "--ignore-eos"};
  const std::string text = Text(greedy);
  const std::string stop = text.substr(text.size() / 2, 3);
  Arguments stopped = greedy;
  stopped.insert(stopped.end(), {"--no-escape", "-r", "never there", "-r", stop});
  const Outcome outcome = Millrace(WithModel(stopped));
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.out, text.substr(0, text.find(stop, 4)) + "\n");
  EXPECT_THAT(outcome.err, testing::HasSubstr("ended by stop string"));
}

TEST(Run, AStopStringInBracketsIsTakenWhole) {
  const Arguments greedy = {"-p", "Once", "-n", "40", "--temp", "0", "--ignore-eos"};
  const std::string text = Text(greedy);
  Arguments stopped = greedy;  // a parser of lists would stop at what is between the brackets
  stopped.insert(stopped.end(), {"--no-escape", "-r", "[" + text.substr(text.size() / 2, 3) + "]"});
  const Outcome outcome = Millrace(WithModel(stopped));
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.out, text);
  EXPECT_THAT(outcome.err, testing::HasSubstr("ended by token limit"));
}

TEST(Run, TimingsHaveTheirFields) {
  const Outcome outcome =
      Millrace(WithModel({"-p", "Once", "-n", "9", "--ignore-eos", "-t", "1", "--seed", "12345"}));
  ExpectSuccess(outcome);
  const std::vector<std::string> lines = Lines(outcome.err);
  ASSERT_EQ(lines.size(), 5u) << outcome.err;
  EXPECT_EQ(lines[0], "");
  EXPECT_EQ(lines[1], "ended by token limit (-n); seed 12345");
  const std::string number = "[0-9]+\\.[0-9]";
  EXPECT_THAT(lines[2], testing::MatchesRegex("load +" + number + " ms"));
  const std::string rate = number + " ms +[0-9]+ tokens +" + number + " tok/s";
  EXPECT_THAT(lines[3], testing::MatchesRegex("prefill +" + rate));
  EXPECT_THAT(lines[4],
              testing::MatchesRegex("decode +" + rate + " +" + number + " GB/s, [0-9]+ % of the " +
                                    number + " GB/s at which 1 thread reads " + number + " MB"));
}

TEST(Run, NoTimingsLeaveStandardErrorEmpty) {
  EXPECT_EQ(Millrace(WithModel({"-p", "Once", "-n", "9", "--no-timings"})).err, "");
}

TEST(Run, ARandomSeedIsPrintedAndRepeatsTheText) {
  const Outcome first = Millrace(WithModel({"-p", "Once", "-n", "30", "--temp", "1.5"}));
  ExpectSuccess(first);
  const std::size_t at = first.err.find("seed ") + 5;
  const std::string seed = first.err.substr(at, first.err.find('\n', at) - at);
  EXPECT_EQ(Text({"-p", "Once", "-n", "30", "--temp", "1.5", "--seed", seed}), first.out);
}

TEST(Run, LogprobsAreOneLineOfJsonForEveryToken) {
  const Outcome outcome = Millrace(WithModel({"-p", "Once", "-n", "12", "--ignore-eos", "--temp",
                                              "0", "--logprobs", "3", "--no-timings"}));
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.out, Text({"-p", "Once", "-n", "12", "--ignore-eos", "--temp", "0"}));
  const std::vector<std::string> lines = Lines(outcome.err);
  ASSERT_EQ(lines.size(), 12u);
  for (const std::string& line : lines) {
    const auto json = nlohmann::json::parse(line);
    ASSERT_EQ(json["best"].size(), 3u);
    EXPECT_EQ(json["token"], json["best"][0]["token"]);  // greedy
    EXPECT_EQ(json["logprob"], json["best"][0]["logprob"]);
    EXPECT_LE(json["logprob"].get<double>(), 0);
    EXPECT_GE(json["best"][0]["logprob"].get<double>(), json["best"][1]["logprob"].get<double>());
    EXPECT_TRUE(json["piece"].is_string());
  }
}

TEST(Run, LogprobsOfZeroAreOfTheTokenAlone) {
  const Outcome outcome = Millrace(
      WithModel({"-p", "Once", "-n", "2", "--ignore-eos", "--logprobs", "0", "--no-timings"}));
  ExpectSuccess(outcome);
  ASSERT_EQ(Lines(outcome.err).size(), 2u);
  EXPECT_EQ(nlohmann::json::parse(Lines(outcome.err)[0])["best"].size(), 0u);
}

TEST(Run, ABiasOnNoTokenOfTheVocabularyIsAnError) {
  ExpectFailure(Millrace(WithModel({"-p", "a", "--logit-bias", "600+1"})), 1, "run",
                {"600", "512"});
}

TEST(Run, ZeroThreadsAreOneForEachCpu) {
  EXPECT_EQ(Text({"-p", "Once", "-n", "9", "--temp", "0", "-t", "0"}),
            Text({"-p", "Once", "-n", "9", "--temp", "0", "-t", "1"}));
}

TEST(Run, ThreadsFarBeyondTheCpusAreSlowButRight) {
  Call call;
  call.arguments = WithModel({"-p", "Once", "-n", "3", "--temp", "0", "-t", "300", "--no-timings"});
  call.most_address_bytes = std::uint64_t{32} << 30;  // a stack each
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.out, Text({"-p", "Once", "-n", "3", "--temp", "0", "-t", "1"}));
}

}  // namespace
}  // namespace millrace
