// The reader of safetensors (docs/safetensors.md). The header is read as a stream of JSON events,
// never as a tree: a name that occurs twice is seen, nesting and memory are bounded by what is
// expected next.
#include "format/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "format/tensor_name.h"

namespace millrace {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference reader
constexpr std::size_t kMaxDimensions = 8;
constexpr std::uint64_t kMaxExtent = std::uint64_t{1} << 40;
constexpr std::string_view kMetadataName = "__metadata__";  // an object of texts, not a tensor

struct ElementType {
  std::string_view name;
  std::uint64_t bytes;
  std::optional<DType> dtype;
};
constexpr ElementType kTypes[] = {
    {"F32", 4, DType::kF32}, {"F16", 2, DType::kF16}, {"BF16", 2, DType::kBF16},
    {"F64", 8, {}},          {"I64", 8, {}},          {"I32", 4, {}},
    {"I16", 2, {}},          {"I8", 1, {}},           {"U64", 8, {}},
    {"U32", 4, {}},          {"U16", 2, {}},          {"U8", 1, {}},
    {"BOOL", 1, {}},         {"F8_E4M3", 1, {}},      {"F8_E5M2", 1, {}},
    {"F8_E8M0", 1, {}},      {"C64", 8, {}}};

// A tensor as the header declares it.
struct Declared {
  std::string name, type;
  std::vector<std::uint64_t> shape, offsets;
  bool has_type = false, has_shape = false, has_offsets = false;
};

// Takes the events of the header's JSON and keeps what is declared. A call returns false at the
// first thing that should not be there; error() then says what.
class HeaderReader {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}

  const std::optional<Error>& error() const { return error_; }
  std::vector<Declared>& tensors() { return tensors_; }

  bool start_object(std::size_t) {
    if (state_ == State::kBegin) return Go(State::kTensors);
    if (state_ == State::kTensor) return Go(State::kFields);
    if (state_ == State::kMetadata) return Go(State::kTexts);
    return Unexpected("an object");
  }
  bool end_object() {
    if (state_ == State::kFields) return EndTensor();
    return Go(state_ == State::kTexts ? State::kTensors : State::kEnd);
  }

  bool key(std::string& name) {
    if (state_ == State::kTensors) return BeginTensor(name);
    if (state_ == State::kTexts) return Go(State::kText);
    Declared& tensor = tensors_.back();
    if (name == "dtype") return Field(tensor.has_type, State::kType, name);
    if (name == "shape") return Field(tensor.has_shape, State::kShape, name);
    if (name == "data_offsets") return Field(tensor.has_offsets, State::kOffsets, name);
    return Fail(Invalid("{}: tensor {} has a field {}, wanted dtype, shape and data_offsets", file_,
                        Shown(tensor.name), Shown(name)));
  }

  bool start_array(std::size_t) {
    if (state_ == State::kShape) return Go(State::kExtents);
    if (state_ == State::kOffsets) return Go(State::kEnds);
    return Unexpected("an array");
  }
  bool end_array() { return Go(State::kFields); }

  bool string(std::string& text) {
    if (state_ == State::kText) return Go(State::kTexts);
    if (state_ != State::kType) return Unexpected("a text");
    tensors_.back().type = text;
    return Go(State::kFields);
  }
  bool number_unsigned(std::uint64_t number) {
    if (state_ == State::kExtents) return Append(tensors_.back().shape, number, kMaxDimensions);
    if (state_ == State::kEnds) return Append(tensors_.back().offsets, number, 2);
    return Unexpected("a number");
  }
  bool number_integer(std::int64_t) { return Unexpected("a negative number"); }
  bool number_float(double, const std::string&) { return Unexpected("a number with a fraction"); }
  bool null() { return Unexpected("null"); }
  bool boolean(bool) { return Unexpected("true or false"); }
  bool binary(nlohmann::json::binary_t&) { return Unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    return Fail(Invalid("{}: the header is no JSON at its byte {}", file_, position));
  }

 private:
  // What may come next: a value of this kind, or inside an object a key or its end.
  enum class State {
    kBegin,    // the object of all tensors
    kTensors,  // its next name
    kTensor,   // the object of one tensor
    kFields,   // its next field
    kType,     // their values
    kShape,
    kOffsets,
    kExtents,  // numbers of the arrays
    kEnds,
    kMetadata,  // the object of texts
    kTexts,     // its next key
    kText,
    kEnd,
  };

  bool Go(State next) {
    state_ = next;
    return true;
  }
  bool Fail(Error error) {
    if (!error_) error_ = std::move(error);
    return false;
  }
  bool Unexpected(std::string_view found) {
    if (tensors_.empty()) {
      return Fail(Invalid("{}: the header has {} where tensors are declared", file_, found));
    }
    return Fail(Invalid("{}: the header has {} in or after the declaration of tensor {}", file_,
                        found, Shown(tensors_.back().name)));
  }

  bool BeginTensor(const std::string& name) {
    if (name == kMetadataName) return Go(State::kMetadata);
    if (!IsTensorName(name)) {
      return Fail(Invalid("{}: tensor name {} is empty, too long or holds a control character",
                          file_, Shown(name)));
    }
    tensors_.emplace_back().name = name;
    return Go(State::kTensor);
  }
  bool EndTensor() {
    const Declared& tensor = tensors_.back();
    if (tensor.has_type && tensor.has_shape && tensor.offsets.size() == 2) {
      return Go(State::kTensors);
    }
    return Fail(Invalid("{}: tensor {} wants dtype, shape and two data_offsets", file_,
                        Shown(tensor.name)));
  }
  bool Field(bool& seen, State next, std::string_view field) {
    if (seen) {
      return Fail(Invalid("{}: tensor {} has {} twice", file_, Shown(tensors_.back().name), field));
    }
    seen = true;
    return Go(next);
  }
  bool Append(std::vector<std::uint64_t>& numbers, std::uint64_t number, std::size_t most) {
    if (numbers.size() == most) return Unexpected(fmt::format("more than {} numbers", most));
    numbers.push_back(number);
    return true;
  }

