// GptOssForCausalLM: experts with biases, stored with gate and up in alternating rows, in MXFP4 or
// as matrices that are transposed.
#include <cstring>

#include "format/hf_changes.h"
#include "format/hf_families.h"

namespace millrace {
namespace {

constexpr std::size_t kPackedBytes = 16;     // of 32 elements
constexpr std::size_t kBlockBytes = 1 + 16;  // in GGUF: the scale, then the elements

// Where every second row (or element) goes: the gates are those with an even number.
struct Half {
  const char* name;
  std::size_t first;
};

std::vector<Half> GateAndUp(const char* gate, const char* up) { return {{gate, 0}, {up, 1}}; }

// The last two dimensions exchanged, of every `step`-th row of the result from `first` on.
// matrices: [count, columns, rows] -> [count, rows / step, columns], elements of two or four bytes.
std::span<std::byte> Transposed(HfConversion& conversion, const SafetensorsTensor& tensor,
                                std::size_t first, std::size_t step) {
  const auto count = static_cast<std::size_t>(tensor.shape[0]);
  const auto columns = static_cast<std::size_t>(tensor.shape[1]);
  const auto rows = static_cast<std::size_t>(tensor.shape[2]);
  const std::size_t size = *tensor.dtype == DType::kF32 ? 4 : 2;
  const std::span<std::byte> made = conversion.Allocate(tensor.bytes.size() / step);
  std::byte* to = made.data();
  for (std::size_t matrix = 0; matrix < count; ++matrix) {
    for (std::size_t row = first; row < rows; row += step) {
      for (std::size_t column = 0; column < columns; ++column, to += size) {
        const std::size_t from = (matrix * columns + column) * rows + row;
        std::memcpy(to, &tensor.bytes[from * size], size);
      }
    }
  }
  return made;
}

Result<void> CheckMatrices(const HfConversion& conversion, const SafetensorsTensor& tensor) {
  const Result<DType> dtype = FloatType(conversion, tensor);
  if (!dtype.ok()) return dtype.error();
  return CheckDimensions(conversion, tensor, 3);
}

Error OddRows(const HfConversion& conversion, const SafetensorsTensor& tensor, std::int64_t rows) {
  return Invalid("{}: tensor {} has {} rows of gate and up, wanted an even number",
                 conversion.name(), tensor.name, rows);
}

Result<void> TransposeDown(HfConversion& conversion, const HfSource& source) {
  const SafetensorsTensor& tensor = source.tensor;
  MILLRACE_TRY_VOID(CheckMatrices(conversion, tensor));
  const std::int64_t shape[] = {tensor.shape[0], tensor.shape[2], tensor.shape[1]};
  return conversion.Add(source.target, *tensor.dtype, shape, Transposed(conversion, tensor, 0, 1));
}

Result<void> TransposeGateUp(HfConversion& conversion, const HfSource& source) {
  const SafetensorsTensor& tensor = source.tensor;
  MILLRACE_TRY_VOID(CheckMatrices(conversion, tensor));
  if (tensor.shape[2] % 2 != 0) return OddRows(conversion, tensor, tensor.shape[2]);
  const std::int64_t shape[] = {tensor.shape[0], tensor.shape[2] / 2, tensor.shape[1]};
  for (const Half& half : GateAndUp(".ffn_gate_exps.weight", ".ffn_up_exps.weight")) {
    MILLRACE_TRY_VOID(conversion.Add(source.layer + half.name, *tensor.dtype, shape,
                                     Transposed(conversion, tensor, half.first, 2)));
  }
  return {};
}

// [experts, 2 * rows], alternating.
Result<void> SplitBias(HfConversion& conversion, const HfSource& source) {
  const SafetensorsTensor& tensor = source.tensor;
  MILLRACE_TRY(const DType dtype, FloatType(conversion, tensor));
  MILLRACE_TRY_VOID(CheckDimensions(conversion, tensor, 2));
  if (tensor.shape[1] % 2 != 0) return OddRows(conversion, tensor, tensor.shape[1]);
  const std::int64_t shape[] = {tensor.shape[0], tensor.shape[1] / 2};
  const std::size_t size = dtype == DType::kF32 ? 4 : 2;
  for (const Half& half : GateAndUp(".ffn_gate_exps.bias", ".ffn_up_exps.bias")) {
    const std::span<std::byte> made = conversion.Allocate(tensor.bytes.size() / 2);
    for (std::size_t i = 0; i < made.size() / size; ++i) {
      std::memcpy(&made[i * size], &tensor.bytes[(2 * i + half.first) * size], size);
    }
    MILLRACE_TRY_VOID(conversion.Add(source.layer + half.name, dtype, shape, made));
  }
  return {};
}

// Safetensors has element 2 j of a block in the low half of byte j and 2 j + 1 in the high half;
// GGUF has j in the low half and j + 16 in the high half.
void RepackBlock(std::byte scale, const std::byte* packed, std::byte* block) {
  block[0] = scale;
  const auto element = [&](std::size_t i) {
    return i % 2 == 0 ? packed[i / 2] & std::byte{0x0f} : packed[i / 2] >> 4;
  };
  for (std::size_t j = 0; j < kPackedBytes; ++j) {
    block[1 + j] = element(j) | (element(j + 16) << 4);
  }
}

// blocks: U8 [experts, rows, blocks, 16]; its scales, U8 [experts, rows, blocks], are another
// tensor.
struct Packed {
  const SafetensorsTensor& blocks;
  const SafetensorsTensor& scales;
};

Result<Packed> FindPacked(const HfConversion& conversion, const SafetensorsTensor& blocks) {
  constexpr std::string_view kBlocks = "blocks";
  const std::string stem = blocks.name.substr(0, blocks.name.size() - kBlocks.size());
  const SafetensorsTensor* scales = conversion.Find(stem + "scales");
  if (scales == nullptr) {
    return Invalid("{}: tensor {}scales is missing", conversion.name(), stem);
  }
  MILLRACE_TRY_VOID(CheckDimensions(conversion, blocks, 4));
  std::vector<std::int64_t> wanted = scales->shape;
  wanted.push_back(kPackedBytes);
  if (blocks.type != "U8" || scales->type != "U8" || blocks.shape != wanted) {
    return Invalid("{}: tensor {} and its scales are no U8 of fitting shapes", conversion.name(),
                   blocks.name);
  }
  return Packed{blocks, *scales};
}

// Every `step`-th row from `first` on, as a tensor of GGUF.
Result<void> AddPacked(HfConversion& conversion, const std::string& target, const Packed& packed,
                       std::size_t first, std::size_t step) {
  const std::vector<std::int64_t>& shape = packed.blocks.shape;
  const auto rows = static_cast<std::size_t>(shape[0] * shape[1]);
  const auto blocks = static_cast<std::size_t>(shape[2]);
  const std::span<std::byte> made = conversion.Allocate(rows / step * blocks * kBlockBytes);
  std::byte* to = made.data();
  for (std::size_t row = first; row < rows; row += step) {
    for (std::size_t i = row * blocks; i < (row + 1) * blocks; ++i, to += kBlockBytes) {
      RepackBlock(packed.scales.bytes[i], &packed.blocks.bytes[i * kPackedBytes], to);
    }
  }
  const std::int64_t made_shape[] = {shape[0], shape[1] / static_cast<std::int64_t>(step),
                                     shape[2] * 32};
  return conversion.Add(target, DType::kMXFP4, made_shape, made);
}

Result<void> RepackDown(HfConversion& conversion, const HfSource& source) {
  MILLRACE_TRY(const Packed packed, FindPacked(conversion, source.tensor));
  return AddPacked(conversion, source.target, packed, 0, 1);
}

Result<void> RepackGateUp(HfConversion& conversion, const HfSource& source) {
  MILLRACE_TRY(const Packed packed, FindPacked(conversion, source.tensor));
  const std::int64_t rows = source.tensor.shape[1];
  if (rows % 2 != 0) return OddRows(conversion, source.tensor, rows);
  for (const Half& half : GateAndUp(".ffn_gate_exps.weight", ".ffn_up_exps.weight")) {
    MILLRACE_TRY_VOID(AddPacked(conversion, source.layer + half.name, packed, half.first, 2));
  }
  return {};
}

constexpr HfRule kRules[] = {
    {".self_attn.sinks", ".attn_sinks.weight", Keep},
    {".post_attention_layernorm.weight", ".post_attention_norm.weight", Keep},
    {".mlp.router.weight", ".ffn_gate_inp.weight", Keep},
    {".mlp.router.bias", ".ffn_gate_inp.bias", Keep},
    {".mlp.experts.gate_up_proj_bias", "", SplitBias},
    {".mlp.experts.down_proj_bias", ".ffn_down_exps.bias", Keep},
    {".mlp.experts.gate_up_proj", "", TransposeGateUp},
    {".mlp.experts.down_proj", ".ffn_down_exps.weight", TransposeDown},
    {".mlp.experts.gate_up_proj_blocks", "", RepackGateUp},
    {".mlp.experts.down_proj_blocks", ".ffn_down_exps.weight", RepackDown},
    // Read together with the blocks.
    {".mlp.experts.gate_up_proj_scales", "", Skip},
    {".mlp.experts.down_proj_scales", "", Skip},
};

Result<void> Complete(HfConversion& conversion) {
  const HfObject& config = conversion.config();
  MILLRACE_TRY(const std::uint32_t window, config.Count("sliding_window", 128));
  MILLRACE_TRY(const std::uint32_t ffn, config.Count("intermediate_size"));
  conversion.keys().Set("attention.sliding_window", window);
  conversion.keys().Set("expert_feed_forward_length", ffn);
  return SetRopeScaling(config, conversion.rope(), conversion.keys());
}

constexpr HfFamily kFamilies[] = {
    {"GptOssForCausalLM",
     "gpt-oss",
     {.norm_eps = 1e-5, .rope_base = 150000, .context = 131072, .kv_heads = 8, .head_dim = 64},
     kRules,
     Complete},
};

}  // namespace

std::span<const HfFamily> GptOssFamilies() { return kFamilies; }

}  // namespace millrace
