#include "model/shape.h"

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "format/hf_shape.h"

namespace millrace {
namespace {

constexpr std::string_view kExtension = ".json";

std::string_view NameOf(const EmbeddedFile& file) {
  return file.name.substr(0, file.name.size() - kExtension.size());
}

}  // namespace

bool IsShape(std::string_view spec) {
  if (spec.ends_with(kExtension)) return true;
  for (const EmbeddedFile& file : BuiltInShapeFiles()) {
    if (NameOf(file) == spec) return true;
  }
  return false;
}

Result<Model> ParseShape(std::string_view config, std::string_view name, DType matrices) {
  MILLRACE_TRY(Checkpoint checkpoint, ParseHfShape(config, std::string(name), matrices));
  return Model::FromCheckpoint(std::move(checkpoint));
}

Result<Model> LoadShape(std::string_view spec, DType matrices) {
  if (spec.ends_with(kExtension)) {
    MILLRACE_TRY(const MappedFile file, MappedFile::Open(std::string(spec)));
    const auto* text = reinterpret_cast<const char*>(file.bytes().data());
    return ParseShape({text, file.bytes().size()}, spec, matrices);
  }
  std::vector<std::string_view> names;
  for (const EmbeddedFile& file : BuiltInShapeFiles()) {
    if (NameOf(file) == spec) return ParseShape(file.text, spec, matrices);
    names.push_back(NameOf(file));
  }
  return NotFound("shape: found '{}', wanted a file *.json or one of {}", spec.substr(0, 80),
                  fmt::join(names, ", "));
}

}  // namespace millrace
