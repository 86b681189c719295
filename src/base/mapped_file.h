// A file mapped read-only into memory. Models enter this way and are never copied whole.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"

namespace millrace {

class MappedFile {
 public:
  // Maps all of `path`. kNotFound if it does not exist; kIo if it cannot be read; kInvalid if it is
  // a directory or anything else that is not a regular file.
  static Result<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Valid as long as this object lives, also after a move.
  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }
  const std::string& path() const { return path_; }

  // Gives back the memory of the pages that lie wholly inside `part`, which belongs to this file:
  // for what has been read and will hardly be read again. Touched again, they come from the file.
  void Forget(std::span<const std::byte> part) const;

 private:
  MappedFile(std::string path, const std::byte* data, std::size_t size_bytes)
      : path_(std::move(path)), data_(data), size_bytes_(size_bytes) {}

  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_bytes_ = 0;
};

}  // namespace millrace
