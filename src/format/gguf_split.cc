#include "format/gguf_split.h"

#include <cstdint>
#include <utility>

#include "base/mapped_file.h"
#include "format/checkpoint_builder.h"
#include "format/gguf.h"

namespace millrace {
namespace {

constexpr std::string_view kPart = "split.no";  // of this file, from 0
constexpr std::string_view kParts = "split.count";
constexpr std::string_view kTensors = "split.tensors.count";  // in all parts together
constexpr std::uint64_t kMaxParts = 99999;                    // five digits in a name

// "-00002-of-00005.gguf" for the second of five.
std::string Ending(std::uint64_t part, std::uint64_t parts) {
  return fmt::format("-{:05d}-of-{:05d}.gguf", part + 1, parts);
}

Result<Checkpoint> LoadOne(const std::string& path) {
  MILLRACE_TRY(MappedFile file, MappedFile::Open(path));
  MILLRACE_TRY(Checkpoint checkpoint, ParseGguf(file.bytes(), path));
  return CheckpointBuilder::Holding(std::move(checkpoint), std::move(file));
}

// What all parts of a path have in common.
Result<std::string> Stem(const std::string& path, std::uint64_t parts) {
  const std::string ending = Ending(0, parts);
  if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  return Invalid("{}: is the first of {} parts, wanted a name that ends in {}", path, parts,
                 ending);
}

Result<void> CheckPart(const Checkpoint& file, std::uint64_t part, std::uint64_t parts) {
  MILLRACE_TRY(const std::uint64_t found_part, file.GetUint(kPart));
  MILLRACE_TRY(const std::uint64_t found_parts, file.GetUint(kParts, 0));
  if (found_part == part && found_parts == parts) return {};
  return Invalid("{}: says that it is part {} of {}, wanted part {} of {}", file.name(),
                 found_part + 1, found_parts, part + 1, parts);
}

}  // namespace

Result<Checkpoint> LoadGgufFiles(const std::string& path) {
  MILLRACE_TRY(Checkpoint first, LoadOne(path));
  MILLRACE_TRY(const std::uint64_t parts, first.GetUint(kParts, 0));
  MILLRACE_TRY(const std::uint64_t part, first.GetUint(kPart, 0));
  if (parts <= 1 && part == 0) return first;
  if (parts > kMaxParts || part >= parts) {
    return Invalid("{}: says that it is part {} of {}, wanted at most {} parts", path, part + 1,
                   parts, kMaxParts);
  }
  if (part != 0) {
    return Invalid("{}: is part {} of {}, give the first: its name ends in {}", path, part + 1,
                   parts, Ending(0, parts));
  }
  MILLRACE_TRY(const std::string stem, Stem(path, parts));
  MILLRACE_TRY(const std::uint64_t tensors, first.GetUint(kTensors));
  CheckpointBuilder all(std::move(first));
  for (std::uint64_t i = 1; i < parts; ++i) {
    MILLRACE_TRY(Checkpoint next, LoadOne(stem + Ending(i, parts)));
    MILLRACE_TRY_VOID(CheckPart(next, i, parts));
    MILLRACE_TRY_VOID(all.AddTensorsOf(std::move(next)));
  }
  const std::size_t found = all.checkpoint().tensors().size();
  if (found == tensors) return std::move(all).Finish();
  return Invalid("{}: its {} parts hold {} tensors, {} says {}", path, parts, found, kTensors,
                 tensors);
}

}  // namespace millrace
