// The wire format of protocol buffers, as far as reading takes: one field after another, nothing
// copied. (protobuf.dev/programming-guides/encoding)
//
//     ProtobufReader reader(bytes);
//     while (!reader.AtEnd()) {
//       MILLRACE_TRY(const ProtobufField field, reader.Next());
//       if (field.number == 1) ...
//     }
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace millrace {

struct ProtobufField {
  enum class Type { kVarint, kFixed64, kBytes, kFixed32 };
  std::uint32_t number = 0;
  Type type = Type::kVarint;
  std::uint64_t value = 0;      // of kVarint, kFixed64 and kFixed32
  std::string_view bytes = {};  // of kBytes: a string, a message or packed numbers

  // A float32 field; 0 for a field of another type.
  float AsFloat() const;
};

class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view bytes) : bytes_(bytes) {}

  bool AtEnd() const { return at_ == bytes_.size(); }

  // kInvalid, with the byte where it is, for a field that is cut off, a number that is too long, a
  // field number 0, or a group (which nobody writes any more).
  Result<ProtobufField> Next();

 private:
  Result<std::uint64_t> Varint();
  Result<std::uint64_t> Fixed(std::size_t size_bytes);

  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace millrace
