// A model as named, checked views: metadata and tensors, under the names that GGUF gives them.
//
// It comes from a GGUF file (docs/gguf.md), from the parts of one, or from a directory as model
// hubs have them: config.json and safetensors files (docs/safetensors.md). Every offset, count,
// shape and type is checked before the first view exists, so whoever holds a Checkpoint need not
// check again.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "format/metadata.h"
#include "numerics/dtype.h"

namespace millrace {

struct Tensor {
  std::string_view name;
  DType dtype = DType::kF32;
  // GGUF order: shape[0] is the length of a row, a whole number of blocks; 1 to 4 dimensions.
  std::vector<std::int64_t> shape;
  // Rows of RowBytes(dtype, columns()). Aligned for the numbers in it; in a GGUF file, and in
  // memory of the checkpoint's own, to 8.
  std::span<const std::byte> bytes;

  std::int64_t columns() const { return shape[0]; }
  std::int64_t rows() const;  // product of the other dimensions
};

// What a checkpoint without tensors says of those that its model would have (format/hf_shape.h).
struct ShapeOnly {
  DType matrices = DType::kQ8_0;      // their type, where their columns are whole blocks of it
  std::vector<std::string> optional;  // names, in a layer without "blk.N.", of tensors that some
                                      // models of the architecture have, and this one too

  bool Has(std::string_view tensor_name) const;
};

class Checkpoint {
 public:
  // Maps and checks a model: a GGUF file, the first part of a split one (the others lie beside it),
  // or a directory. kNotFound or kIo if it cannot be had, kInvalid if it is damaged or incomplete,
  // kUnsupported if it holds a version, architecture or tensor type that this program does not know
  // (the message names the tensor).
  //
  // Tensors view the mapped files. Those of a directory that GGUF stores otherwise (stacked
  // experts, permuted rows, norms as F32: docs/safetensors.md has the list) are made here, and
  // owned.
  static Result<Checkpoint> Load(const std::string& path);
  // The same over bytes that outlive the checkpoint; `name` appears in messages.
  static Result<Checkpoint> Parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  std::uint64_t file_bytes() const { return file_bytes_; }  // of all files with tensors
  // Where the tokenizer's files lie: the path that was loaded if it is a directory, else empty.
  const std::string& directory() const { return directory_; }
  const std::map<std::string_view, MetadataValue>& metadata() const { return metadata_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }  // in file order

  // Null if there is none of that name. Valid as long as this object, also after a move.
  const Tensor* Find(std::string_view tensor_name) const;
  bool Has(std::string_view key) const { return metadata_.contains(key); }

  // Not null if the tensors are to be made from what the architecture asks for, without bytes.
  const ShapeOnly* shape() const { return shape_ ? &*shape_ : nullptr; }

  // Gives back the memory behind a part of a tensor (MappedFile::Forget), if a file is behind it.
  void Forget(std::span<const std::byte> part) const;

  // kNotFound if the key is missing, kInvalid if its value has another type (a negative number is
  // no Uint).
  Result<std::uint64_t> GetUint(std::string_view key) const;
  Result<double> GetFloat(std::string_view key) const;  // integers too
  Result<bool> GetBool(std::string_view key) const;
  Result<std::string_view> GetString(std::string_view key) const;
  Result<std::vector<std::string_view>> GetStrings(std::string_view key) const;
  Result<std::vector<float>> GetFloats(std::string_view key) const;
  Result<std::vector<std::int64_t>> GetInts(std::string_view key) const;

  // The same with a value for when the key is missing.
  Result<std::uint64_t> GetUint(std::string_view key, std::uint64_t fallback) const;
  Result<double> GetFloat(std::string_view key, double fallback) const;
  Result<bool> GetBool(std::string_view key, bool fallback) const;
  Result<std::string_view> GetString(std::string_view key, std::string_view fallback) const;

 private:
  friend class GgufParser;
  friend class CheckpointBuilder;
  Checkpoint() = default;
  Result<const MetadataScalar*> Scalar(std::string_view key) const;
  Result<const MetadataArray*> Array(std::string_view key) const;

  std::vector<MappedFile> files_;
  std::vector<std::vector<std::byte>> owned_;  // metadata and tensors that no file holds
  std::deque<std::string> tensor_names_;       // of the tensors that no GGUF names
  std::string name_, directory_;
  std::uint64_t file_bytes_ = 0;
  std::optional<ShapeOnly> shape_;
  std::map<std::string_view, MetadataValue> metadata_;
  std::vector<Tensor> tensors_;
  std::map<std::string_view, std::size_t> tensor_index_;
};

}  // namespace millrace
