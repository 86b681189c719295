// millrace run as a conversation: on a terminal, and with lines from a pipe.
#include <csignal>
#include <nlohmann/json.hpp>

#include "program.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kModel = MILLRACE_SOURCE_DIR "/models/tales.gguf";  // it has no chat template

// On a terminal of no talents, so that what is shown can be read; its history is in `folder`.
Call OnTerminal(const TemporaryFolder& folder, const Arguments& more = {}) {
  Call call;
  call.arguments = {"run", "-m", kModel, "-n", "12", "--temp", "0", "--seed", "1"};
  call.arguments.insert(call.arguments.end(), more.begin(), more.end());
  call.environment = {{"TERM", "dumb"}, {"XDG_STATE_HOME", folder / "state"}};
  call.input_from_terminal = call.error_to_terminal = true;
  return call;
}

// The same conversation from a pipe.
Outcome FromPipe(const std::string& lines, const Arguments& more = {}) {
  Arguments arguments = {"run",    "-m", kModel,   "-cnv", "-n",          "12",
                         "--temp", "0",  "--seed", "1",    "--no-timings"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Millrace(arguments, lines);
}

TEST(Chat, OnATerminalAStoryGoesOn) {
  TemporaryFolder folder;
  Call call = OnTerminal(folder);
  call.dialogue = {{"> ", "Once upon a time\n"}, {"positions]", "\n"}, {"positions]", "\x04"}};
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.err, HasSubstr("tales.gguf has no chat template"));
  EXPECT_THAT(outcome.err, HasSubstr("/help lists the commands"));
  EXPECT_THAT(outcome.err, HasSubstr("12 written at"));
  // Both replies are one text: what the model writes on its own.
  Outcome alone = Millrace(
      {"run", "-m", kModel, "-n", "24", "--temp", "0", "--no-timings", "-p", "Once upon a time"});
  std::string together = outcome.out;
  together.erase(together.find('\n', 1), 1);
  EXPECT_EQ("Once upon a time" + together, alone.out);
}

TEST(Chat, CtrlDTypedDuringAReplyLeavesAfterIt) {
  TemporaryFolder folder;
  Call call = OnTerminal(folder, {"-n", "200"});
  call.time_limit_s = 30;
  // The second text comes when the first is echoed, with the reply still to be written.
  call.dialogue = {{"> ", "Once upon a time\n"}, {"Once upon a time", "\x04"}};
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.err, HasSubstr("200 written at"));
}

TEST(Chat, LinesFromAPipeAreTheSameConversation) {
  TemporaryFolder folder;
  Call call = OnTerminal(folder);
  call.dialogue = {
      {"> ", "Once upon a time\n"}, {"positions]", "The king\n"}, {"positions]", "/exit\n"}};
  const Outcome typed = Execute(call);
  ExpectSuccess(typed);
  const Outcome piped = FromPipe("Once upon a time\nThe king\n");
  ExpectSuccess(piped);
  EXPECT_EQ(piped.out, typed.out);
  EXPECT_EQ(piped.err, "");
}

TEST(Chat, ATurnComputesOnlyWhatIsNew) {
  TemporaryFolder folder;
  Call call = OnTerminal(folder, {"-n", "80"});
  call.dialogue = {{"> ", "Once upon a time\n"},
                   {"positions]", "And then the king went into the wood\n"},
                   {"positions]", "/exit\n"}};
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.err, HasSubstr(" 64 known;"));  // a block of the cache
}

TEST(Chat, ATemplateWritesTheConversation) {
  // What the model sees is what it is asked to continue: compared with a prompt written by hand.
  const Outcome chat = FromPipe("Hello\n", {"--chat-template", "vicuna", "-sys", "Be brief."});
  ExpectSuccess(chat);
  const Outcome plain =
      Millrace({"run", "-m", kModel, "-n", "12", "--temp", "0", "--no-timings",
                "--no-display-prompt", "-p", "Be brief.\n\nUSER: Hello\nASSISTANT:"});
  EXPECT_EQ(chat.out, plain.out);
  const Outcome given = FromPipe("Hello\n", {"--chat-template",
                                             "Be brief.\n\n{% for m in messages %}USER: {{ "
                                             "m.content }}\n{% endfor %}ASSISTANT:"});
  EXPECT_EQ(given.out, plain.out);
}

TEST(Chat, ASystemThatATemplateRefusesGoesToTheUser) {
  const std::string strict =
      "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
      "{% for m in messages %}{{ m.content }}{% endfor %}";
  const Outcome chat = FromPipe("Hello\n", {"--chat-template", strict, "-sys", "Be brief."});
  ExpectSuccess(chat);
  const Outcome plain = Millrace({"run", "-m", kModel, "-n", "12", "--temp", "0", "--no-timings",
                                  "--no-display-prompt", "-p", "Be brief.\n\nHello"});
  EXPECT_EQ(chat.out, plain.out);
}

TEST(Chat, APromptIsTheFirstTurn) {
  const Outcome given = FromPipe("", {"-p", "Once upon a time"});
  ExpectSuccess(given);
  EXPECT_EQ(given.out, FromPipe("Once upon a time\n").out);
  const Outcome once = FromPipe("not read\n", {"-st", "-p", "Once upon a time"});
  EXPECT_EQ(once.out, given.out);
  TemporaryFolder folder;
  const std::string file = folder.Write("prompt.txt", "Once upon a time\n");
  EXPECT_EQ(FromPipe("", {"-f", file}).out, given.out);
}

