#include "format/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <string_view>

namespace millrace {
namespace {

constexpr std::size_t kMaxNameBytes = 1024;
constexpr std::size_t kDefaultAlignment = 32;
// Of all metadata arrays together. The largest vocabularies have 3 x 262144; an element costs 24
// bytes here.
constexpr std::uint64_t kMaxArrayElements = 16u << 20;

// The tensor types of ggml by number; gaps were types that have been removed.
constexpr std::string_view kGgmlTypes[] = {
    "F32",     "F16",    "Q4_0",    "Q4_1",  "",       "",      "Q5_0",  "Q5_1",
    "Q8_0",    "Q8_1",   "Q2_K",    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K",  "Q8_K",
    "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS",
    "I8",      "I16",    "I32",     "I64",   "F64",    "IQ1_M", "BF16",  "",
    "",        "",       "TQ1_0",   "TQ2_0", "",       "",      "",      "MXFP4"};

// The value types of metadata by number.
enum class ValueType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
};

std::string SupportedTypes() {
  std::string names;
  for (const DType dtype : kAllDTypes)
    names += (names.empty() ? "" : ", ") + std::string(Name(dtype));
  return names;
}

}  // namespace

// Reads a header from front to back; every read is checked against the end of the file.
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
    // A key takes at least 13 bytes, a tensor at least 24: a count beyond that is no count.
    if (key_count > Left() / 13)
      return Damaged("{} metadata keys are more than the file can hold", key_count);
    if (tensor_count > Left() / 24)
      return Damaged("{} tensors are more than the file can hold", tensor_count);
    for (std::uint64_t i = 0; i < key_count; ++i) MILLRACE_TRY_VOID(ReadKey());
    MILLRACE_TRY(const auto alignment, checkpoint_.GetUint("general.alignment", kDefaultAlignment));
    if (!std::has_single_bit(alignment) || alignment > (1u << 20)) {
      return Damaged("general.alignment is {}, wanted a power of two up to 1048576", alignment);
    }
    std::vector<std::uint64_t> offsets;
    for (std::uint64_t i = 0; i < tensor_count; ++i)
      MILLRACE_TRY_VOID(ReadTensor(offsets, alignment));
    MILLRACE_TRY_VOID(PlaceTensors(offsets, alignment));
    return std::move(checkpoint_);
  }

 private:
  template <typename... Args>
  Error Damaged(fmt::format_string<Args...> format, Args&&... args) const {
    return Invalid("{}: {}", checkpoint_.name_, fmt::format(format, std::forward<Args>(args)...));
  }

  std::size_t Left() const { return bytes_.size() - at_; }

  template <typename T>
  Result<T> Read(std::string_view what) {
    if (Left() < sizeof(T)) {
      return Damaged("ends at byte {} inside {}, which begins at byte {}", bytes_.size(), what,
                     at_);
    }
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  Result<std::string_view> ReadString(std::string_view what) {
    MILLRACE_TRY(const auto length, Read<std::uint64_t>(what));
    if (length > Left()) {
      return Damaged("{} at byte {} has {} bytes, the file has {} left", what, at_ - 8, length,
                     Left());
    }
    const auto* text = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += length;
    return std::string_view(text, length);
  }

  Result<void> ReadMagic() {
    if (bytes_.size() < 8 || std::memcmp(bytes_.data(), "GGUF", 4) != 0) {
      return Damaged("is no GGUF file: wanted it to begin with the letters GGUF");
    }
    at_ = 4;
    MILLRACE_TRY(const auto version, Read<std::uint32_t>("the version"));
    if (version != 2 && version != 3) {
      return Unsupported("{}: has GGUF version {}, wanted 2 or 3 (little-endian)",
                         checkpoint_.name_, version);
    }
    return {};
  }

  Result<void> ReadKey() {
    MILLRACE_TRY(const auto key, ReadString("a metadata key"));
    if (key.empty() || key.size() > 65535)
      return Damaged("a metadata key of {} bytes, wanted 1 to 65535", key.size());
    MILLRACE_TRY(const auto type, Read<std::uint32_t>("the type of a metadata value"));
    MILLRACE_TRY(MetadataValue value, ReadValue(key, static_cast<ValueType>(type)));
    if (!checkpoint_.metadata_.emplace(key, std::move(value)).second) {
      return Damaged("metadata key {} occurs twice", key);
    }
    return {};
  }

  Result<MetadataValue> ReadValue(std::string_view key, ValueType type) {
    if (type != ValueType::kArray) {
      MILLRACE_TRY(const auto scalar, ReadScalar(key, type));
      return MetadataValue(scalar);
    }
    MILLRACE_TRY(const auto element, Read<std::uint32_t>("the type of an array"));
    MILLRACE_TRY(const auto count, Read<std::uint64_t>("the length of an array"));
    const std::size_t least = LeastBytes(static_cast<ValueType>(element));
    if (least == 0)
      return Damaged("metadata key {} is an array of type {}, which is not known", key, element);
    if (count > Left() / least) {
      return Damaged("metadata key {} has {} elements, the file has {} bytes left", key, count,
                     Left());
    }
    array_elements_ += count;
    if (array_elements_ > kMaxArrayElements) {
      return Damaged("metadata key {} brings the array elements to {}, wanted at most {}", key,
                     array_elements_, kMaxArrayElements);
    }
    MetadataArray array;
    array.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      MILLRACE_TRY(const auto scalar, ReadScalar(key, static_cast<ValueType>(element)));
      array.push_back(scalar);
    }
    return MetadataValue(std::move(array));
  }

  // Bytes that a value takes at least; 0 for types that are not known or cannot be elements of an
  // array.
  static std::size_t LeastBytes(ValueType type) {
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

  template <typename T, typename Wide>
  Result<MetadataScalar> ReadAs(std::string_view key) {
    MILLRACE_TRY(const T value, Read<T>(key));
    return MetadataScalar(static_cast<Wide>(value));
  }

  Result<MetadataScalar> ReadScalar(std::string_view key, ValueType type) {
    switch (type) {
      case ValueType::kUint8:
        return ReadAs<std::uint8_t, std::uint64_t>(key);
      case ValueType::kInt8:
        return ReadAs<std::int8_t, std::int64_t>(key);
      case ValueType::kUint16:
        return ReadAs<std::uint16_t, std::uint64_t>(key);
      case ValueType::kInt16:
        return ReadAs<std::int16_t, std::int64_t>(key);
      case ValueType::kUint32:
        return ReadAs<std::uint32_t, std::uint64_t>(key);
      case ValueType::kInt32:
        return ReadAs<std::int32_t, std::int64_t>(key);
      case ValueType::kFloat32:
        return ReadAs<float, double>(key);
      case ValueType::kUint64:
        return ReadAs<std::uint64_t, std::uint64_t>(key);
      case ValueType::kInt64:
        return ReadAs<std::int64_t, std::int64_t>(key);
      case ValueType::kFloat64:
        return ReadAs<double, double>(key);
      case ValueType::kBool: {
        MILLRACE_TRY(const auto value, Read<std::uint8_t>(key));
        if (value > 1) return Damaged("metadata key {} is a bool of value {}", key, value);
        return MetadataScalar(value == 1);
      }
      case ValueType::kString: {
        MILLRACE_TRY(const auto text, ReadString(key));
        return MetadataScalar(text);
      }
      case ValueType::kArray:
        break;
    }
    return Damaged("metadata key {} has type {}, which is not known", key,
                   static_cast<std::uint32_t>(type));
  }

  Result<void> ReadTensor(std::vector<std::uint64_t>& offsets, std::uint64_t alignment) {
    Tensor tensor;
    MILLRACE_TRY(tensor.name, ReadString("a tensor's name"));
    if (tensor.name.empty() || tensor.name.size() > kMaxNameBytes) {
      return Damaged("a tensor's name of {} bytes, wanted 1 to {}", tensor.name.size(),
                     kMaxNameBytes);
    }
    MILLRACE_TRY(const auto dimensions, Read<std::uint32_t>("the dimensions of a tensor"));
    if (dimensions < 1 || dimensions > 4) {
      return Damaged("tensor {} has {} dimensions, wanted 1 to 4", tensor.name, dimensions);
    }
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      MILLRACE_TRY(const auto extent, Read<std::uint64_t>("the shape of a tensor"));
      if (extent < 1 || extent > (std::uint64_t{1} << 40)) {
        return Damaged("tensor {} has extent {} in dimension {}", tensor.name, extent, i);
      }
      tensor.shape.push_back(static_cast<std::int64_t>(extent));
    }
    MILLRACE_TRY(const auto type, Read<std::uint32_t>("the type of a tensor"));
    MILLRACE_TRY(const auto offset, Read<std::uint64_t>("the offset of a tensor"));
    if (type >= std::size(kGgmlTypes) || kGgmlTypes[type].empty()) {
      return Damaged("tensor {} has type {}, which is not known", tensor.name, type);
    }
    const auto dtype = ParseDType(kGgmlTypes[type]);
    if (!dtype) {
      return Unsupported("{}: tensor {} has type {}, which is not supported; supported: {}",
                         checkpoint_.name_, tensor.name, kGgmlTypes[type], SupportedTypes());
    }
    tensor.dtype = *dtype;
    if (offset % alignment != 0) {
      return Damaged("tensor {} begins at offset {}, wanted a multiple of {}", tensor.name, offset,
                     alignment);
    }
    if (!checkpoint_.tensor_index_.emplace(tensor.name, checkpoint_.tensors_.size()).second) {
      return Damaged("tensor {} occurs twice", tensor.name);
    }
    offsets.push_back(offset);
    checkpoint_.tensors_.push_back(std::move(tensor));
    return {};
  }

  // Bytes of a tensor's data.
  Result<std::uint64_t> DataBytes(const Tensor& tensor) const {
    const auto columns = static_cast<std::uint64_t>(tensor.columns());
    if (columns % BlockElements(tensor.dtype) != 0) {
      return Damaged("tensor {} has rows of {}, wanted a multiple of {} for {}", tensor.name,
                     columns, BlockElements(tensor.dtype), Name(tensor.dtype));
    }
    std::uint64_t total = RowBytes(tensor.dtype, columns);
    for (std::size_t i = 1; i < tensor.shape.size(); ++i) {
      if (__builtin_mul_overflow(total, static_cast<std::uint64_t>(tensor.shape[i]), &total)) {
        return Damaged("tensor {} is larger than any file", tensor.name);
      }
    }
    return total;
  }

  Result<void> PlaceTensors(const std::vector<std::uint64_t>& offsets, std::uint64_t alignment) {
    const std::uint64_t data_begin = (at_ + alignment - 1) / alignment * alignment;
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      Tensor& tensor = checkpoint_.tensors_[i];
      MILLRACE_TRY(const auto size, DataBytes(tensor));
      std::uint64_t end = 0;
      if (__builtin_add_overflow(data_begin, offsets[i], &end) ||
          __builtin_add_overflow(end, size, &end)) {
        return Damaged("tensor {} at offset {} ends beyond any file", tensor.name, offsets[i]);
      }
      if (end > bytes_.size()) {
        return Damaged("tensor {} ends at byte {}, the file has {}", tensor.name, end,
                       bytes_.size());
      }
      tensor.bytes = bytes_.subspan(data_begin + offsets[i], size);
    }
    return CheckOverlaps(offsets);
  }

  Result<void> CheckOverlaps(const std::vector<std::uint64_t>& offsets) const {
    std::vector<std::size_t> order(offsets.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return offsets[a] < offsets[b]; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const Tensor& before = checkpoint_.tensors_[order[i - 1]];
      if (offsets[order[i - 1]] + before.bytes.size() > offsets[order[i]]) {
        return Damaged("tensors {} and {} overlap", before.name,
                       checkpoint_.tensors_[order[i]].name);
      }
    }
    return {};
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  std::uint64_t array_elements_ = 0;
  Checkpoint checkpoint_;
};

Result<Checkpoint> ParseGguf(std::span<const std::byte> bytes, std::string name) {
  return GgufParser(bytes, std::move(name)).Run();
}

}  // namespace millrace
