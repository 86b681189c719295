#include "format/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "format/gguf_types.h"

namespace millrace {
namespace {

using gguf::ValueType;

constexpr std::size_t kChunkBytes = 1u << 20;

std::uint64_t RoundUp(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

bool IsName(std::string_view name, std::size_t max_bytes) {
  return !name.empty() && name.size() <= max_bytes &&
         std::none_of(name.begin(), name.end(), gguf::IsControl);
}

template <typename T>
constexpr ValueType TypeOf() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return ValueType::kUint8;
  if constexpr (std::is_same_v<T, std::int8_t>) return ValueType::kInt8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return ValueType::kUint16;
  if constexpr (std::is_same_v<T, std::int16_t>) return ValueType::kInt16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return ValueType::kUint32;
  if constexpr (std::is_same_v<T, std::int32_t>) return ValueType::kInt32;
  if constexpr (std::is_same_v<T, float>) return ValueType::kFloat32;
  if constexpr (std::is_same_v<T, bool>) return ValueType::kBool;
  if constexpr (std::is_same_v<T, std::string>) return ValueType::kString;
  if constexpr (std::is_same_v<T, std::uint64_t>) return ValueType::kUint64;
  if constexpr (std::is_same_v<T, std::int64_t>) return ValueType::kInt64;
  if constexpr (std::is_same_v<T, double>) return ValueType::kFloat64;
}

// Appends values as the file holds them. GGUF is little-endian, and so are the machines this is
// written for.
static_assert(std::endian::native == std::endian::little);

class HeaderBytes {
 public:
  template <typename T>
  void Put(const T& value) {
    static_assert(std::is_arithmetic_v<T>);
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof(value));
  }

  void Put(const std::string& text) {
    Put(std::uint64_t{text.size()});
    PutRaw(text);
  }

  void PutRaw(std::string_view text) {
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), first, first + text.size());
  }

  void PutType(ValueType type) { Put(static_cast<std::uint32_t>(type)); }

  void PutValue(const GgufValue& value) {
    std::visit([this](const auto& held) { PutTyped(held); }, value);
  }

  std::size_t size() const { return bytes_.size(); }
  std::vector<std::byte> Padded(std::uint64_t alignment) && {
    bytes_.resize(RoundUp(bytes_.size(), alignment));
    return std::move(bytes_);
  }

 private:
  template <typename T>
  void PutTyped(const T& value) {
    PutType(TypeOf<T>());
    Put(value);
  }
  template <typename T>
  void PutTyped(const std::vector<T>& array) {
    PutType(ValueType::kArray);
    PutType(TypeOf<T>());
    Put(std::uint64_t{array.size()});
    for (auto&& element : array) Put(element);
  }

  std::vector<std::byte> bytes_;
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace

std::int64_t GgufTensor::rows() const {
  std::int64_t product = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) product *= shape[i];
  return product;
}

std::size_t GgufTensor::row_bytes() const {
  return RowBytes(dtype, static_cast<std::size_t>(shape[0]));
}

std::uint64_t GgufTensor::data_bytes() const {
  return static_cast<std::uint64_t>(rows()) * row_bytes();
}

void GgufWriter::Set(std::string key, GgufValue value) {
  MILLRACE_CHECK(IsName(key, gguf::kMaxKeyBytes));
  for (const Key& other : keys_) MILLRACE_CHECK(other.name != key);
  if (key == gguf::kAlignmentKey) {
    const auto* alignment = std::get_if<std::uint32_t>(&value);
    MILLRACE_CHECK(alignment != nullptr && std::has_single_bit(*alignment));
    MILLRACE_CHECK(*alignment >= gguf::kMinAlignment && *alignment <= gguf::kMaxAlignment);
    alignment_ = *alignment;
  }
  keys_.push_back({std::move(key), std::move(value)});
}

