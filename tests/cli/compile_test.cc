// `millrace compile` and `millrace trace`: what they say of a program, and the files they write.
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
                {"is for another"});
  ExpectFailure(Millrace({"trace", page, "-o", trace}), 1, "trace", {page});
  ExpectFailure(Millrace({"trace", program, "-o", folder / "none/a.json"}), 1, "trace",
                {"cannot be written"});
}

}  // namespace
}  // namespace millrace
