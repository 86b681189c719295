// Calling the program: help, flags that do not exist, values that cannot be, and the spellings that
// users of llama.cpp have in their fingers.
#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-Q8_0.gguf");

TEST(Usage, HelpListsTheVerbs) {
  for (const char* flag : {"--help", "-h"}) {
    const Outcome outcome = Millrace({flag});
    ExpectSuccess(outcome);
    EXPECT_EQ(outcome.err, "");
    for (const char* verb : {"run", "bench", "inspect", "tokenize", "logits"})
      EXPECT_THAT(outcome.out, testing::HasSubstr(std::string("\n  ") + verb + " "));
  }
}

TEST(Usage, WithoutAVerbHelpGoesToStandardErrorAndTheStatusIs2) {
  const Outcome outcome = Millrace({});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, Millrace({"--help"}).out);
}

TEST(Usage, VersionIsOneLine) {
  const Outcome outcome = Millrace({"--version"});
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.out, testing::MatchesRegex("millrace [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Usage, UnknownVerbIsNamed) {
  const Outcome outcome = Millrace({"walk"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "millrace: found 'walk', wanted a verb; millrace --help lists them\n");
}

TEST(Usage, VerbsExplainTheirFlags) {
  const std::map<std::string, std::vector<std::string>> flags = {
      {"run",
       {"-m, --model FILE",
        "-p, --prompt TEXT",
        "-f, --file FILE",
        "-n, --predict",
        "-c, --ctx-size",
        "-t, --threads",
        "-s, --seed",
        "--temp",
        "--top-k N",
        "--top-p X",
        "--min-p X",
        "--repeat-penalty",
        "--ignore-eos",
        "--logit-bias",
        "--logprobs N",
        "-r, --reverse-prompt",
        "-ctk, --cache-type-k TYPE",
        "-ctv, --cache-type-v TYPE",
        "--on PLACE",
        "--no-timings",
        "--no-display-prompt",
        "(default 0.8)"}},
      {"bench",
       {"-p, --n-prompt N,N...", "-n, --n-gen N,N...", "-d, --n-depth", "-t, --threads N,N...",
        "-r, --repetitions", "-o, --output FORMAT", "-ctk", "(default 512)", "(default 128)"}},
      {"inspect", {"[FILE]", "--tensors", "--graph", "-o, --output", "-c, --ctx-size"}},
      {"tokenize", {"--ids", "--decode", "--no-bos", "-p, --prompt TEXT"}},
      {"logits", {"--tokens N,N...", "-b, --batch-size N", "-o, --output FILE", "-ctk", "--on"}}};
  for (const auto& [verb, parts] : flags) {
    const Outcome outcome = Millrace({verb, "--help"});
    ExpectSuccess(outcome);
    EXPECT_EQ(outcome.err, "");
    EXPECT_THAT(outcome.out, testing::StartsWith("usage: millrace " + verb + " "));
    for (const std::string& part : parts) EXPECT_THAT(outcome.out, testing::HasSubstr(part));
    for (const std::string& line : Lines(outcome.out)) EXPECT_LE(line.size(), 105u) << line;
  }
}

struct WrongCall {
  Arguments arguments;
  std::vector<std::string> parts;  // of the message
};

TEST(Usage, WrongCallsAreToldInOneLineAndEndWith2) {
  const std::vector<WrongCall> calls = {
      {{"run", "--bogus"}, {"--bogus", "wanted a flag"}},
      {{"run", "-p", "a", "-y"}, {"-y"}},
      {{"run", "-p", "a", "b"}, {"found 'b'", "wanted nothing without a flag"}},
      {{"run", "line\nbreak"}, {"line\\nbreak"}},
      {{"run", "-n"}, {"--predict", "no value"}},
      {{"run", "-n", "x"}, {"--predict", "found 'x'", "from -1 to 1073741824"}},
      {{"run", "-n", "1.5"}, {"found '1.5'"}},
      {{"run", "-n", ""}, {"found ''"}},
      {{"run", "-n", "-2"}, {"found '-2'"}},
      {{"run", "-n", "99999999999999999999"}, {"found '99999999999999999999'"}},
      {{"run", "-p", "a", "-f", "b"}, {"--prompt", "--file"}},
      {{"run", "-c", "-1"}, {"--ctx-size", "found '-1'"}},
      {{"run", "-c", "16777217"}, {"--ctx-size", "from 0 to 16777216"}},
      {{"run", "-t", "-1"}, {"--threads", "from 0 to 1024"}},
      {{"run", "-t", "100000"}, {"--threads", "found '100000'"}},
      {{"run", "-b", "0"}, {"--batch-size", "found '0'"}},
      {{"run", "--temp", "hot"}, {"--temp", "found 'hot'", "wanted a number"}},
      {{"run", "--temp", "-1"}, {"temperature", "-1"}},
      {{"run", "--temp", "nan"}, {"temperature", "nan"}},
      {{"run", "--temp", "1e999"}, {"--temp"}},
      {{"run", "--top-p", "2"}, {"top_p", "2"}},
      {{"run", "--min-p", "-0.5"}, {"min_p"}},
      {{"run", "--top-k", "-2"}, {"--top-k", "found '-2'"}},
      {{"run", "--repeat-penalty", "0"}, {"repeat_penalty"}},
      {{"run", "--repeat-last-n", "1048577"}, {"--repeat-last-n"}},
      {{"run", "--seed", "abc"}, {"--seed", "found 'abc'"}},
      {{"run", "--seed", "-2"}, {"--seed"}},
      {{"run", "--logprobs", "1025"}, {"--logprobs", "from 0 to 1024"}},
      {{"run", "--logit-bias", "12"}, {"--logit-bias", "found '12'", "ID+BIAS"}},
      {{"run", "--logit-bias", "5+1x"}, {"found '5+1x'"}},
      {{"run", "--logit-bias", "99999999999+1"}, {"--logit-bias"}},
      {{"run", "-r", ""}, {"stop string 1 is empty"}},
      {{"run", "-ctk", "f17"}, {"ctk", "found 'f17'", "f16 or f32"}},
      {{"run", "-ctk", "f32"}, {"keys in f32", "values in f16"}},
      {{"run", "--on", "the moon"},
       {"--on", "found 'the moon'", "host, interpreter or MACHINE[xN]"}},
      {{"run", "--ignore-eos=5x"}, {"--ignore-eos", "found a value"}},
      {{"bench", "-p", "0", "-n", "0"}, {"found only 0"}},
      {{"bench", "-p", "1,x"}, {"--n-prompt", "found 'x'"}},
      {{"bench", "-p", ","}, {"--n-prompt", "no number"}},
      {{"bench", "-p", "1048577"}, {"from 0 to 1048576"}},
      {{"bench", "-n", "-5"}, {"--n-gen", "found '-5'"}},
      {{"bench", "-d", "1e3"}, {"--n-depth", "found '1e3'"}},
      {{"bench", "-r", "0"}, {"--repetitions"}},
      {{"bench", "-t", "1,1025"}, {"--threads", "found '1025'"}},
      {{"bench", "-o", "xml"}, {"--output", "found 'xml'", "md or csv or json or jsonl"}},
      {{"bench", "-ctv", "f32"}, {"keys in f16", "values in f32"}},
      {{"inspect", "-o", "csv"}, {"--output", "md or json"}},
      {{"inspect", "a", "b"}, {"found 'b'"}},
      {{"inspect", "--on", "interpreter"}, {"--on"}},
      {{"tokenize", "--ids", "--decode"}, {"--ids", "--decode"}},
      {{"tokenize", "--special"}, {"--special", "--decode"}},
      {{"tokenize", "text"}, {"found 'text'"}},
      {{"logits"}, {"--tokens", "required"}},
      {{"logits", "--tokens"}, {"--tokens", "no value"}},
      {{"logits", "--tokens", ""}, {"--tokens"}},
      {{"logits", "--tokens", "1,2,x"}, {"--tokens", "found 'x'"}},
      {{"logits", "--tokens", "1,-2"}, {"--tokens", "found '-2'"}},
      {{"logits", "--tokens", "1,2147483648"}, {"found '2147483648'"}},
      {{"logits", "--tokens", "1", "-b", "0"}, {"--batch-size"}},
      {{"logits", "--tokens", "1", "--on", "gpu"}, {"--on", "found 'gpu'"}},
  };
  for (const WrongCall& call : calls) {
    SCOPED_TRACE(testing::PrintToString(call.arguments));
    ExpectFailure(Millrace(call.arguments), 2, call.arguments[0], call.parts);
  }
}

TEST(Usage, WrongCallsAreFoundBeforeTheModelIsLoaded) {
  ExpectFailure(Millrace({"run", "-m", "/nonexistent", "--temp", "-1"}), 2, "run", {"temperature"});
}

TEST(Usage, AnEndlessValueIsCutInTheMessage) {
  const Outcome outcome = Millrace({"logits", "--tokens", "1," + std::string(100000, 'x')});
  ExpectFailure(outcome, 2, "logits", {"xxx..."});
  EXPECT_LT(outcome.err.size(), 200u);
}

TEST(Usage, SpellingsOfLlamaCppAreTaken) {
  TemporaryFolder folder;
  const std::string prompt = folder.Write("prompt.txt", "Once upon\n");
  ExpectSuccess(Millrace({"run",   "-m",
                          kModel,  "-f",
                          prompt,  "-n",
                          "4",     "-c",
                          "128",   "-t",
                          "2",     "-b",
                          "32",    "-ctk",
                          "f32",   "-ctv",
                          "f32",   "--temp",
                          "0.7",   "--top-k",
                          "10",    "--top-p",
                          "0.9",   "--min-p",
                          "0.1",   "-s",
                          "1",     "--repeat-penalty",
                          "1.1",   "--repeat-last-n",
                          "32",    "--frequency-penalty",
                          "0.1",   "--presence-penalty",
                          "0.1",   "-r",
                          "###",   "--logit-bias",
                          "5+1.5", "--logit-bias",
                          "6-inf", "--ignore-eos",
                          "-e"}));
  ExpectSuccess(Millrace(
      {"run",        "--model",        kModel, "--prompt",         "Once", "--n-predict",
       "4",          "--ctx-size",     "128",  "--threads",        "1",    "--batch-size",
       "32",         "--cache-type-k", "f32",  "--cache-type-v",   "f32",  "--temperature",
       "0",          "--seed",         "1",    "--reverse-prompt", "###",  "--no-display-prompt",
       "--no-escape"}));
}

TEST(Usage, TheLastOfTwoEqualFlagsCounts) {
  const Outcome outcome = Millrace({"run", "-m", kModel, "-p", "a", "--temp", "0", "-n", "1",
                                    "--seed", "1", "-n", "3", "--seed", "2"});
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.err, testing::HasSubstr("seed 2\n"));
  EXPECT_THAT(outcome.err, testing::ContainsRegex("decode .* 2 tokens"));
}

}  // namespace
}  // namespace millrace
