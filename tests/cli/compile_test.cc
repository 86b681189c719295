// `millrace compile` and `millrace trace`: what they say of a program, the files they write, and
// running such a program.
#include <nlohmann/json.hpp>

#include "program.h"

namespace millrace {
namespace {

using testing::HasSubstr;

const Arguments kCompile = {"compile", "--on", "groq-v1", "-c", "64"};

TEST(Compile, SaysWhatTheProgramDoes) {
  const Outcome outcome = Millrace(kCompile);
  ExpectSuccess(outcome);
  for (const char* part : {"at position 63", "lower bound", "MXM pass", "% busy", "SRAM ",
                           "multiply-adds in 8 bits", "SRAM ", "uJ (published)", "no figure for"}) {
    EXPECT_THAT(outcome.out, HasSubstr(part));
  }
}

TEST(Compile, OfAShapeOneChipOfEachGroupStandsForAll) {
  const TemporaryFolder folder;
  const std::string program = folder / "a.mrx", page = folder / "a.html";
  const Outcome outcome = Millrace({"compile", "-m", "llama-3.1-8b", "--on", "lp30x32", "-c", "64",
                                    "--group", "16", "-o", program, "--report", page});
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("one chip of each group has a program"));
  EXPECT_THAT(outcome.out, HasSubstr("MXM pass"));
  // 8.5 GB of weights on 32 chips.
  EXPECT_THAT(outcome.out, testing::ContainsRegex("SRAM +3[0-9][0-9]\\.[0-9] of 499\\.9 MB"));
  const std::string text = ReadFile(page);
  EXPECT_THAT(text, HasSubstr("{\"number\":0,"));
  EXPECT_THAT(text, HasSubstr("{\"number\":16,"));
  EXPECT_THAT(text, testing::Not(HasSubstr("{\"number\":1,")));
  EXPECT_THAT(text, testing::Not(HasSubstr("\"traffic\":[]")));
  ExpectFailure(Millrace({"verify", program}), 1, "verify", {"a shape", "cannot be verified"});
}

TEST(Compile, WritesAPageAndAProgramThatTraceReads) {
  const TemporaryFolder folder;
  const std::string program = folder / "a.mrx", page = folder / "a.html", trace = folder / "a.json";
  Arguments arguments = kCompile;
  arguments.insert(arguments.end(), {"-o", program, "--report", page});
  ExpectSuccess(Millrace(arguments));
  EXPECT_THAT(ReadFile(page), HasSubstr("const data = {"));

  const Outcome traced = Millrace({"trace", program, "-o", trace});
  ExpectSuccess(traced);
  EXPECT_EQ(traced.out + traced.err, "");
  const auto json = nlohmann::json::parse(ReadFile(trace));
  EXPECT_GT(json["traceEvents"].size(), 1000U);
  ExpectFailure(Millrace({"trace", program, "-o", trace, "--position", "64"}), 1, "trace",
                {"found 64, wanted 0 to 63"});
  ExpectFailure(Millrace({"trace", program, "-o", trace, "--on", "groq-v1x8"}), 1, "trace",
                {"found a program for groq-v1 of fingerprint"});
  ExpectFailure(Millrace({"trace", page, "-o", trace}), 1, "trace", {page});
  ExpectFailure(Millrace({"trace", program, "-o", folder / "none/a.json"}), 1, "trace",
                {"cannot be written"});
}

TEST(Compile, AProgramRunsWithItsModelAlone) {
  const TemporaryFolder folder;
  const std::string program = folder / "a.mrx", batch = folder / "b.mrx";
  Arguments arguments = kCompile;
  arguments.insert(arguments.end(), {"-o", program});
  ExpectSuccess(Millrace(arguments));
  const Arguments run = {"run", "-p", "The fox", "-n", "20", "--temp", "0", "--no-timings", "-st"};
  const auto on = [&](const std::string& place, const Arguments& more = {}) {
    Arguments all = run;
    all.insert(all.end(), {"--on", place});
    all.insert(all.end(), more.begin(), more.end());
    return Millrace(all);
  };
  const Outcome simulated = on(program);
  ExpectSuccess(simulated);
  EXPECT_EQ(simulated.out, on("host").out);

  ExpectFailure(on(program, {"-m", Vector("llama-Q8_0.gguf")}), 1, "run",
                {program, "a program of tales.gguf"});
  ExpectFailure(on(program, {"-c", "65"}), 1, "run", {"found 65 positions", "compiled for 64"});
  ExpectFailure(on(folder / "none.mrx"), 1, "run", {"none.mrx"});
  arguments.insert(arguments.end(), {"-b", "2"});
  arguments[arguments.size() - 3] = batch;
  ExpectSuccess(Millrace(arguments));
  ExpectFailure(on(batch), 1, "run", {"2 tokens a step, wanted 1"});
  std::string bytes = ReadFile(program);
  bytes[bytes.size() / 2] ^= 1;
  ExpectFailure(on(folder.Write("c.mrx", bytes)), 1, "run", {"its checksum is another"});
}

}  // namespace
}  // namespace millrace
