// Files that are no models, and models that are damaged: one line, and never a crash, a hang or
// gigabytes of memory.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <random>

#include "edited_model.h"
#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-Q8_0.gguf");

Outcome RunModel(const std::string& path) {
  return Millrace({"run", "-m", path, "-p", "Once", "-n", "2", "-t", "1", "--no-timings"});
}

// Every verb refuses the file with the same message.
void ExpectRefused(const std::string& path, const std::vector<std::string>& parts) {
  SCOPED_TRACE(path);
  ExpectFailure(RunModel(path), 1, "run", parts);
  ExpectFailure(Millrace({"inspect", path}), 1, "inspect", parts);
  ExpectFailure(Millrace({"bench", "-m", path, "-p", "1", "-n", "0"}), 1, "bench", parts);
  ExpectFailure(Millrace({"logits", "-m", path, "--tokens", "1"}), 1, "logits", parts);
}

TEST(BadFile, IsNamedWhereItCannotBeRead) {
  TemporaryFolder folder;
  ExpectRefused(folder / "missing.gguf", {"missing.gguf", "no such file"});
  ExpectRefused(folder / "", {"is a directory"});
  ExpectRefused("/dev/null", {"/dev/null", "not a regular file"});
  const std::string fifo = folder / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  ExpectRefused(fifo, {"fifo", "not a regular file"});
  ExpectFailure(Millrace({"tokenize", "-m", fifo, "-p", "a"}), 1, "tokenize", {"not a regular"});
  const std::string odd = folder.Write("a\nb.gguf", "GGUF");
  ExpectFailure(RunModel(odd), 1, "run", {"a\\nb.gguf"});
}

TEST(BadFile, WithoutPermissionSaysSo) {
  TemporaryFolder folder;
  std::filesystem::permissions(folder / "", std::filesystem::perms{0755});
  const std::string path = folder.Write("secret.gguf", "GGUF");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  Call call;
  call.without_privileges = true;
  call.program = folder / "millrace";  // a copy, where everybody may go
  std::filesystem::copy_file(MILLRACE_PROGRAM, call.program);
  call.arguments = {"run", "-m", path, "-p", "a"};
  ExpectFailure(Execute(call), 1, "run", {"secret.gguf", "Permission denied"});
  std::filesystem::copy_file(kModel, folder / "model.gguf");
  call.arguments = {"run", "-m", folder / "model.gguf", "-f", path};
  ExpectFailure(Execute(call), 1, "run", {"secret.gguf", "Permission denied"});
}

TEST(BadFile, ThatIsNoModelIsRefused) {
  TemporaryFolder folder;
  ExpectRefused(folder.Write("empty.gguf", ""), {"empty.gguf"});
  ExpectRefused(folder.Write("magic.gguf", "GGUF"), {"magic.gguf"});
  ExpectRefused(folder.Write("text.gguf", "Once upon a time there was no model.\n"), {"text.gguf"});
  ExpectRefused(folder.Write("zeros.gguf", std::string(4096, '\0')), {"zeros.gguf"});
}

TEST(BadFile, CutAnywhereIsRefused) {
  const std::string whole = ReadFile(kModel);
  TemporaryFolder folder;
  const std::size_t header = whole.find("output.weight") + 1500;
  std::vector<std::size_t> sizes = {
      5, 8, 12, 16, 20, 23, 24, 25, whole.size() - 1, whole.size() / 2, whole.size() - 40000};
  for (std::size_t size = 30; size < header; size += header / 60) sizes.push_back(size);
  for (const std::size_t size : sizes) {
    SCOPED_TRACE(size);
    const std::string path = folder.Write("cut.gguf", whole.substr(0, size));
    ExpectFailure(RunModel(path), 1, "run", {"cut.gguf"});
  }
}

