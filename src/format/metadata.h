// The metadata of a model file: values by key. Nothing is copied: text and arrays view the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "format/gguf_types.h"

namespace millrace {

// One value. Integers and floats are widened.
using MetadataScalar = std::variant<std::uint64_t, std::int64_t, double, bool, std::string_view>;

// The value of this type (any but kArray) at `at`, which moves past it. Checks nothing: for bytes
// that the parser has accepted.
MetadataScalar DecodeScalar(gguf::ValueType type, const std::byte*& at);

// Values of one type, as the file holds them one after the other.
class MetadataArray {
 public:
  MetadataArray(gguf::ValueType element, std::size_t size, std::span<const std::byte> bytes)
      : element_(element), size_(size), bytes_(bytes) {}

  gguf::ValueType element() const { return element_; }
  std::size_t size() const { return size_; }

  // Calls visit(MetadataScalar) for one element after the other, as long as it returns true.
  // Returns whether it did so for all.
  template <typename Visit>
  bool All(Visit visit) const {
    const std::byte* at = bytes_.data();
    for (std::size_t i = 0; i < size_; ++i) {
      if (!visit(DecodeScalar(element_, at))) return false;
    }
    return true;
  }

 private:
  gguf::ValueType element_;
  std::size_t size_;
  std::span<const std::byte> bytes_;
};

// A value with the type that the file has it in (of its elements, if it is an array): what it takes
// to write it again.
struct MetadataValue : std::variant<MetadataScalar, MetadataArray> {
  MetadataValue(gguf::ValueType value_type, MetadataScalar scalar)
      : variant(scalar), type(value_type) {}
  explicit MetadataValue(MetadataArray array) : variant(array), type(array.element()) {}

  gguf::ValueType type;
};

}  // namespace millrace
