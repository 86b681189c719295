#include "format/hf_directory.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "format/hf_conversion.h"
#include "format/hf_families.h"
#include "format/hf_tokenizer_keys.h"
#include "format/safetensors_shards.h"
#include "format/tensor_name.h"

namespace millrace {
namespace {

// The numbers of general.file_type: what most weights are.
enum class FileType : std::uint32_t { kF32 = 0, kF16 = 1, kBF16 = 32, kMxfp4 = 38 };

Result<std::string> ArchitectureName(const HfObject& config) {
  const nlohmann::json* names = config.Find("architectures");
  if (names != nullptr && names->is_array() && !names->empty() && (*names)[0].is_string()) {
    return (*names)[0].get<std::string>();
  }
  return Invalid("{}: has no architectures, wanted an array with one name", config.where());
}

// Whether the experts are MXFP4. Other quantised weights are not known.
Result<bool> IsMxfp4(const HfObject& config) {
  MILLRACE_TRY(const auto quantisation, config.Section("quantization_config"));
  if (!quantisation) return false;
  MILLRACE_TRY(const std::string method, quantisation->Text("quant_method"));
  if (method == "mxfp4") return true;
  return Unsupported("{}: weights are quantised by '{}', supported: mxfp4, or weights that are not",
                     config.where(), Shown(method));
}

// The configuration of the text model: its own keys go before those of the whole.
nlohmann::json TextConfig(const nlohmann::json& config) {
  const auto text = config.find("text_config");
  nlohmann::json merged = config;
  if (text != config.end() && text->is_object()) merged.update(*text);
  return merged;
}

// The tensors of the text model, under the names that a model of text alone would give them.
std::vector<SafetensorsTensor> TextTensors(std::vector<SafetensorsTensor> tensors) {
  constexpr std::string_view kPrefix = "language_model.";
  std::vector<SafetensorsTensor> text;
  for (SafetensorsTensor& tensor : tensors) {
    if (tensor.name.find("vision_") != std::string::npos ||
        tensor.name.find("projector.") != std::string::npos) {
      continue;
    }
    const std::size_t at = tensor.name.find(kPrefix);
    if (at != std::string::npos) tensor.name.erase(at, kPrefix.size());
    text.push_back(std::move(tensor));
  }
  return text;
}

FileType MostlyOf(const std::vector<SafetensorsTensor>& tensors, bool mxfp4) {
  if (mxfp4) return FileType::kMxfp4;
  for (const SafetensorsTensor& tensor : tensors) {
    if (tensor.shape.size() < 2 || !tensor.dtype) continue;
    if (*tensor.dtype == DType::kF16) return FileType::kF16;
    if (*tensor.dtype == DType::kBF16) return FileType::kBF16;
    return FileType::kF32;
  }
  return FileType::kF32;
}

// The last part of a path, whatever it ends in.
std::string FolderName(const std::string& directory) {
  std::error_code ignored;
  const std::filesystem::path path = std::filesystem::absolute(directory, ignored);
  const std::filesystem::path normal = path.lexically_normal();
  return (normal.has_filename() ? normal.filename() : normal.parent_path().filename()).string();
}

void SetGeneralKeys(const HfFamily& family, const std::string& directory, FileType type,
                    HfKeys& keys) {
  keys.SetPlain("general.architecture", std::string(family.architecture));
  keys.SetPlain("general.type", std::string("model"));
  keys.SetPlain("general.name", FolderName(directory));
  keys.SetPlain("general.file_type", static_cast<std::uint32_t>(type));
  keys.SetPlain("general.quantization_version", std::uint32_t{2});
}

}  // namespace

Result<Checkpoint> LoadHfDirectory(const std::string& given) {
  const std::string directory = given.substr(0, given.find_last_not_of('/') + 1);
  const std::string path = directory + "/config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return Invalid(
        "{}: is a directory without config.json, wanted a model of Hugging Face or a file", given);
  }
  MILLRACE_TRY(const nlohmann::json whole, LoadJson(path));
  const HfObject whole_config(whole, path);
  MILLRACE_TRY(const std::string architecture, ArchitectureName(whole_config));
  MILLRACE_TRY(const HfFamily* family, FindHfFamily(architecture, path));
  MILLRACE_TRY(const bool mxfp4, IsMxfp4(whole_config));
  const nlohmann::json text = family->multimodal ? TextConfig(whole) : whole;
  const HfObject config(text, path);
  MILLRACE_TRY(SafetensorsShards shards, LoadSafetensorsShards(directory));
  CheckpointBuilder builder(directory);
  for (MappedFile& file : shards.files) builder.Own(std::move(file));
  if (family->multimodal) shards.tensors = TextTensors(std::move(shards.tensors));
  const FileType type = MostlyOf(shards.tensors, mxfp4);
  HfConversion conversion(*family, config, std::move(shards.tensors), std::move(builder));
  MILLRACE_TRY_VOID(conversion.Run());
  SetGeneralKeys(*family, directory, type, conversion.keys());
  MILLRACE_TRY_VOID(SetTokenizerKeys(directory, config, conversion.keys()));
  return std::move(conversion).Finish();
}

}  // namespace millrace
