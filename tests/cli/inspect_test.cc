// `millrace inspect`: the model, its tensors, and what the plan states.
#include <nlohmann/json.hpp>

#include "edited_model.h"
#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-Q4_K_M.gguf");

std::string Inspect(const Arguments& more, const std::string& file = kModel) {
  Arguments arguments = {"inspect", file};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome outcome = Millrace(arguments);
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

TEST(Inspect, ShowsMetadataTypesAndThePlan) {
  const std::string text = Inspect({"-t", "1"});
  for (const char* part :
       {"863712 bytes, 21 tensors", "| llama.block_count", "| tokenizer.ggml.tokens",
        "[512 elements]", "| Q4_K", "| Q6_K", "| F32", "1 thread, KV cache in F16",
        "packed weights", "KV cache of 2048 positions", "bytes read", "multiply-adds"}) {
    EXPECT_THAT(text, testing::HasSubstr(part));
  }
}

TEST(Inspect, ListsEveryTensorIfAsked) {
  const std::string text = Inspect({"--tensors"});
  for (const char* name : {"token_embd.weight", "blk.1.ffn_down.weight", "output.weight"})
    EXPECT_THAT(text, testing::HasSubstr(std::string("| ") + name));
}

TEST(Inspect, PrintsTheGraphAlone) {
  const std::string text = Inspect({"--graph"});
  EXPECT_THAT(text, testing::StartsWith("weight token_embd.weight"));
  EXPECT_THAT(text, testing::HasSubstr("\n%0 = embed token_embd.weight : 256\n"));
}

TEST(Inspect, JsonHoldsFileTensorsAndPlan) {
  const auto json = nlohmann::json::parse(Inspect({"-o", "json", "-t", "2", "-c", "65536"}));
  EXPECT_EQ(json["file"], kModel);
  EXPECT_EQ(json["file_bytes"], 863712);
  EXPECT_EQ(json["tensors"].size(), 21u);
  EXPECT_EQ(json["metadata"]["llama.block_count"], 2);
  EXPECT_EQ(json["metadata"]["general.architecture"], "llama");
  EXPECT_EQ(json["plan"]["threads"], 2);
  EXPECT_EQ(json["plan"]["context"], 65536);
  // Keys and values: 2 layers of 2 heads of 32, in 2 bytes. Whole huge pages.
  EXPECT_EQ(json["plan"]["kv_bytes"], 65536 * 2 * 2 * 2 * 32 * 2);
  // Every weight of the matrices once (token_embd only by the row), and attention to one position.
  const double matrices = 2 * (256. * 256 * 2 + 256 * 64 * 2 + 256 * 512 * 3) + 256 * 512;
  EXPECT_EQ(json["plan"]["multiply_adds_per_token"], matrices + 2 * 2 * 256);
  EXPECT_GT(json["plan"]["bytes_per_token"], 863712 * 0.8);
  EXPECT_LT(json["plan"]["bytes_per_token"], 863712 * 1.2);
}

TEST(Inspect, MetadataOfOtherPeopleStaysOnItsLine) {
  TemporaryFolder folder;
  EditedModel model = EditedModel::Load(kModel);
  model.metadata["tokenizer.chat_template"] =
      std::string("{% for m in messages %}\n| \x1b[31m \xff\xfe") + std::string(5000, 'x');
  const std::string path = model.Write(folder / "template.gguf");
  const std::string text = Inspect({}, path);
  EXPECT_THAT(text, testing::HasSubstr("{% for m in messages %}\\n\\| \\x1b[31m \\xff\\xfe"));
  EXPECT_THAT(text, testing::HasSubstr("... (5034 bytes)"));
  for (const std::string& line : Lines(text)) EXPECT_LT(line.size(), 150u);
  const auto json = nlohmann::json::parse(Inspect({"-o", "json"}, path));
  EXPECT_GT(json["metadata"]["tokenizer.chat_template"].get<std::string>().size(), 5000u);
}

TEST(Inspect, AShapeHasParametersAndNoPlan) {
  const std::string text = Inspect({}, "llama-3.1-8b");
  EXPECT_THAT(text, testing::HasSubstr("8030261248 parameters"));
  EXPECT_THAT(text, testing::HasSubstr("KV cache in F16: 131072 bytes a position"));
  const auto json = nlohmann::json::parse(Inspect({"-o", "json"}, "deepseek-v3"));
  EXPECT_EQ(json["parameters"], 671026419200);
  EXPECT_EQ(json["kv_bytes_per_position"], 61 * 2 * (576 + 512));
  ExpectFailure(Millrace({"inspect", "/nowhere/c.json"}), 1, "inspect", {"/nowhere/c.json"});
}

}  // namespace
}  // namespace millrace