TEST(BadFile, FlippedBitsAreRefusedOrHarmless) {
  const std::string whole = ReadFile(kModel);
  const std::size_t header = whole.find("output.weight") + 1500;
  TemporaryFolder folder;
  std::mt19937 random(1);  // NOLINT: the same flips every time
  int refused = 0;
  for (int i = 0; i < 150; ++i) {
    std::string bytes = whole;
    // The vocabulary is most of the header: half of the flips go before and behind it.
    const std::size_t at =
        i % 2 == 0 ? random() % header : (i % 4 == 1 ? random() % 1000 : header - random() % 1500);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    SCOPED_TRACE(testing::Message() << "bit of byte " << at);
    const Outcome outcome = RunModel(folder.Write("flipped.gguf", bytes));
    if (outcome.status == 0) {
      ExpectSuccess(outcome);
    } else {
      ExpectFailure(outcome, 1, "run");
      ++refused;
    }
  }
  EXPECT_GT(refused, 50);
}

// The model with 8 bytes of its header replaced.
std::string WithCount(std::size_t at, std::uint64_t count) {
  std::string bytes = ReadFile(kModel);
  std::memcpy(bytes.data() + at, &count, sizeof(count));
  return bytes;
}

TEST(BadFile, AbsurdCountsAreRefused) {
  TemporaryFolder folder;
  for (const std::uint64_t count : {std::uint64_t{1} << 20, std::uint64_t{1} << 32,
                                    std::uint64_t{1} << 62, ~std::uint64_t{0}}) {
    ExpectRefused(folder.Write("tensors.gguf", WithCount(8, count)), {"tensors.gguf"});
    ExpectRefused(folder.Write("keys.gguf", WithCount(16, count)), {"keys.gguf"});
  }
  // The number of pieces stands behind the key, its type (array) and the type of elements.
  const std::string key = "tokenizer.ggml.tokens";
  const std::size_t pieces = ReadFile(kModel).find(key) + key.size() + 8;
  ExpectRefused(folder.Write("pieces.gguf", WithCount(pieces, std::uint64_t{1} << 40)),
                {"pieces.gguf"});
}

TEST(BadFile, MissingTensorsAreNamed) {
  TemporaryFolder folder;
  for (const char* name : {"token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight",
                           "blk.1.ffn_down.weight"}) {
    EditedModel model = EditedModel::Load(kModel);
    model.Erase(name);
    ExpectRefused(model.Write(folder / "missing.gguf"), {"missing.gguf", name});
  }
}

TEST(BadFile, MisshapenTensorsAreNamed) {
  TemporaryFolder folder;
  const std::map<std::string, std::vector<std::int64_t>> shapes = {
      {"token_embd.weight", {128, 512}},    {"output.weight", {256, 511}},
      {"output_norm.weight", {255}},        {"blk.0.attn_q.weight", {256, 255}},
      {"blk.0.attn_k.weight", {256, 32}},   {"blk.1.ffn_down.weight", {256, 512}},
      {"blk.1.ffn_gate.weight", {512, 256}}};
  for (const auto& [name, shape] : shapes) {
    EditedModel model = EditedModel::Load(kModel);
    model.Reshape(name, shape);
    const Outcome outcome = RunModel(model.Write(folder / "shape.gguf"));
    SCOPED_TRACE(name);
    ExpectFailure(outcome, 1, "run", {"shape.gguf"});
  }
}

TEST(BadFile, UnsupportedTypesAreNamed) {
  TemporaryFolder folder;
  std::string bytes = ReadFile(kModel);
  const std::string name = "blk.0.attn_q.weight";
  const std::uint32_t type = 21;  // IQ3_S
  std::memcpy(bytes.data() + bytes.find(name) + name.size() + 4 + 16, &type, sizeof(type));
  ExpectRefused(folder.Write("type.gguf", bytes), {name, "IQ3_S"});
}

