#include "format/checkpoint_builder.h"

#include <iterator>
#include <utility>

#include "base/check.h"
#include "format/gguf.h"

namespace millrace {

Checkpoint CheckpointBuilder::Holding(Checkpoint checkpoint, MappedFile file) {
  checkpoint.files_.push_back(std::move(file));
  return checkpoint;
}

CheckpointBuilder::CheckpointBuilder(const std::string& directory) {
  checkpoint_.name_ = directory;
  checkpoint_.directory_ = directory;
}

Result<void> CheckpointBuilder::SetMetadata(const GgufWriter& keys) {
  const auto no_tensors = [](const GgufRows&) -> Result<void> { return {}; };
  MILLRACE_TRY(std::vector<std::byte> bytes, keys.Bytes(no_tensors));
  checkpoint_.owned_.push_back(std::move(bytes));
  MILLRACE_TRY(const Checkpoint parsed, ParseGguf(checkpoint_.owned_.back(), checkpoint_.name_));
  checkpoint_.metadata_ = parsed.metadata_;
  return {};
}

void CheckpointBuilder::Own(MappedFile file) {
  checkpoint_.file_bytes_ += file.bytes().size();
  checkpoint_.files_.push_back(std::move(file));
}

std::span<std::byte> CheckpointBuilder::Allocate(std::size_t size_bytes) {
  checkpoint_.owned_.emplace_back(size_bytes);
  return checkpoint_.owned_.back();
}

Result<void> CheckpointBuilder::Add(std::string name, DType dtype, std::vector<std::int64_t> shape,
                                    std::span<const std::byte> bytes) {
  checkpoint_.tensor_names_.push_back(std::move(name));
  Tensor tensor{checkpoint_.tensor_names_.back(), dtype, std::move(shape), bytes};
  const std::size_t row_bytes = RowBytes(dtype, static_cast<std::size_t>(tensor.columns()));
  MILLRACE_CHECK(bytes.size() == row_bytes * static_cast<std::size_t>(tensor.rows()));
  return Index(std::move(tensor));
}

Result<void> CheckpointBuilder::AddTensorsOf(Checkpoint other) {
  MILLRACE_CHECK(other.tensor_names_.empty() && other.owned_.empty());
  for (Tensor& tensor : other.tensors_) MILLRACE_TRY_VOID(Index(std::move(tensor)));
  for (MappedFile& file : other.files_) Own(std::move(file));
  return {};
}

Result<void> CheckpointBuilder::Index(Tensor tensor) {
  if (!checkpoint_.tensor_index_.emplace(tensor.name, checkpoint_.tensors_.size()).second) {
    return Invalid("{}: tensor {} occurs twice", checkpoint_.name_, tensor.name);
  }
  checkpoint_.tensors_.push_back(std::move(tensor));
  return {};
}

}  // namespace millrace
