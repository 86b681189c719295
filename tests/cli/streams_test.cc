// The three standard streams: closed, full, broken or a terminal; and Ctrl-C.
#include <csignal>

#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-Q8_0.gguf");

// Calls that write to standard output, one a verb.
std::vector<Arguments> WritingCalls() {
  return {{"run", "-m", kModel, "-p", "a", "-n", "2", "--no-timings"},
          {"bench", "-m", kModel, "-p", "1", "-n", "0", "-r", "1"},
          {"bench", "-m", kModel, "-p", "1", "-n", "0", "-r", "1", "-o", "jsonl"},
          {"inspect", kModel},
          {"inspect", kModel, "-o", "json"},
          {"inspect", "--help"},
          {"tokenize", "-m", kModel, "-p", "a"},
          {"logits", "-m", kModel, "--tokens", "1"}};
}

TEST(Streams, AFullDiskIsAnError) {
  for (const Arguments& arguments : WritingCalls()) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    Call call;
    call.arguments = arguments;
    call.output = Call::Output::kFullDevice;
    ExpectFailure(Execute(call), 1, arguments[0], {"standard output", "No space left"});
  }
}

TEST(Streams, AClosedOutputIsAnError) {
  for (const Arguments& arguments : WritingCalls()) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    Call call;
    call.arguments = arguments;
    call.output = Call::Output::kClosed;
    ExpectFailure(Execute(call), 1, arguments[0], {"standard output"});
  }
}

TEST(Streams, AClosedOutputDoesNotBecomeTheFileOfTheLogits) {
  TemporaryFolder folder;
  Call call;
  call.arguments = {"logits", "-m", kModel, "--tokens", "1,2", "-o", folder / "logits.f32"};
  call.output = Call::Output::kClosed;
  ExpectFailure(Execute(call), 1, "logits", {"standard output"});
  EXPECT_EQ(ReadFile(folder / "logits.f32").size(), 2u * 512 * 4);
}

TEST(Streams, ABrokenPipeEndsAnEndlessReplyQuietly) {
  Call call;
  call.arguments = {"run", "-m", kModel, "-p", "a", "--ignore-eos"};
  call.output = Call::Output::kClosedPipe;
  const Outcome outcome = Execute(call);
  EXPECT_EQ(outcome.signal, SIGPIPE);
  EXPECT_EQ(outcome.err, "");
}

// A reply that takes minutes, on the slow executor.
Call EndlessReply() {
  Call call;
  call.arguments = {"run", "-m",     kModel, "-p",          "Once",   "--ignore-eos",
                    "-c",  "100000", "--on", "interpreter", "--seed", "1"};
  return call;
}

TEST(Streams, AnInterruptEndsTheReplyAndStillTellsTheTimings) {
  Call call = EndlessReply();
  bool sent = false;
  call.meanwhile = [&](pid_t child, const std::string& out, const std::string&) {
    if (sent || out.size() < 30) return;
    kill(child, SIGINT);
    sent = true;
  };
  const Outcome outcome = Execute(call);
  EXPECT_EQ(outcome.status, 130);
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_TRUE(outcome.out.ends_with('\n'));
  EXPECT_THAT(outcome.err, testing::HasSubstr("ended by interruption; seed 1\n"));
  EXPECT_THAT(outcome.err, testing::HasSubstr("decode"));
}

TEST(Streams, AnInterruptDuringAPromptEndsItToo) {
  Call call = EndlessReply();
  call.arguments.insert(call.arguments.end(), {"-p", std::string(50000, 'a'), "-b", "16"});
  const auto begin = std::chrono::steady_clock::now();
  call.meanwhile = [&](pid_t child, const std::string&, const std::string&) {
    if (std::chrono::steady_clock::now() - begin > std::chrono::seconds(1)) kill(child, SIGINT);
  };
  const Outcome outcome = Execute(call);
  EXPECT_FALSE(outcome.timed_out);
  // A second interrupt, before the first one has been noticed, ends the process itself.
  EXPECT_TRUE(outcome.status == 130 || outcome.signal == SIGINT);
}

TEST(Streams, OnATerminalItSaysThatItWaitsForAPrompt) {
  Call call;
  call.arguments = {"run", "-m", kModel, "-n", "3", "--temp", "0", "--no-timings", "-no-cnv"};
  call.input = "Once upon\n\x04";
  call.input_from_terminal = true;
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.err, testing::HasSubstr("Type the prompt; Ctrl-D"));
  EXPECT_THAT(outcome.out, testing::StartsWith("Once upon"));
}

TEST(Streams, OnATerminalLongWorkIsShownAndWipedOut) {
  Call call;
  call.arguments = {"bench", "-m", kModel, "-p", "0", "-n", "20000", "-r", "100000"};
  call.error_to_terminal = true;
  call.meanwhile = [](pid_t child, const std::string&, const std::string& err) {
    if (err.find(" 2 s") != std::string::npos) kill(child, SIGTERM);
  };
  Outcome outcome = Execute(call);
  EXPECT_EQ(outcome.signal, SIGTERM);
  EXPECT_THAT(outcome.err, testing::HasSubstr("\r\x1b[Kmeasuring tg20000, threads "));

  call.arguments = {"run", "-m", kModel, "-p",          std::string(1500, 'a'),
                    "-n",  "1",  "--on", "interpreter", "--no-timings"};
  call.meanwhile = nullptr;
  outcome = Execute(call);
  ExpectSuccess(outcome);
  if (outcome.seconds > 3) {
    EXPECT_THAT(outcome.err, testing::HasSubstr("reading the prompt: "));
    EXPECT_TRUE(outcome.err.ends_with("\r\x1b[K"));
  }
}

TEST(Streams, WithoutATerminalNoProgressIsShown) {
  Call call;
  call.arguments = {"bench", "-m", kModel, "-p", "0", "-n", "20000", "-r", "100000"};
  const auto begin = std::chrono::steady_clock::now();
  call.meanwhile = [&](pid_t child, const std::string&, const std::string&) {
    if (std::chrono::steady_clock::now() - begin > std::chrono::seconds(3)) kill(child, SIGTERM);
  };
  const Outcome outcome = Execute(call);
  EXPECT_EQ(outcome.signal, SIGTERM);
  EXPECT_EQ(outcome.err, "");
}

}  // namespace
}  // namespace millrace
