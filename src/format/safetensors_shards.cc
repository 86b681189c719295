#include "format/safetensors_shards.h"

#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "format/hf_object.h"
#include "format/tensor_name.h"

namespace millrace {
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

using WeightMap = std::map<std::string, std::string>;  // the shard of each tensor

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// A file of the directory itself: no path that leads elsewhere.
bool IsFileName(const std::string& name) {
  return IsTensorName(name) && name.find('/') == std::string::npos && name != "." && name != "..";
}

Result<WeightMap> ReadIndex(const std::string& path) {
  MILLRACE_TRY(const nlohmann::json index, LoadJson(path));
  const auto found = index.find("weight_map");
  if (found == index.end() || !found->is_object() || found->empty()) {
    return Invalid("{}: has no weight_map, wanted an object of tensors and their files", path);
  }
  WeightMap map;
  for (const auto& [tensor, file] : found->items()) {
    if (!file.is_string() || !IsFileName(file.get_ref<const std::string&>())) {
      return Invalid("{}: the file of tensor {} is {}, wanted the name of a file", path,
                     Shown(tensor), Shown(file.is_string() ? file.get<std::string>() : "no text"));
    }
    map.emplace(tensor, file.get<std::string>());
  }
  return map;
}

Result<void> Append(const std::string& path, SafetensorsShards& shards) {
  MILLRACE_TRY(MappedFile file, MappedFile::Open(path));
  MILLRACE_TRY(std::vector<SafetensorsTensor> tensors, ParseSafetensors(file.bytes(), path));
  for (SafetensorsTensor& tensor : tensors) shards.tensors.push_back(std::move(tensor));
  shards.files.push_back(std::move(file));
  return {};
}

// The tensors of one shard are those that the index expects in it.
Result<void> CheckShard(const std::string& path, const std::string& file, const WeightMap& map,
                        std::span<const SafetensorsTensor> tensors) {
  std::size_t expected = 0;
  for (const auto& [tensor, its_file] : map) expected += its_file == file ? 1 : 0;
  for (const SafetensorsTensor& tensor : tensors) {
    const auto found = map.find(tensor.name);
    if (found == map.end()) {
      return Invalid("{}: holds tensor {}, which {} does not name", path, tensor.name, kIndex);
    }
    if (found->second != file) {
      return Invalid("{}: holds tensor {}, which {} expects in {}", path, tensor.name, kIndex,
                     found->second);
    }
  }
  if (tensors.size() == expected) return {};
  const std::set<std::string_view> held = [&] {
    std::set<std::string_view> names;
    for (const SafetensorsTensor& tensor : tensors) names.insert(tensor.name);
    return names;
  }();
  for (const auto& [tensor, its_file] : map) {
    if (its_file == file && !held.contains(tensor)) {
      return Invalid("{}: does not hold tensor {}, which {} expects there", path, Shown(tensor),
                     kIndex);
    }
  }
  return {};
}

}  // namespace

Result<SafetensorsShards> LoadSafetensorsShards(const std::string& directory) {
  const std::string index = directory + "/" + kIndex;
  const std::string single = directory + "/" + kSingle;
  SafetensorsShards shards;
  if (!Exists(index)) {
    if (!Exists(single)) {
      return NotFound("{}: holds neither {} nor {}, wanted one of them", directory, kSingle,
                      kIndex);
    }
    MILLRACE_TRY_VOID(Append(single, shards));
    return shards;
  }
  MILLRACE_TRY(const WeightMap map, ReadIndex(index));
  std::set<std::string> files;
  for (const auto& [tensor, file] : map) files.insert(file);
  for (const std::string& file : files) {
    const std::string path = directory + "/" + file;
    if (!Exists(path)) return NotFound("{}: no such file, {} names it", path, kIndex);
    const std::size_t before = shards.tensors.size();
    MILLRACE_TRY_VOID(Append(path, shards));
    MILLRACE_TRY_VOID(CheckShard(path, file, map, std::span(shards.tensors).subspan(before)));
  }
  return shards;
}

}  // namespace millrace
