#include "text/protobuf_reader.h"

#include <bit>

namespace millrace {

float ProtobufField::AsFloat() const {
  if (type != Type::kFixed32) return 0.0f;
  return std::bit_cast<float>(static_cast<std::uint32_t>(value));
}

Result<std::uint64_t> ProtobufReader::Varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (AtEnd()) return Invalid("a number is cut off at byte {}", at_);
    const auto byte = static_cast<std::uint8_t>(bytes_[at_++]);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  return Invalid("a number of more than ten bytes ends at byte {}", at_);
}

Result<std::uint64_t> ProtobufReader::Fixed(std::size_t size_bytes) {
  if (bytes_.size() - at_ < size_bytes) return Invalid("a number is cut off at byte {}", at_);
  std::uint64_t value = 0;
  for (std::size_t i = size_bytes; i-- > 0;) {
    value = (value << 8) | static_cast<std::uint8_t>(bytes_[at_ + i]);
  }
  at_ += size_bytes;
  return value;
}

Result<ProtobufField> ProtobufReader::Next() {
  MILLRACE_TRY(const std::uint64_t key, Varint());
  ProtobufField field;
  if (key >> 3 == 0 || key >> 3 > 0x1FFFFFFF) return Invalid("no field ends at byte {}", at_);
  field.number = static_cast<std::uint32_t>(key >> 3);
  switch (key & 7) {
    case 0: {
      MILLRACE_TRY(field.value, Varint());
      return field;
    }
    case 1: {
      field.type = ProtobufField::Type::kFixed64;
      MILLRACE_TRY(field.value, Fixed(8));
      return field;
    }
    case 2: {
      field.type = ProtobufField::Type::kBytes;
      MILLRACE_TRY(const std::uint64_t size_bytes, Varint());
      if (size_bytes > bytes_.size() - at_) {
        return Invalid("field {} has {} bytes at byte {}, there are {}", field.number, size_bytes,
                       at_, bytes_.size() - at_);
      }
      field.bytes = bytes_.substr(at_, static_cast<std::size_t>(size_bytes));
      at_ += static_cast<std::size_t>(size_bytes);
      return field;
    }
    case 5: {
      field.type = ProtobufField::Type::kFixed32;
      MILLRACE_TRY(field.value, Fixed(4));
      return field;
    }
  }
  return Invalid("field {} at byte {} is of wire type {}, which is not read", field.number, at_,
                 key & 7);
}

}  // namespace millrace