  const std::string& file_;
  State state_ = State::kBegin;
  std::vector<Declared> tensors_;
  std::optional<Error> error_;
};

Result<std::vector<Declared>> ReadHeader(std::span<const std::byte> header,
                                         const std::string& file) {
  HeaderReader reader(file);
  const auto* begin = reinterpret_cast<const char*>(header.data());
  const bool whole = nlohmann::json::sax_parse(begin, begin + header.size(), &reader);
  if (reader.error()) return *reader.error();
  MILLRACE_CHECK(whole);
  return std::move(reader.tensors());
}

// The header's bytes, without its length.
Result<std::span<const std::byte>> FindHeader(std::span<const std::byte> bytes,
                                              const std::string& file) {
  if (bytes.size() < kLengthBytes) {
    return Invalid("{}: has {} bytes, wanted at least {} for the length of a safetensors header",
                   file, bytes.size(), kLengthBytes);
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  const std::size_t left = bytes.size() - kLengthBytes;
  if (length > left || length > kMaxHeaderBytes || length == 0) {
    return Invalid("{}: says that its header has {} bytes, the file has {} left (at most {})", file,
                   length, left, kMaxHeaderBytes);
  }
  if (bytes[kLengthBytes] != std::byte{'{'}) {
    return Invalid("{}: is no safetensors file: its header begins with '{}', wanted '{{'", file,
                   Shown({reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, 1}));
  }
  return bytes.subspan(kLengthBytes, length);
}

// The bytes that type and shape take.
Result<std::uint64_t> DataBytes(const Declared& tensor, const ElementType& type,
                                const std::string& file) {
  std::uint64_t total = type.bytes;
  for (const std::uint64_t extent : tensor.shape) {
    if (extent > kMaxExtent || __builtin_mul_overflow(total, extent, &total)) {
      return Invalid("{}: tensor {} is larger than any file", file, tensor.name);
    }
  }
  return total;
}

Result<SafetensorsTensor> Place(const Declared& declared, std::span<const std::byte> data,
                                const std::string& file) {
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const ElementType& t) { return t.name == declared.type; });
  if (type == std::end(kTypes)) {
    return Unsupported("{}: tensor {} has type '{}', which is not known", file, declared.name,
                       Shown(declared.type));
  }
  const std::uint64_t begin = declared.offsets[0], end = declared.offsets[1];
  if (begin > end || end > data.size()) {
    return Invalid("{}: tensor {} has bytes {} to {}, the file has {} of data", file, declared.name,
                   begin, end, data.size());
  }
  MILLRACE_TRY(const std::uint64_t wanted, DataBytes(declared, *type, file));
  if (end - begin != wanted) {
    return Invalid("{}: tensor {} has {} bytes, its shape and type {} want {}", file, declared.name,
                   end - begin, type->name, wanted);
  }
  SafetensorsTensor tensor{declared.name, type->name, type->dtype, {}, data.subspan(begin, wanted)};
  for (const std::uint64_t extent : declared.shape) {
    tensor.shape.push_back(static_cast<std::int64_t>(extent));
  }
  return tensor;
}

Result<void> CheckNames(const std::vector<SafetensorsTensor>& tensors, const std::string& file) {
  std::vector<std::string_view> names;
  for (const SafetensorsTensor& tensor : tensors) names.emplace_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return {};
  return Invalid("{}: tensor {} occurs twice", file, *twice);
}

// Every byte of the data belongs to exactly one tensor.
Result<void> CheckCover(const std::vector<SafetensorsTensor>& tensors,
                        std::span<const std::byte> data, const std::string& file) {
  std::size_t at = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    const auto begin = static_cast<std::size_t>(tensor.bytes.data() - data.data());
    if (begin < at) {
      return Invalid("{}: tensor {} begins at byte {} of the data, the one before ends at {}", file,
                     tensor.name, begin, at);
    }
    if (begin > at) {
      return Invalid("{}: bytes {} to {} of the data, before tensor {}, belong to no tensor", file,
                     at, begin, tensor.name);
    }
    at += tensor.bytes.size();
  }
  if (at == data.size()) return {};
  return Invalid("{}: its tensors end at byte {} of the data, the file has {}", file, at,
                 data.size());
}

}  // namespace

Result<std::vector<SafetensorsTensor>> ParseSafetensors(std::span<const std::byte> bytes,
                                                        const std::string& name) {
  MILLRACE_TRY(const std::span<const std::byte> header, FindHeader(bytes, name));
  MILLRACE_TRY(const std::vector<Declared> declared, ReadHeader(header, name));
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + header.size());
  std::vector<SafetensorsTensor> tensors;
  tensors.reserve(declared.size());
  for (const Declared& each : declared) {
    MILLRACE_TRY(SafetensorsTensor tensor, Place(each, data, name));
    tensors.push_back(std::move(tensor));
  }
  MILLRACE_TRY_VOID(CheckNames(tensors, name));
  std::sort(tensors.begin(), tensors.end(),
            [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
              return std::pair(a.bytes.data(), a.bytes.size()) <
                     std::pair(b.bytes.data(), b.bytes.size());
            });
  MILLRACE_TRY_VOID(CheckCover(tensors, data, name));
  return tensors;
}

}  // namespace millrace