TEST(BadFile, ImpossibleNumbersAreNamed) {
  const std::map<std::string, std::vector<GgufValue>> values = {
      {"llama.block_count", {0u, 3u, 1000000u, 4294967295u}},
      {"llama.embedding_length", {0u, 255u, 4294967295u}},
      {"llama.attention.head_count", {0u, 7u, 4294967295u}},
      {"llama.attention.head_count_kv", {0u, 3u, 16u}},
      {"llama.context_length", {0u}},
      {"llama.feed_forward_length", {0u, 511u}},
      {"llama.rope.dimension_count", {31u, 64u}},
      {"llama.rope.freq_base", {0.0f, -1.0f}},
      {"llama.attention.layer_norm_rms_epsilon", {-1.0f}},
      {"general.architecture", {std::string("gpt17"), 5u}}};
  TemporaryFolder folder;
  for (const auto& [key, wrong] : values) {
    for (const GgufValue& value : wrong) {
      EditedModel model = EditedModel::Load(kModel);
      model.metadata[key] = value;
      SCOPED_TRACE(key);
      ExpectFailure(RunModel(model.Write(folder / "number.gguf")), 1, "run", {"number.gguf"});
    }
  }
}

TEST(BadFile, AMissingVocabularyOnlyEndsWhatNeedsText) {
  TemporaryFolder folder;
  EditedModel model = EditedModel::Load(kModel);
  std::erase_if(model.metadata, [](const auto& item) { return item.first.starts_with("token"); });
  const std::string path = model.Write(folder / "mute.gguf");
  ExpectFailure(RunModel(path), 1, "run", {"mute.gguf", "tokenizer.ggml.model"});
  ExpectFailure(Millrace({"tokenize", "-m", path, "-p", "a"}), 1, "tokenize", {"mute.gguf"});
  const Outcome logits = Millrace({"logits", "-m", path, "--tokens", "1,2,3"});
  ExpectSuccess(logits);
  EXPECT_EQ(logits.out, Millrace({"logits", "-m", kModel, "--tokens", "1,2,3"}).out);
  ExpectSuccess(Millrace({"inspect", path}));
}

TEST(BadFile, DamagedVocabulariesAreRefusedOrHarmless) {
  TemporaryFolder folder;
  const EditedModel sound = EditedModel::Load(kModel);
  const auto& pieces =
      std::get<std::vector<std::string>>(sound.metadata.at("tokenizer.ggml.tokens"));
  const auto run = [&](const std::string& key, GgufValue value) {
    EditedModel model = sound;
    model.metadata[key] = std::move(value);
    return RunModel(model.Write(folder / "vocabulary.gguf"));
  };
  const auto resized = [&](std::size_t size) {
    std::vector<std::string> other = pieces;
    for (std::size_t i = other.size(); i < size; ++i) other.push_back("extra" + std::to_string(i));
    other.resize(size);
    return other;
  };
  const std::string key = "tokenizer.ggml.tokens";
  ExpectFailure(run(key, resized(1000)), 1, "run", {"vocabulary.gguf", "512", "1000"});
  ExpectFailure(run(key, resized(300)), 1, "run", {"vocabulary.gguf", "512", "300"});
  ExpectFailure(run(key, resized(0)), 1, "run", {"vocabulary.gguf"});
  ExpectFailure(run(key, std::string("none")), 1, "run", {"vocabulary.gguf", key});
  ExpectFailure(run("tokenizer.ggml.bos_token_id", 512u), 1, "run", {"vocabulary.gguf", "512"});
  ExpectFailure(run("tokenizer.ggml.eos_token_id", 4294967295u), 1, "run", {"vocabulary.gguf"});
  ExpectFailure(run("tokenizer.ggml.model", std::string("magic")), 1, "run", {"'magic'"});
  ExpectFailure(run("tokenizer.ggml.token_type", std::vector<std::int32_t>(512, 9)), 1, "run",
                {"tokenizer.ggml.token_type", "9"});
}

TEST(BadFile, VocabulariesWithHolesRunOrAreRefused) {
  TemporaryFolder folder;
  EditedModel model = EditedModel::Load(kModel);
  auto& pieces = std::get<std::vector<std::string>>(model.metadata["tokenizer.ggml.tokens"]);
  for (std::size_t i = 300; i < 400; ++i) pieces[i].clear();
  const Outcome outcome = RunModel(model.Write(folder / "holes.gguf"));
  if (outcome.status == 0) {
    ExpectSuccess(outcome);
  } else {
    ExpectFailure(outcome, 1, "run", {"holes.gguf"});
  }
}