TEST(Chat, AReversePromptEndsAReply) {
  const Outcome whole = FromPipe("Once upon a time\n");
  const std::string word = whole.out.substr(10, 5);
  const Outcome cut = FromPipe("Once upon a time\n", {"-r", word});
  ExpectSuccess(cut);
  EXPECT_EQ(cut.out, whole.out.substr(0, whole.out.find(word)) + "\n");
}

TEST(Chat, CommandsDoWhatTheySay) {
  TemporaryFolder folder;
  Call call = OnTerminal(folder, {"--chat-template", "chatml"});
  const std::string kept = folder / "kept.json";
  call.dialogue = {{"> ", "/system Be brief.\n"},
                   {"beginning now.", "Hello\n"},
                   {"positions]", "/save " + kept + "\n"},
                   {"2 turns kept", "/reset\n"},
                   {"Forgotten.", "/stats\n"},
                   {"0 turns, 0 of", "/load " + kept + "\n"},
                   {"2 turns from", "/regen\n"},
                   {"positions]", "/system\n"},
                   {"Be brief.", "/nosuch\n"},
                   {"found /nosuch", "/load /nowhere/at/all\n"},
                   {"/nowhere/at/all", "/save\n"},
                   {"wanted the name", "/help\n"},
                   {"Ctrl-C stops", "//slash\n"},
                   {"positions]", "/exit\n"}};
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  const auto json = nlohmann::json::parse(ReadFile(kept));
  ASSERT_EQ(json["messages"].size(), 3u);
  EXPECT_EQ(json["messages"][0]["content"], "Be brief.");
  EXPECT_EQ(json["messages"][1]["content"], "Hello");
  EXPECT_EQ(json["messages"][2]["role"], "assistant");
  // Without a temperature another reply is the same one.
  const std::string reply = json["messages"][2]["content"];
  const std::size_t again = outcome.out.find(reply, outcome.out.find(reply) + 1);
  EXPECT_NE(again, std::string::npos) << outcome.out;
}

TEST(Chat, AnInterruptStopsTheReplyAndNotTheProgram) {
  TemporaryFolder folder;
  Call call = OnTerminal(folder, {"-n", "-1", "--ignore-eos", "--on", "interpreter"});
  call.dialogue = {
      {"> ", "Once upon a time\n"}, {"positions]", "/stats\n"}, {"2 turns", "/exit\n"}};
  bool sent = false;
  call.meanwhile = [&](pid_t child, const std::string& out, const std::string&) {
    if (sent || out.size() < 20) return;
    kill(child, SIGINT);
    sent = true;
  };
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_TRUE(outcome.out.ends_with('\n'));
}

TEST(Chat, ASecondInterruptAtAnEmptyLineLeaves) {
  TemporaryFolder folder;
  Call call = OnTerminal(folder);
  int sent = 0;
  call.meanwhile = [&](pid_t child, const std::string&, const std::string& err) {
    const bool asks = err.ends_with("> ");
    const bool warned = err.find("once more") != std::string::npos;
    if ((sent == 0 && asks) || (sent == 1 && warned && asks)) {
      ++sent;
      kill(child, SIGINT);
    }
  };
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_EQ(sent, 2);
}

TEST(Chat, AFullContextIsSaidAndReset) {
  TemporaryFolder folder;
  Call call = OnTerminal(folder, {"-c", "64", "-n", "-1", "--ignore-eos"});
  call.dialogue = {{"> ", "Once upon a time\n"},
                   {"is full: /reset", "and more\n"},
                   {"this would take", "/reset\n"},
                   {"Forgotten.", "Once more\n"},
                   {"positions]", "/exit\n"}};
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_EQ(Lines(outcome.out).size() >= 2, true);
}

TEST(Chat, ALineGoesOnAfterABackslash) {
  EXPECT_EQ(FromPipe("Once upon\\\na time\n").out, FromPipe("", {"-p", "Once upon\\na time"}).out);
}

TEST(Chat, LinesOfEarlierTimesComeBack) {
  TemporaryFolder folder;
  Call call = OnTerminal(folder);
  call.dialogue = {{"> ", "Once upon a time\n"}, {"positions]", "/exit\n"}};
  const Outcome first = Execute(call);
  call.dialogue = {{"> ", "\x10\x10\n"},
                   {"positions]", "/exit\n"}};  // Ctrl-P: the line before /exit
  const Outcome second = Execute(call);
  ExpectSuccess(second);
  EXPECT_EQ(second.out, first.out);
  EXPECT_THAT(ReadFile(folder / "state/millrace/history"), HasSubstr("Once"));
}

TEST(Chat, WhatIsWrongIsSaidInOneLine) {
  ExpectFailure(FromPipe("a\n", {"--chat-template", "nosuch"}), 1, "run",
                {"--chat-template: found 'nosuch'", "chatml", "llama3"});
  ExpectFailure(FromPipe("a\n", {"--chat-template", "{% if %}"}), 1, "run",
                {"--chat-template:1: found '%}'"});
  ExpectFailure(FromPipe("a\n", {"--chat-template-kwargs", "[1]"}), 2, "run",
                {"wanted a JSON object"});
  EXPECT_EQ(FromPipe("a\n", {"-no-cnv"}).status, 2);
  // Nobody sits at a pipe: what a template refuses is the end's status too.
  const Outcome refused = FromPipe("a\n", {"--chat-template", "{{ raise_exception('no') }}"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("--chat-template:1: no"));
}

}  // namespace
}  // namespace millrace
