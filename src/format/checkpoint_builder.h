// Makes a Checkpoint out of several files, or out of tensors that no file holds as they are wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "format/checkpoint.h"
#include "format/gguf_writer.h"

namespace millrace {

class CheckpointBuilder {
 public:
  // A checkpoint whose tensors view `file`.
  static Checkpoint Holding(Checkpoint checkpoint, MappedFile file);

  // An empty checkpoint of a directory.
  explicit CheckpointBuilder(const std::string& directory);
  // One that goes on from another: its metadata, tensors and files.
  explicit CheckpointBuilder(Checkpoint checkpoint) : checkpoint_(std::move(checkpoint)) {}

  // Replaces the metadata. They are typed and laid out as a GGUF file has them, so that a value is
  // the same here and there, to the bit.
  Result<void> SetMetadata(const GgufWriter& keys);

  // Keeps a file mapped that tensors view.
  void Own(MappedFile file);
  // Memory that lives as long as the checkpoint, zeroed, aligned to 8.
  std::span<std::byte> Allocate(std::size_t size_bytes);

  // The tensors that are not added are those of a shape.
  void SetShape(ShapeOnly shape) { checkpoint_.shape_ = std::move(shape); }
  bool Has(std::string_view tensor_name) const { return checkpoint_.Find(tensor_name) != nullptr; }
  // `bytes` lie in an owned file or in allocated memory, and have the size that type and shape say.
  // kInvalid if there is a tensor of that name.
  Result<void> Add(std::string name, DType dtype, std::vector<std::int64_t> shape,
                   std::span<const std::byte> bytes);
  // Takes the tensors and files of another; its metadata are left out. kInvalid as above.
  Result<void> AddTensorsOf(Checkpoint other);

  const Checkpoint& checkpoint() const { return checkpoint_; }
  Checkpoint Finish() && { return std::move(checkpoint_); }

 private:
  Result<void> Index(Tensor tensor);

  Checkpoint checkpoint_;
};

}  // namespace millrace
