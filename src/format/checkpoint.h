// A model file as named, checked views: metadata and tensors, nothing copied.
//
// Only GGUF for now (docs/gguf.md, format/gguf.cc). Every offset, count, shape and type is checked
// before the first view exists, so whoever holds a Checkpoint need not check again.
#pragma once

#include <cstdint>
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
  // Rows of RowBytes(dtype, columns()). Begins at a multiple of 8 from the beginning of the file.
  std::span<const std::byte> bytes;

  std::int64_t columns() const { return shape[0]; }
  std::int64_t rows() const;  // product of the other dimensions
};

class Checkpoint {
 public:
  // Maps and checks a file. kNotFound or kIo if it cannot be had, kInvalid if it is damaged,
  // kUnsupported if it holds a version or tensor type that this program does not know (the message
  // names the tensor).
  static Result<Checkpoint> Load(const std::string& path);
  // The same over bytes that outlive the checkpoint; `name` appears in messages.
  static Result<Checkpoint> Parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  std::uint64_t file_bytes() const { return file_bytes_; }
  const std::map<std::string_view, MetadataValue>& metadata() const { return metadata_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }  // in file order

  // Null if there is none of that name. Valid as long as this object, also after a move.
  const Tensor* Find(std::string_view tensor_name) const;
  bool Has(std::string_view key) const { return metadata_.contains(key); }

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
  Checkpoint() = default;
  Result<const MetadataScalar*> Scalar(std::string_view key) const;
  Result<const MetadataArray*> Array(std::string_view key) const;

  std::optional<MappedFile> file_;
  std::string name_;
  std::uint64_t file_bytes_ = 0;
  std::map<std::string_view, MetadataValue> metadata_;
  std::vector<Tensor> tensors_;
  std::map<std::string_view, std::size_t> tensor_index_;
};

}  // namespace millrace
