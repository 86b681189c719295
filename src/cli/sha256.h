// SHA-256 of bytes in hexadecimal: how anybody checks that two machines computed the same bits.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace millrace {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(std::span<const std::byte> bytes);
  std::string Finish();  // 64 lower-case digits; nothing may be added after

 private:
  void* context_;
};

}  // namespace millrace
