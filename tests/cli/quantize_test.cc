// `millrace quantize`: files that run, and what it says of them.
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-F32.gguf");

Outcome Quantize(const Arguments& arguments) {
  Arguments all = {"quantize"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return Millrace(all);
}

// The mean distance of a model's logits from the exact ones of the vector llama-F32.
double Distance(const std::string& model, const TemporaryFolder& folder) {
  const auto json = nlohmann::json::parse(ReadFile(Vector("llama-F32.tokens.json")));
  std::string tokens;
  for (const auto& token : json["prompt"]) tokens += (tokens.empty() ? "" : ",") + token.dump();
  const std::string file = folder / "logits.f32";
  ExpectSuccess(Millrace({"logits", "-m", model, "--tokens", tokens, "-o", file}));
  const std::string bytes = ReadFile(file), exact = ReadFile(Vector("llama-F32.exact.f32"));
  EXPECT_EQ(bytes.size(), exact.size());
  double sum = 0;
  for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    float ours = 0, wanted = 0;
    std::memcpy(&ours, bytes.data() + i, 4);
    std::memcpy(&wanted, exact.data() + i, 4);
    sum += std::fabs(ours - wanted);
  }
  return sum / static_cast<double>(bytes.size() / 4);
}

TEST(Quantize, FilesRunAndFewerBitsAreFartherFromTheOriginal) {
  TemporaryFolder folder;
  const std::string out = folder / "out.gguf";
  double before = 0;
  for (const char* type : {"F16", "Q8_0", "Q6_K", "Q5_K", "Q4_K_M", "Q4_K"}) {
    ExpectSuccess(Quantize({kModel, out, type}));
    const double distance = Distance(out, folder);
    EXPECT_GT(distance, before) << type;
    before = distance;
  }
  // The vector's own Q4_K was made by llama.cpp from the same weights.
  EXPECT_LT(before, 1.02 * Distance(Vector("llama-Q4_K.gguf"), folder));
}

TEST(Quantize, EndsWithATableOfTypesAndTheirErrors) {
  TemporaryFolder folder;
  const Outcome outcome = Quantize({kModel, folder / "out.gguf", "Q4_K"});
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.err, "");
  const auto lines = Lines(outcome.out);
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_THAT(lines[0], testing::HasSubstr("bits a weight"));
  EXPECT_THAT(lines[2], testing::MatchesRegex(R"(\| F32  \| +5 \| +1280 \| +5120 \| +5120 .*)"));
  EXPECT_THAT(lines[3], testing::MatchesRegex(
                            R"(\| Q4_K \| +16 \| 1376256 \| +5505024 \| +774144 \| +4.500 \|.*)"));
  EXPECT_THAT(lines[4], testing::HasSubstr("| all "));
}

TEST(Quantize, NamesTheTensorsThatFellBack) {
  TemporaryFolder folder;
  const std::string wide = folder / "wide.gguf";
  ExpectSuccess(
      Quantize({MILLRACE_SOURCE_DIR "/models/tales.gguf", wide, "F16", "--allow-requantize"}));
  const Outcome outcome = Quantize({wide, folder / "out.gguf", "Q4_K"});
  ExpectSuccess(outcome);
  EXPECT_THAT(Lines(outcome.out).back(),
              testing::AllOf(testing::HasSubstr("8 tensors are Q5_0 instead of Q4_K"),
                             testing::HasSubstr("blk.0.ffn_down.weight")));
}

TEST(Quantize, ThreadsChangeNoByte) {
  TemporaryFolder folder;
  const std::string one = folder / "one.gguf", two = folder / "two.gguf";
  ExpectSuccess(Quantize({kModel, one, "Q4_K_M", "-t", "1"}));
  ExpectSuccess(Quantize({kModel, two, "Q4_K_M", "-t", "2"}));
  EXPECT_EQ(ReadFile(one), ReadFile(two));
}

TEST(Quantize, MayReplaceItsOwnInput) {
  TemporaryFolder folder;
  const std::string file = folder.Write("model.gguf", ReadFile(kModel));
  ExpectSuccess(Quantize({kModel, folder / "apart.gguf", "Q6_K"}));
  ExpectSuccess(Quantize({file, file, "Q6_K"}));
  EXPECT_EQ(ReadFile(file), ReadFile(folder / "apart.gguf"));
}

TEST(Quantize, PureHasOneTypeForEveryMatrix) {
  TemporaryFolder folder;
  const Outcome mixed = Quantize({kModel, folder / "a.gguf", "Q4_0"});
  EXPECT_THAT(mixed.out, testing::HasSubstr("| Q6_K |"));
  const Outcome pure = Quantize({kModel, folder / "b.gguf", "Q4_0", "--pure"});
  EXPECT_THAT(pure.out, testing::Not(testing::HasSubstr("| Q6_K |")));
}

TEST(Quantize, RefusesWhatIsQuantisedAlready) {
  TemporaryFolder folder;
  const std::string out = folder / "out.gguf";
  ExpectFailure(Quantize({Vector("llama-Q8_0.gguf"), out, "Q4_0"}), 1, "quantize",
                {"is Q8_0 already", "--allow-requantize"});
  EXPECT_NE(access(out.c_str(), F_OK), 0);
  ExpectSuccess(Quantize({Vector("llama-Q8_0.gguf"), out, "Q4_0", "--allow-requantize"}));
}

TEST(Quantize, BadCallsAreNamed) {
  TemporaryFolder folder;
  ExpectFailure(Quantize({}), 2, "quantize", {"IN"});
  ExpectFailure(Quantize({kModel}), 2, "quantize", {"OUT"});
  ExpectFailure(Quantize({kModel, folder / "o"}), 2, "quantize", {"TYPE"});
  ExpectFailure(Quantize({kModel, folder / "o", "Q9_9"}), 2, "quantize", {"Q9_9", "Q4_K_M"});
  ExpectFailure(Quantize({kModel, folder / "o", "Q8_0", "-t", "-1"}), 2, "quantize", {"-1"});
  ExpectFailure(Quantize({folder / "none.gguf", folder / "o", "Q8_0"}), 1, "quantize",
                {"none.gguf", "no such file"});
  ExpectFailure(Quantize({folder.Write("text", "no model"), folder / "o", "Q8_0"}), 1, "quantize",
                {"GGUF"});
  ExpectFailure(Quantize({kModel, folder / "no/where", "Q8_0"}), 1, "quantize",
                {"no/where", "No such file"});
}

}  // namespace
}  // namespace millrace
