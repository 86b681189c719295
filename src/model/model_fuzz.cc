// Any values for the keys of any architecture: each is refused in one line, or gives a graph that
// is verified and, if it is small, runs.
//
// Tensors are made as they are asked for: a missing one is an error that names it and its shape, so
// the model is built again with it until nothing is missing.
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "format/gguf_writer.h"
#include "graph/interpreter.h"
#include "graph/verify.h"
#include "model/architectures.h"
#include "model/config.h"

namespace millrace {
namespace {

struct Key {
  const char* name;
  std::uint32_t usual;  // 0: not written unless the input says so
};

constexpr Key kCounts[] = {{"context_length", 64},
                           {"block_count", 2},
                           {"embedding_length", 8},
                           {"feed_forward_length", 12},
                           {"attention.head_count", 2},
                           {"attention.head_count_kv", 1},
                           {"attention.key_length", 4},
                           {"attention.value_length", 0},
                           {"rope.dimension_count", 2},
                           {"attention.sliding_window", 3},
                           {"attention.sliding_window_pattern", 0},
                           {"expert_count", 0},
                           {"expert_used_count", 2},
                           {"expert_feed_forward_length", 0},
                           {"expert_shared_count", 0},
                           {"expert_group_count", 0},
                           {"expert_group_used_count", 0},
                           {"expert_gating_func", 0},
                           {"leading_dense_block_count", 0},
                           {"nextn_predict_layers", 0},
                           {"attention.q_lora_rank", 0},
                           {"attention.kv_lora_rank", 3},
                           {"attention.key_length_mla", 5},
                           {"attention.value_length_mla", 2}};
constexpr const char* kNumbers[] = {"attention.layer_norm_rms_epsilon",
                                    "rope.freq_base",
                                    "rope.freq_base_swa",
                                    "rope.scaling.factor",
                                    "rope.scaling.attn_factor",
                                    "rope.scaling.original_context_length",
                                    "rope.scaling.yarn_log_multiplier",
                                    "rope.scaling.yarn_ext_factor",
                                    "attn_logit_softcapping",
                                    "final_logit_softcapping",
                                    "expert_weights_scale"};
constexpr const char* kScalings[] = {"none", "linear", "yarn", "longrope", "other"};
constexpr std::uint32_t kOddCounts[] = {0,          1,          2,          3,         4,  5,
                                        6,          8,          0x7fffffff, 1000,      16, 65536,
                                        0x80000000, 0xffffffff, 0x40000000, 0x7ffffffe};
constexpr float kOddNumbers[] = {0,
                                 -0.0f,
                                 1,
                                 2,
                                 -1,
                                 0.5f,
                                 10,
                                 64,
                                 1e4f,
                                 1e-5f,
                                 1e30f,
                                 1e-30f,
                                 3e38f,
                                 1e-45f,
                                 std::numeric_limits<float>::infinity(),
                                 std::numeric_limits<float>::quiet_NaN()};

// Takes bytes from the front; where none are left, 0.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint8_t Next() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_[0];
    bytes_ = bytes_.subspan(1);
    return byte;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

// A byte a key: below 128 it has its usual value, else one of the odd ones.
void SetKeys(GgufWriter& writer, Input& input) {
  const auto architectures = Architectures();
  const std::string name(architectures[input.Next() % architectures.size()].name);
  writer.Set("general.architecture", name);
  for (const Key& key : kCounts) {
    const std::uint8_t choice = input.Next();
    const std::uint32_t count = choice < 128 ? key.usual : kOddCounts[choice % 16];
    if (choice >= 128 || key.usual != 0) writer.Set(name + "." + key.name, count);
  }
  for (const char* key : kNumbers) {
    const std::uint8_t choice = input.Next();
    const float number = choice < 128 ? 1e-5f : kOddNumbers[choice % 16];
    if (choice >= 128 || key == kNumbers[0]) writer.Set(name + "." + key, number);
  }
  const std::uint8_t scaling = input.Next();
  if (scaling >= 128) writer.Set(name + ".rope.scaling.type", kScalings[scaling % 5]);
}

// What "...: tensor NAME is missing, wanted with shape [8, 4]" asks for; without a name if the
// message is another one, or the tensor a large one.
GgufTensor AskedFor(std::string_view message) {
  constexpr std::string_view kTensor = ": tensor ", kWanted = " is missing, wanted with shape [";
  const std::size_t wanted = message.find(kWanted), tensor = message.find(kTensor);
  if (wanted == std::string_view::npos || tensor == std::string_view::npos) return {};
  const std::size_t begin = tensor + kTensor.size();
  GgufTensor asked{std::string(message.substr(begin, wanted - begin)), DType::kF32, {}};
  std::int64_t elements = 1;
  const char* at = message.data() + wanted + kWanted.size();
  const char* const end = message.data() + message.size();
  while (at != end && *at != ']') {
    std::int64_t size = 0;
    at = std::from_chars(at, end, size).ptr;
    if (size < 1 || size > 4096 || (elements *= size) > 65536) return {};
    asked.shape.push_back(size);
    while (at != end && (*at == ',' || *at == ' ')) ++at;
  }
  return asked;
}

// Every tensor holds zeros.
std::vector<std::byte> FileOf(Input input, const std::vector<GgufTensor>& tensors) {
  GgufWriter writer;
  SetKeys(writer, input);
  for (const GgufTensor& tensor : tensors) writer.AddTensor(tensor);
  const auto file = writer.Bytes([](const GgufRows&) { return Result<void>(); });
  MILLRACE_CHECK(file.ok());
  return *file;
}

Result<Graph> Build(const Checkpoint& checkpoint) {
  MILLRACE_TRY(const Architecture architecture, FindArchitecture(checkpoint));
  MILLRACE_TRY(const ModelConfig config, ParseConfig(checkpoint));
  return architecture.build_graph(config, checkpoint);
}

void RunIfSmall(const Graph& graph) {
  std::int64_t columns = 0;
  for (const std::int64_t count : graph.columns) columns += count;
  if (columns > 20000) return;
  Interpreter interpreter(graph, reference::CacheType::kF16);
  const std::vector<TokenId> tokens = {TokenId{0}, TokenId{1}};
  MILLRACE_CHECK(interpreter.Step(tokens).size() == 2 * interpreter.vocabulary());
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  std::vector<GgufTensor> tensors = {{"token_embd.weight", DType::kF32, {8, 3}}};
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::vector<std::byte> file = FileOf(Input({data, size}), tensors);
    const Result<Checkpoint> checkpoint = Checkpoint::Parse(file, "fuzz");
    MILLRACE_CHECK(checkpoint.ok());
    const Result<Graph> graph = Build(*checkpoint);
    if (graph.ok()) {
      MILLRACE_CHECK(Verify(*graph).ok());
      RunIfSmall(*graph);
      return 0;
    }
    MILLRACE_CHECK(graph.error().message.find('\n') == std::string::npos);
    GgufTensor asked = AskedFor(graph.error().message);
    if (asked.name.empty()) return 0;
    tensors.push_back(std::move(asked));
  }
  return 0;
}
