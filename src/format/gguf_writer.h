// Writes a GGUF file, version 3 (docs/gguf.md): first say what is in it, then give the tensors'
// data row by row, so that a file much larger than memory can be written.
//
//     GgufWriter writer;
//     writer.Set("general.architecture", "llama");
//     writer.Set("llama.block_count", std::uint32_t{6});
//     writer.AddTensor({"token_embd.weight", DType::kQ8_0, {288, 32000}});
//     MILLRACE_TRY_VOID(writer.Write("model.gguf", [&](const GgufRows& rows) { ... }));
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "numerics/dtype.h"

namespace millrace {

// A metadata value of exactly the type that the file will hold: readers other than this project's
// ask for a key by its type.
using GgufValue =
    std::variant<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t,
                 std::int32_t, float, bool, std::string, std::uint64_t, std::int64_t, double,
                 std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::uint16_t>,
                 std::vector<std::int16_t>, std::vector<std::uint32_t>, std::vector<std::int32_t>,
                 std::vector<float>, std::vector<bool>, std::vector<std::string>,
                 std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<double>>;

struct GgufTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;  // shape[0] is the length of a row; 1 to 4 dimensions

  std::int64_t rows() const;         // product of the other dimensions
  std::size_t row_bytes() const;     // as dtype stores a row
  std::uint64_t data_bytes() const;  // of all rows
};

// Rows of one tensor, to be filled.
struct GgufRows {
  std::size_t tensor = 0;      // in the order of AddTensor
  std::int64_t first_row = 0;  // of the tensor
  std::int64_t row_count = 0;  // at least 1
  std::span<std::byte> bytes;  // row_count * row_bytes(), zeroed; valid during the call
};
using GgufFill = std::function<Result<void>(const GgufRows&)>;

class GgufWriter {
 public:
  // Keys and tensors are written in the order in which they were given. A key or name that is given
  // twice, a shape that the type cannot have, and anything else that a reader would reject is a
  // CHECK: what is written is the caller's own. "general.alignment", a uint32, sets the alignment.
  void Set(std::string key, GgufValue value);
  void AddTensor(GgufTensor tensor);

  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  std::uint64_t file_bytes() const;

  // Asks `fill` for every row of every tensor, in ascending order and about a megabyte at a time,
  // and writes the file at `path`. The file appears whole or not at all: until the last byte is
  // written it is named `path` + ".part". kIo if it cannot be written; an error of `fill` is
  // returned as it is.
  Result<void> Write(const std::string& path, const GgufFill& fill) const;

  // The same into memory.
  Result<std::vector<std::byte>> Bytes(const GgufFill& fill) const;

 private:
  using Sink = std::function<Result<void>(std::span<const std::byte>)>;
  std::vector<std::byte> Header() const;  // up to the data of the first tensor, padded
  Result<void> Stream(const GgufFill& fill, const Sink& sink) const;

  struct Key {
    std::string name;
    GgufValue value;
  };
  std::vector<Key> keys_;
  std::vector<GgufTensor> tensors_;
  std::uint64_t alignment_ = 32;
};

}  // namespace millrace
