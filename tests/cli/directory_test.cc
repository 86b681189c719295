// Models that are no single GGUF file, where a file may stand: a directory of Hugging Face, a GGUF
// file in parts.
#include <cstdio>

#include "edited_model.h"
#include "program.h"

namespace millrace {
namespace {

// The directory of a vector, by another script than the program reads it with.
std::string WriteDirectory(const TemporaryFolder& folder, const std::string& vector,
                           const std::string& options = "") {
  Call call;
  call.program = MILLRACE_PYTHON;
  call.arguments = {MILLRACE_SOURCE_DIR "/tests/conformance/hf_from_gguf.py",
                    Vector(vector + ".gguf"), folder / vector};
  if (!options.empty()) call.arguments.push_back(options);
  ExpectSuccess(Execute(call));
  return folder / vector;
}

std::string Logits(const std::string& model) {
  const Outcome outcome = Millrace({"logits", "-m", model, "--tokens", "1,300,77,501,12"});
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.out.size(), 65u);
  return outcome.out;
}

TEST(Directory, GivesTheLogitsOfItsGgufFile) {
  for (const char* vector : {"llama-F32", "llama-BF16", "mistral-tied", "llama31-ropefreqs"}) {
    const TemporaryFolder folder;
    const std::string directory = WriteDirectory(folder, vector);
    EXPECT_EQ(Logits(directory), Logits(directory + "/expected.gguf")) << vector;
  }
}

TEST(Directory, TokenizesAndRunsLikeItsGgufFile) {
  const TemporaryFolder folder;
  const std::string directory = WriteDirectory(folder, "llama-F32");
  const auto compare = [&](const std::string& verb, const Arguments& more) {
    const auto call = [&](const std::string& model) {
      Arguments arguments = {verb, "-m", model};
      arguments.insert(arguments.end(), more.begin(), more.end());
      const Outcome outcome = Millrace(arguments);
      ExpectSuccess(outcome);
      return outcome.out;
    };
    const std::string out = call(directory);
    EXPECT_EQ(out, call(directory + "/expected.gguf"));
    return out;
  };
  EXPECT_THAT(compare("tokenize", {"-p", "The fox said", "--ids"}), testing::StartsWith("1 "));
  compare("run", {"-p", "The fox", "-n", "8", "--temp", "0"});
}

TEST(Directory, GivesAFileWithItsVocabularyAndTemplate) {
  const TemporaryFolder folder;
  const std::string directory = WriteDirectory(folder, "llama-F32");
  folder.Write("llama-F32/chat_template.jinja",
               "{% for m in messages %}{{ m.content }}{% endfor %}");
  const std::string file = folder / "made.gguf";
  ExpectSuccess(Millrace({"quantize", directory, file, "F16"}));
  const auto out = [](const Arguments& arguments) {
    const Outcome outcome = Millrace(arguments);
    ExpectSuccess(outcome);
    return outcome.out;
  };
  for (const char* text :
       {"The fox said", " two  spaces,\n and <s>na\xc3\xafve</s> \xf0\x9f\xa6\x8a"}) {
    EXPECT_EQ(out({"tokenize", "-m", file, "-p", text, "--ids"}),
              out({"tokenize", "-m", directory, "-p", text, "--ids"}));
  }
  EXPECT_THAT(out({"inspect", "-m", file}), testing::HasSubstr("for m in messages"));
  // Without its tokenizer a directory has no vocabulary to give.
  ASSERT_EQ(std::remove((directory + "/tokenizer.model").c_str()), 0);
  const Outcome refused = Millrace({"quantize", directory, file, "F16"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, testing::HasSubstr("--no-vocabulary writes the weights alone"));
  ExpectSuccess(Millrace({"quantize", directory, file, "F16", "--no-vocabulary"}));
}

TEST(Directory, IsInspected) {
  const TemporaryFolder folder;
  const std::string directory = WriteDirectory(folder, "llama-F32");
  const Outcome outcome = Millrace({"inspect", directory, "--tensors"});
  ExpectSuccess(outcome);
  for (const char* part : {"21 tensors", "| general.architecture", "| blk.1.attn_q.weight"}) {
    EXPECT_THAT(outcome.out, testing::HasSubstr(part));
  }
}

TEST(Directory, ThatIsDamagedIsOneLine) {
  const TemporaryFolder folder;
  const std::string directory = WriteDirectory(folder, "mistral-tied");
  folder.Write("mistral-tied/model.safetensors", "{}");
  ExpectFailure(Millrace({"inspect", directory}), 1, "inspect", {"model.safetensors: has 2 bytes"});
  folder.Write("mistral-tied/config.json", "{\"architectures\":[\"X\"]}");
  ExpectFailure(Millrace({"inspect", directory}), 1, "inspect",
                {"architecture 'X' is not supported; supported: LlamaForCausalLM"});
}

// Writes a vector in three parts and returns the first.
std::string WriteParts(const TemporaryFolder& folder, const std::string& vector) {
  const EditedModel whole = EditedModel::Load(Vector(vector + ".gguf"));
  std::string first;
  for (std::size_t number = 3; number-- > 0;) {
    EditedModel part;
    if (number == 0) part.metadata = whole.metadata;
    part.metadata["split.no"] = static_cast<std::uint16_t>(number);
    part.metadata["split.count"] = std::uint16_t{3};
    part.metadata["split.tensors.count"] = static_cast<std::int32_t>(whole.parts.size());
    for (std::size_t i = number; i < whole.parts.size(); i += 3) {
      part.parts.push_back(whole.parts[i]);
    }
    first = part.Write(folder / ("m-0000" + std::to_string(number + 1) + "-of-00003.gguf"));
  }
  return first;
}

TEST(SplitFile, GivesTheLogitsOfTheWholeOne) {
  const TemporaryFolder folder;
  EXPECT_EQ(Logits(WriteParts(folder, "llama-Q4_K_M")), Logits(Vector("llama-Q4_K_M.gguf")));
}

TEST(SplitFile, ThatIsIncompleteIsOneLine) {
  const TemporaryFolder folder;
  const std::string first = WriteParts(folder, "llama-Q4_0");
  const std::string third = folder / "m-00003-of-00003.gguf";
  ExpectFailure(Millrace({"inspect", third}), 1, "inspect", {"is part 3 of 3, give the first"});
  std::remove(third.c_str());
  ExpectFailure(Millrace({"inspect", first}), 1, "inspect", {third, "no such file"});
}

}  // namespace
}  // namespace millrace