void GgufWriter::AddTensor(GgufTensor tensor) {
  MILLRACE_CHECK(IsName(tensor.name, gguf::kMaxTensorNameBytes));
  for (const GgufTensor& other : tensors_) MILLRACE_CHECK(other.name != tensor.name);
  MILLRACE_CHECK(!tensor.shape.empty() && tensor.shape.size() <= gguf::kMaxDimensions);
  for (const std::int64_t extent : tensor.shape)
    MILLRACE_CHECK(extent >= 1 && static_cast<std::uint64_t>(extent) <= gguf::kMaxExtent);
  MILLRACE_CHECK(static_cast<std::size_t>(tensor.shape[0]) % BlockElements(tensor.dtype) == 0);
  tensors_.push_back(std::move(tensor));
}

std::uint64_t GgufWriter::file_bytes() const {
  std::uint64_t total = Header().size();
  for (const GgufTensor& tensor : tensors_) total += RoundUp(tensor.data_bytes(), alignment_);
  return total;
}

std::vector<std::byte> GgufWriter::Header() const {
  HeaderBytes header;
  header.PutRaw(gguf::kMagic);
  header.Put(gguf::kVersion);
  header.Put(std::uint64_t{tensors_.size()});
  header.Put(std::uint64_t{keys_.size()});
  for (const Key& key : keys_) {
    header.Put(key.name);
    header.PutValue(key.value);
  }
  std::uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors_) {
    header.Put(tensor.name);
    header.Put(static_cast<std::uint32_t>(tensor.shape.size()));
    for (const std::int64_t extent : tensor.shape) header.Put(static_cast<std::uint64_t>(extent));
    header.Put(gguf::TypeNumber(tensor.dtype));
    header.Put(offset);
    offset += RoundUp(tensor.data_bytes(), alignment_);
  }
  return std::move(header).Padded(alignment_);
}

Result<void> GgufWriter::Stream(const GgufFill& fill, const Sink& sink) const {
  MILLRACE_TRY_VOID(sink(Header()));
  std::vector<std::byte> chunk;
  const std::vector<std::byte> padding(alignment_);
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const std::size_t row_bytes = tensors_[t].row_bytes();
    const std::int64_t rows = tensors_[t].rows();
    const auto rows_at_once =
        static_cast<std::int64_t>(std::max<std::size_t>(kChunkBytes / row_bytes, 1));
    for (std::int64_t row = 0; row < rows; row += rows_at_once) {
      const std::int64_t count = std::min(rows_at_once, rows - row);
      chunk.assign(static_cast<std::size_t>(count) * row_bytes, std::byte{0});
      MILLRACE_TRY_VOID(fill({t, row, count, chunk}));
      MILLRACE_TRY_VOID(sink(chunk));
    }
    const std::uint64_t data_bytes = tensors_[t].data_bytes();
    MILLRACE_TRY_VOID(sink(std::span(padding).first(RoundUp(data_bytes, alignment_) - data_bytes)));
  }
  return {};
}

Result<void> GgufWriter::Write(const std::string& path, const GgufFill& fill) const {
  const std::string part = path + ".part";
  File file(std::fopen(part.c_str(), "wb"));
  if (!file) return IoError("{}: cannot be written: {}", part, std::strerror(errno));
  const auto put = [&](std::span<const std::byte> bytes) -> Result<void> {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size()) return {};
    return IoError("{}: cannot be written: {}", part, std::strerror(errno));
  };
  Result<void> result = Stream(fill, put);
  if (std::fclose(file.release()) != 0 && result.ok())
    result = IoError("{}: cannot be written: {}", part, std::strerror(errno));
  if (result.ok() && std::rename(part.c_str(), path.c_str()) != 0)
    result = IoError("{}: cannot be written: {}", path, std::strerror(errno));
  if (!result.ok()) std::remove(part.c_str());
  return result;
}

Result<std::vector<std::byte>> GgufWriter::Bytes(const GgufFill& fill) const {
  std::vector<std::byte> all;
  MILLRACE_TRY_VOID(Stream(fill, [&](std::span<const std::byte> bytes) -> Result<void> {
    all.insert(all.end(), bytes.begin(), bytes.end());
    return {};
  }));
  return all;
}

}  // namespace millrace
