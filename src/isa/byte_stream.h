// Values to little-endian bytes and back: the fields of isa/fields.h, one after the other.
#pragma once

#include <bit>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "isa/fields.h"

namespace millrace::isa {

static_assert(std::endian::native == std::endian::little);  // bytes are copied as they are

template <typename T>
concept PlainNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

// Enumerators are 0 to this.
template <typename T>
constexpr std::uint8_t LastOf() {
  if constexpr (std::is_same_v<T, DType>) {
    return static_cast<std::uint8_t>(std::size(kAllDTypes) - 1);
  } else {
    static_assert(kWords<T>.size() > 0);
    return static_cast<std::uint8_t>(kWords<T>.size() - 1);
  }
}

class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& bytes) : bytes_(bytes) {}

  template <PlainNumber T>
  void Put(T value) {
    const auto* begin = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), begin, begin + sizeof(T));
  }
  void Put(bool value) { Put(static_cast<std::uint8_t>(value)); }
  template <typename T>
  requires std::is_enum_v<T>
  void Put(T value) { Put(static_cast<std::uint8_t>(value)); }
  void Put(const Address& a) {
    Put(a.base), Put(a.segment), Put(a.iteration_stride);
    Put(a.index), Put(a.divisor), Put(a.register_stride);
  }
  void Put(const Condition& c) { Put(c.index), Put(c.modulus), Put(c.remainder); }
  void Put(const StreamGroup& g) { Put(g.base), Put(g.width); }
  void Put(const Unit& u) { Put(u.kind), Put(u.side), Put(u.index); }
  void Put(const std::optional<Operand>& operand) {
    Put(operand.has_value());
    if (operand) Put(operand->side), Put(operand->streams);
  }
  void Put(const std::string& text) {
    Put(static_cast<std::uint32_t>(text.size()));
    for (const char c : text) Put(c);
  }
  void Put(const std::vector<std::int32_t>& values) {
    Put(static_cast<std::uint32_t>(values.size()));
    for (const std::int32_t value : values) Put(value);
  }
  // Only how many: they stand in a part of their own.
  void Put(const std::vector<std::byte>& bytes) { Put(static_cast<std::uint64_t>(bytes.size())); }
  void Put(const TensorPlace& place) { PutFields(place); }

  template <typename T>
  void PutFields(const T& value) {
    Form<T>::Fields([&](std::string_view, auto member) { Put(value.*member); });
  }

 private:
  std::vector<std::byte>& bytes_;
};

// Reads what ByteWriter wrote. After the first value that is not there or not allowed, ok() is
// false and all values are their defaults.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return bytes_.empty(); }
  std::size_t left() const { return bytes_.size(); }

  template <PlainNumber T>
  void Get(T& value) {
    if (!Has(sizeof(T))) return;
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_ = bytes_.subspan(sizeof(T));
  }
  void Get(bool& value) {
    std::uint8_t byte = 0;
    Get(byte);
    if (byte > 1) ok_ = false;
    value = ok_ && byte == 1;
  }
  template <typename T>
  requires std::is_enum_v<T>
  void Get(T& value) {
    std::uint8_t byte = 0;
    Get(byte);
    if (byte > LastOf<T>()) ok_ = false;
    if (ok_) value = static_cast<T>(byte);
  }
  void Get(Address& a) {
    Get(a.base), Get(a.segment), Get(a.iteration_stride);
    Get(a.index), Get(a.divisor), Get(a.register_stride);
  }
  void Get(Condition& c) { Get(c.index), Get(c.modulus), Get(c.remainder); }
  void Get(StreamGroup& g) { Get(g.base), Get(g.width); }
  void Get(Unit& u) { Get(u.kind), Get(u.side), Get(u.index); }
  void Get(std::optional<Operand>& operand) {
    bool there = false;
    Get(there);
    if (there) Get(operand.emplace().side), Get(operand->streams);
  }
  void Get(std::string& text) {
    text.resize(GetCount(1));
    for (char& c : text) Get(c);
  }
  void Get(std::vector<std::int32_t>& values) {
    values.resize(GetCount(sizeof(std::int32_t)));
    for (std::int32_t& value : values) Get(value);
  }
  void Get(TensorPlace& place) { GetFields(place); }

  template <typename T>
  void GetFields(T& value) {
    Form<T>::Fields([&](std::string_view, auto member) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value.*member)>,
                                   std::vector<std::byte>>) {
        Get(byte_count_);
      } else {
        Get(value.*member);
      }
    });
  }

  // A count of values that take at least `least_bytes` each: never more than there are bytes for.
  std::size_t GetCount(std::size_t least_bytes) {
    std::uint32_t count = 0;
    Get(count);
    if (count > bytes_.size() / least_bytes) ok_ = false;
    return ok_ ? count : 0;
  }

  // Of the last field that is a vector of bytes.
  std::uint64_t byte_count() const { return byte_count_; }

 private:
  bool Has(std::size_t size) {
    if (size > bytes_.size()) ok_ = false;
    return ok_;
  }

  std::span<const std::byte> bytes_;
  std::uint64_t byte_count_ = 0;
  bool ok_ = true;
};

}  // namespace millrace::isa
