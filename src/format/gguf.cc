// The reader of GGUF (docs/gguf.md): one pass over the header, front to back, in which every read
// is checked against the end of the file; then the tensors are placed, all at once.
//
// Nothing is allocated for a count that a file merely claims: a key and a tensor cost a small
// multiple of the bytes that declare them, an array costs nothing.
#include "format/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <string_view>

#include "format/gguf_types.h"
#include "format/tensor_name.h"

namespace millrace {
namespace {

using gguf::ValueType;

// The least that a key and a tensor take: their names are not empty.
constexpr std::size_t kLeastKeyBytes = 8 + 1 + 4 + 1;
constexpr std::size_t kLeastTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

std::string SupportedTypes() {
  std::string names;
  for (const DType dtype : kAllDTypes) {
    if (!names.empty()) names += ", ";
    names += Name(dtype);
  }
  return names;
}

// Bytes that a value takes, a string at least; 0 for an array and for types that do not exist.
std::size_t LeastBytes(ValueType type) {
  switch (type) {
    case ValueType::kUint8:
    case ValueType::kInt8:
    case ValueType::kBool:
      return 1;
    case ValueType::kUint16:
    case ValueType::kInt16:
      return 2;
    case ValueType::kUint32:
    case ValueType::kInt32:
    case ValueType::kFloat32:
      return 4;
    case ValueType::kUint64:
    case ValueType::kInt64:
    case ValueType::kFloat64:
    case ValueType::kString:
      return 8;
    case ValueType::kArray:
      return 0;
  }
  return 0;
}

}  // namespace

class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, std::string name) : bytes_(bytes) {
    checkpoint_.name_ = std::move(name);
    checkpoint_.file_bytes_ = bytes.size();
  }

  Result<Checkpoint> Run() {
    MILLRACE_TRY_VOID(ReadMagic());
    MILLRACE_TRY(const auto tensor_count, Read<std::uint64_t>("the number of tensors"));
    MILLRACE_TRY(const auto key_count, Read<std::uint64_t>("the number of metadata keys"));
    MILLRACE_TRY_VOID(CheckCount("metadata keys", key_count, kLeastKeyBytes));
    MILLRACE_TRY_VOID(CheckCount("tensors", tensor_count, kLeastTensorBytes));
    for (std::uint64_t i = 0; i < key_count; ++i) MILLRACE_TRY_VOID(ReadKey());
    MILLRACE_TRY_VOID(ReadAlignment());
    for (std::uint64_t i = 0; i < tensor_count; ++i) MILLRACE_TRY_VOID(ReadTensor());
    MILLRACE_TRY_VOID(PlaceTensors());
    MILLRACE_TRY_VOID(CheckOverlaps());
    return std::move(checkpoint_);
  }

 private:
  template <typename... Args>
  Error Damaged(fmt::format_string<Args...> format, Args&&... args) const {
    return Invalid("{}: {}", checkpoint_.name_, fmt::format(format, std::forward<Args>(args)...));
  }

  std::size_t Left() const { return bytes_.size() - at_; }

  Result<void> CheckCount(std::string_view what, std::uint64_t count, std::size_t least_bytes) {
    if (count <= Left() / least_bytes) return {};
    return Damaged("declares {} {}, which its {} bytes cannot hold", count, what, bytes_.size());
  }

  template <typename T>
  Result<T> Read(std::string_view what) {
    if (Left() < sizeof(T)) {
      return Damaged("{} at byte {} needs {} bytes, the file has {} left", Shown(what), at_,
                     sizeof(T), Left());
    }
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  Result<std::string_view> ReadString(std::string_view what) {
    MILLRACE_TRY(const auto length, Read<std::uint64_t>(what));
    if (length > Left()) {
      return Damaged("{} at byte {} has {} bytes, the file has {} left", Shown(what), at_, length,
                     Left());
    }
    const auto* text = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += length;
    return std::string_view(text, length);
  }

  // The name of a key or tensor.
  Result<std::string_view> ReadName(std::string_view what, std::size_t max_bytes) {
    const std::size_t begin = at_;
    MILLRACE_TRY(const auto name, ReadString(what));
    if (name.empty() || name.size() > max_bytes) {
      return Damaged("{} at byte {} has {} bytes, wanted 1 to {}", what, begin, name.size(),
                     max_bytes);
    }
    if (std::none_of(name.begin(), name.end(), gguf::IsControl)) return name;
    return Damaged("{} at byte {} holds a control character: {}", what, begin, Shown(name));
  }

  Result<void> ReadMagic() {
    const std::size_t size = gguf::kMagic.size();
    if (bytes_.size() < size || std::memcmp(bytes_.data(), gguf::kMagic.data(), size) != 0) {
      return Damaged("is no GGUF file: wanted it to begin with the letters {}", gguf::kMagic);
    }
    at_ = size;
    MILLRACE_TRY(const auto version, Read<std::uint32_t>("the version"));
    if (version == 2 || version == 3) return {};
    return Unsupported("{}: has GGUF version {}, wanted 2 or 3 (little-endian)", checkpoint_.name_,
                       version);
  }

  Result<void> ReadKey() {
    MILLRACE_TRY(const auto key, ReadName("a metadata key", gguf::kMaxKeyBytes));
    MILLRACE_TRY(const auto type, Read<std::uint32_t>(key));
    MILLRACE_TRY(const MetadataValue value, ReadValue(key, static_cast<ValueType>(type)));
    if (checkpoint_.metadata_.emplace(key, value).second) return {};
    return Damaged("metadata key {} occurs twice", Shown(key));
  }

  Result<MetadataValue> ReadValue(std::string_view key, ValueType type) {
    if (type == ValueType::kArray) return ReadArray(key);
    const std::byte* at = bytes_.data() + at_;
    MILLRACE_TRY_VOID(CheckScalar(key, type));
    return MetadataValue(type, DecodeScalar(type, at));
  }

  Result<MetadataValue> ReadArray(std::string_view key) {
    MILLRACE_TRY(const auto element, Read<std::uint32_t>(key));
    MILLRACE_TRY(const auto count, Read<std::uint64_t>(key));
    const auto type = static_cast<ValueType>(element);
    if (type == ValueType::kArray) {
      return Unsupported("{}: metadata key {} is an array of arrays, which is not supported",
                         checkpoint_.name_, Shown(key));
    }
    const std::size_t least = LeastBytes(type);
    if (least == 0) return UnknownType(key, element);
    if (count > Left() / least) {
      return Damaged("metadata key {} has {} elements, the file has {} bytes left", Shown(key),
                     count, Left());
    }
    const std::size_t begin = at_;
    if (type == ValueType::kString || type == ValueType::kBool) {
      for (std::uint64_t i = 0; i < count; ++i) MILLRACE_TRY_VOID(CheckScalar(key, type));
    } else {
      at_ += count * least;
    }
    return MetadataValue(MetadataArray(type, count, bytes_.subspan(begin, at_ - begin)));
  }

  // Passes a value that is no array, if it is one that DecodeScalar may see.
  Result<void> CheckScalar(std::string_view key, ValueType type) {
    if (type == ValueType::kString) {
      const Result<std::string_view> text = ReadString(key);
      return text.ok() ? Result<void>() : text.error();
    }
    if (type == ValueType::kBool) {
      MILLRACE_TRY(const auto value, Read<std::uint8_t>(key));
      if (value <= 1) return {};
      return Damaged("metadata key {} has a bool of value {}", Shown(key), value);
    }
    const std::size_t size_bytes = LeastBytes(type);
    if (size_bytes == 0) return UnknownType(key, static_cast<std::uint32_t>(type));
    if (size_bytes > Left()) {
      return Damaged("metadata key {} has a value of {} bytes, the file has {} left", Shown(key),
                     size_bytes, Left());
    }
    at_ += size_bytes;
    return {};
  }

  Error UnknownType(std::string_view key, std::uint32_t type) const {
    return Damaged("metadata key {} has values of type {}, wanted 0 to 12", Shown(key), type);
  }

  Result<void> ReadAlignment() {
    MILLRACE_TRY(alignment_, checkpoint_.GetUint(gguf::kAlignmentKey, gguf::kDefaultAlignment));
    if (std::has_single_bit(alignment_) && alignment_ >= gguf::kMinAlignment &&
        alignment_ <= gguf::kMaxAlignment) {
      return {};
    }
    return Damaged("{} is {}, wanted a power of two from {} to {}", gguf::kAlignmentKey, alignment_,
                   gguf::kMinAlignment, gguf::kMaxAlignment);
  }

  Result<void> ReadTensor() {
    Tensor tensor;
    MILLRACE_TRY(tensor.name, ReadName("a tensor's name", gguf::kMaxTensorNameBytes));
    MILLRACE_TRY_VOID(ReadShape(tensor));
    MILLRACE_TRY_VOID(ReadType(tensor));
    MILLRACE_TRY(const auto offset, Read<std::uint64_t>(tensor.name));
    if (offset % alignment_ != 0) {
      return Damaged("tensor {} begins at offset {}, wanted a multiple of {}", Shown(tensor.name),
                     offset, alignment_);
    }
    if (!checkpoint_.tensor_index_.emplace(tensor.name, checkpoint_.tensors_.size()).second) {
      return Damaged("tensor {} occurs twice", Shown(tensor.name));
    }
    offsets_.push_back(offset);
    checkpoint_.tensors_.push_back(std::move(tensor));
    return {};
  }

  Result<void> ReadShape(Tensor& tensor) {
    MILLRACE_TRY(const auto dimensions, Read<std::uint32_t>(tensor.name));
    if (dimensions < 1 || dimensions > gguf::kMaxDimensions) {
      return Damaged("tensor {} has {} dimensions, wanted 1 to {}", Shown(tensor.name), dimensions,
                     gguf::kMaxDimensions);
    }
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      MILLRACE_TRY(const auto extent, Read<std::uint64_t>(tensor.name));
      if (extent < 1 || extent > gguf::kMaxExtent) {
        return Damaged("tensor {} has extent {} in dimension {}, wanted 1 to {}",
                       Shown(tensor.name), extent, i, gguf::kMaxExtent);
      }
      tensor.shape.push_back(static_cast<std::int64_t>(extent));
    }
    return {};
  }

  Result<void> ReadType(Tensor& tensor) {
    MILLRACE_TRY(const auto number, Read<std::uint32_t>(tensor.name));
    const std::string_view name = gguf::TypeName(number);
    if (name.empty()) {
      return Damaged("tensor {} has type {}, which does not exist", Shown(tensor.name), number);
    }
    const auto dtype = ParseDType(name);
    if (!dtype) {
      return Unsupported("{}: tensor {} has type {}, which is not supported; supported: {}",
                         checkpoint_.name_, Shown(tensor.name), name, SupportedTypes());
    }
    tensor.dtype = *dtype;
    if (static_cast<std::size_t>(tensor.columns()) % BlockElements(*dtype) == 0) return {};
    return Damaged("tensor {} has rows of {}, wanted a multiple of {} for {}", Shown(tensor.name),
                   tensor.columns(), BlockElements(*dtype), name);
  }

  Result<std::uint64_t> DataBytes(const Tensor& tensor) const {
    std::uint64_t total = RowBytes(tensor.dtype, static_cast<std::size_t>(tensor.columns()));
    for (std::size_t i = 1; i < tensor.shape.size(); ++i) {
      if (__builtin_mul_overflow(total, static_cast<std::uint64_t>(tensor.shape[i]), &total)) {
        return Damaged("tensor {} is larger than any file", Shown(tensor.name));
      }
    }
    return total;
  }

  // Gives each tensor its bytes. Data begin at the next multiple of the alignment.
  Result<void> PlaceTensors() {
    const std::uint64_t data_begin = (at_ + alignment_ - 1) / alignment_ * alignment_;
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      Tensor& tensor = checkpoint_.tensors_[i];
      MILLRACE_TRY(const auto size_bytes, DataBytes(tensor));
      std::uint64_t end = 0;
      if (__builtin_add_overflow(data_begin, offsets_[i], &end) ||
          __builtin_add_overflow(end, size_bytes, &end)) {
        return Damaged("tensor {} at offset {} ends beyond any file", Shown(tensor.name),
                       offsets_[i]);
      }
      if (end > bytes_.size()) {
        return Damaged("tensor {} ends at byte {}, the file has {}", Shown(tensor.name), end,
                       bytes_.size());
      }
      tensor.bytes = bytes_.subspan(end - size_bytes, size_bytes);
    }
    return {};
  }

  Result<void> CheckOverlaps() const {
    const std::vector<Tensor>& tensors = checkpoint_.tensors_;
    std::vector<std::size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [this](std::size_t a, std::size_t b) { return offsets_[a] < offsets_[b]; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const std::size_t before = order[i - 1], after = order[i];
      if (offsets_[before] + tensors[before].bytes.size() > offsets_[after]) {
        return Damaged("tensors {} and {} overlap", Shown(tensors[before].name),
                       Shown(tensors[after].name));
      }
    }
    return {};
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;  // the next byte to read
  std::uint64_t alignment_ = 0;
  std::vector<std::uint64_t> offsets_;  // of each tensor, from where data begin
  Checkpoint checkpoint_;
};

Result<Checkpoint> ParseGguf(std::span<const std::byte> bytes, std::string name) {
  return GgufParser(bytes, std::move(name)).Run();
}

}  // namespace millrace
