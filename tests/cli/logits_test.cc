// `millrace logits`: the bits, and that nothing moves them.
#include <openssl/sha.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-Q8_0.gguf");

// The ids of a vector's prompt: "1,403,...".
std::string Tokens(const std::string& name) {
  const auto json = nlohmann::json::parse(ReadFile(Vector(name + ".tokens.json")));
  std::string list;
  for (const auto& token : json["prompt"]) list += (list.empty() ? "" : ",") + token.dump();
  return list;
}

// What `millrace logits` prints for a vector's prompt.
std::string Digest(const std::string& name, const Arguments& more, const std::string& cpu = "") {
  Call call;
  call.arguments = {"logits", "-m", Vector(name + ".gguf"), "--tokens", Tokens(name)};
  call.arguments.insert(call.arguments.end(), more.begin(), more.end());
  if (!cpu.empty()) call.environment["MILLRACE_CPU"] = cpu;
  const Outcome outcome = Execute(call);
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, testing::MatchesRegex("[0-9a-f]+\n"));
  EXPECT_EQ(outcome.out.size(), 65u);
  return outcome.out;
}

std::string Sha256Line(const std::string& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string line;
  for (const unsigned char byte : digest) {
    line += "0123456789abcdef"[byte >> 4];
    line += "0123456789abcdef"[byte & 15];
  }
  return line + "\n";
}

TEST(Logits, WritesARowOfFloatsATokenAndTheirDigest) {
  TemporaryFolder folder;
  const std::string file = folder / "logits.f32";
  const std::string printed = Digest("llama-F32", {"-o", file, "-ctk", "f32", "-ctv", "f32"});
  const std::string bytes = ReadFile(file);
  ASSERT_EQ(bytes.size(), 40u * 512 * sizeof(float));
  EXPECT_EQ(printed, Sha256Line(bytes));
  EXPECT_EQ(printed, Digest("llama-F32", {"-ctk", "f32", "-ctv", "f32"}));

  // The layout is that of the vectors: the values are, within their error.
  const std::string exact = ReadFile(Vector("llama-F32.exact.f32"));
  ASSERT_EQ(exact.size(), bytes.size());
  for (std::size_t i = 0; i < bytes.size(); i += sizeof(float)) {
    float ours = 0, theirs = 0;
    std::memcpy(&ours, bytes.data() + i, sizeof(float));
    std::memcpy(&theirs, exact.data() + i, sizeof(float));
    ASSERT_NEAR(ours, theirs, 1e-4) << "at " << i / sizeof(float);
  }
}

class LogitsOf : public testing::TestWithParam<const char*> {};

TEST_P(LogitsOf, HaveOneDigestHoweverTheyAreComputed) {
  const std::string name = GetParam();
  const std::string digest = Digest(name, {"-t", "1"});
  for (const char* chunk : {"1", "7", "64"})
    EXPECT_EQ(Digest(name, {"-b", chunk}), digest) << chunk;
  EXPECT_EQ(Digest(name, {"-t", "2"}), digest);
  EXPECT_EQ(Digest(name, {"-t", "3", "-b", "5", "-c", "512"}), digest);
  EXPECT_EQ(Digest(name, {"-t", "2"}, "portable"), digest);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    EXPECT_EQ(Digest(name, {"-b", "3"}, "avx2"), digest);
  }
#endif
  EXPECT_EQ(Digest(name, {"--on", "interpreter"}), digest);
  EXPECT_EQ(Digest(name, {"--on", "interpreter", "-b", "9"}), digest);

  const Arguments f32 = {"-ctk", "f32", "-ctv", "f32"};
  const std::string wide = Digest(name, f32);
  EXPECT_NE(wide, digest);
  EXPECT_EQ(Digest(name, {"-ctk", "f32", "-ctv", "f32", "--on", "interpreter", "-b", "4"}), wide);
}

TEST(Logits, HaveOneDigestWithAnEightBitCacheToo) {
  const Arguments q8 = {"-ctk", "q8_0", "-ctv", "q8_0"};
  const std::string digest = Digest("llama-Q8_0", q8);
  EXPECT_NE(digest, Digest("llama-Q8_0", {}));
  for (const Arguments& more :
       {Arguments{"-t", "1", "-b", "7"}, Arguments{"--on", "interpreter"}}) {
    Arguments all = q8;
    all.insert(all.end(), more.begin(), more.end());
    EXPECT_EQ(Digest("llama-Q8_0", all), digest);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, LogitsOf,
                         testing::Values("llama-F32", "llama-F16", "llama-BF16", "llama-Q8_0",
                                         "llama-Q4_0", "llama-Q4_K", "llama-Q4_K_M", "llama-Q6_K",
                                         "llama31-ropefreqs", "llama-yarn", "mistral-tied",
                                         "mistral-untied"));
INSTANTIATE_TEST_SUITE_P(Architectures, LogitsOf,
                         testing::Values("llama-moe", "qwen2", "qwen3", "qwen3moe", "gemma2",
                                         "gemma3", "phi3", "phi3-longrope", "gpt-oss",
                                         "gpt-oss-MXFP4", "deepseek2-lite", "deepseek2-v3"));

Outcome Logits(const Arguments& more) {
  Arguments arguments = {"logits", "-m", kModel};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Millrace(arguments);
}

TEST(Logits, TakesWhatTokenizeWrites) {
  const std::string ids = Millrace({"tokenize", "-m", kModel, "-p", "Once upon", "--ids"}).out;
  EXPECT_EQ(Logits({"--tokens", ids}).out, Logits({"--tokens", "1,403,407"}).out);
}

TEST(Logits, RefusesTokensOutOfTheVocabulary) {
  ExpectFailure(Logits({"--tokens", "1,2,512"}), 1, "logits", {"--tokens", "512"});
  ExpectFailure(Logits({"--tokens", "2147483647"}), 1, "logits", {"2147483647", "512"});
  ExpectFailure(Logits({"--tokens", "1,2,512", "--on", "interpreter"}), 1, "logits", {"512"});
}

TEST(Logits, RefusesMoreTokensThanTheContextHolds) {
  ExpectFailure(Logits({"--tokens", "1,2,3", "-c", "2"}), 1, "logits", {"3 tokens", "2"});
  std::string many = "1";
  for (int i = 0; i < 2048; ++i) many += ",5";
  ExpectFailure(Logits({"--tokens", many}), 1, "logits", {"2049", "2048"});
  ExpectSuccess(Logits({"--tokens", many.substr(2)}));
}

TEST(Logits, FilesThatCannotBeWrittenAreNamed) {
  TemporaryFolder folder;
  ExpectFailure(Logits({"--tokens", "1", "-o", folder / "no/where"}), 1, "logits",
                {"no/where", "No such file"});
  ExpectFailure(Logits({"--tokens", "1", "-o", folder / ""}), 1, "logits", {"directory"});
  ExpectFailure(Logits({"--tokens", "1", "-o", "/dev/full"}), 1, "logits",
                {"/dev/full", "No space left"});
  ExpectFailure(Logits({"--tokens", "1,2,3,4,5,6,7,8,9", "-o", "/dev/full"}), 1, "logits",
                {"/dev/full", "No space left"});
}

TEST(Logits, ABadCallLeavesNoFile) {
  TemporaryFolder folder;
  const std::string file = folder.Write("kept.f32", "kept");
  ExpectFailure(Logits({"--tokens", "512", "-o", file}), 1, "logits");
  EXPECT_EQ(ReadFile(file), "kept");
}

}  // namespace
}  // namespace millrace