TEST(BadFile, AVocabularyShorterThanTheModelRuns) {
  TemporaryFolder folder;
  EditedModel model = EditedModel::Load(kModel);
  std::get<std::vector<std::string>>(model.metadata["tokenizer.ggml.tokens"]).resize(300);
  std::get<std::vector<float>>(model.metadata["tokenizer.ggml.scores"]).resize(300);
  std::get<std::vector<std::int32_t>>(model.metadata["tokenizer.ggml.token_type"]).resize(300);
  const std::string path = model.Write(folder / "short.gguf");
  // Whatever token comes, even one without a piece.
  for (const char* seed : {"1", "2", "3"}) {
    ExpectSuccess(Millrace({"run", "-m", path, "-p", "Once", "-n", "50", "--temp", "5", "--seed",
                            seed, "--logprobs", "3"}));
  }
}

// Keys and values of half a megabyte a position: a context that no machine holds.
std::string WideModel(const std::string& path) {
  EditedModel model;
  model.metadata = EditedModel::Load(kModel).metadata;
  constexpr std::uint32_t kLayers = 64;
  model.metadata["llama.context_length"] = 16777216u;
  model.metadata["llama.block_count"] = kLayers;
  model.metadata["llama.embedding_length"] = 32u;
  model.metadata["llama.feed_forward_length"] = 32u;
  model.metadata["llama.attention.head_count"] = 16u;
  model.metadata["llama.attention.head_count_kv"] = 16u;
  model.metadata["llama.attention.key_length"] = 128u;
  model.metadata["llama.attention.value_length"] = 128u;
  model.metadata["llama.rope.dimension_count"] = 128u;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
    EditedModel::Part part{.tensor = {name, shape.size() == 1 ? DType::kF32 : DType::kQ8_0, shape},
                           .bytes = {}};
    part.bytes.assign(part.tensor.data_bytes(), '\0');
    model.parts.push_back(std::move(part));
  };
  add("token_embd.weight", {32, 512});
  add("output_norm.weight", {32});
  for (std::uint32_t i = 0; i < kLayers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    add(layer + "attn_norm.weight", {32});
    add(layer + "ffn_norm.weight", {32});
    for (const char* name : {"attn_q", "attn_k", "attn_v"})
      add(layer + name + ".weight", {32, 2048});
    add(layer + "attn_output.weight", {2048, 32});
    for (const char* name : {"ffn_gate", "ffn_up", "ffn_down"})
      add(layer + name + ".weight", {32, 32});
  }
  return model.Write(path);
}

TEST(BadFile, AContextLargerThanMemoryIsRefusedBeforeItIsTaken) {
  TemporaryFolder folder;
  const std::string path = WideModel(folder / "wide.gguf");
  for (const char* threads : {"1", "2"}) {
    const Outcome outcome =
        Millrace({"run", "-m", path, "-p", "a", "-c", "16777216", "-t", threads});
    ExpectFailure(outcome, 1, "run", {"16777216", "bytes", "available"});
    EXPECT_LT(outcome.seconds, 20);
  }
  ExpectFailure(Millrace({"inspect", path, "-c", "16777216"}), 1, "inspect", {"16777216"});
  ExpectSuccess(Millrace({"run", "-m", path, "-p", "a", "-n", "2", "-c", "64", "-t", "1"}));
}

TEST(BadFile, AContextFarBeyondTheTrainingIsRefused) {
  ExpectFailure(Millrace({"run", "-m", kModel, "-p", "a", "-c", "16777216"}), 1, "run",
                {"16777216", "1048576", "2048"});
  ExpectFailure(Millrace({"bench", "-m", kModel, "-p", "1048576", "-d", "1048576"}), 1, "bench",
                {"2097152", "1048576"});
}

}  // namespace
}  // namespace millrace
