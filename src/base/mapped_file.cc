#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace millrace {
namespace {

// Closes a file descriptor at the end of a scope; a mapping outlives it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

Result<MappedFile> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) {
    const int reason = errno;
    if (reason == ENOENT || reason == ENOTDIR) return NotFound("{}: no such file", path);
    return IoError("{}: cannot be opened: {}", path, std::strerror(reason));
  }
  struct stat status {};
  if (fstat(file.fd, &status) != 0) return IoError("{}: {}", path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return Invalid("{}: is a directory, wanted a file", path);
  if (!S_ISREG(status.st_mode)) return Invalid("{}: is not a regular file", path);
  const auto size_bytes = static_cast<std::size_t>(status.st_size);
  if (size_bytes == 0) return MappedFile(path, nullptr, 0);
  void* data = mmap(nullptr, size_bytes, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (data == MAP_FAILED) return IoError("{}: cannot be mapped: {}", path, std::strerror(errno));
  return MappedFile(path, static_cast<const std::byte*>(data), size_bytes);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

void MappedFile::Forget(std::span<const std::byte> part) const {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(part.data());
  const std::uintptr_t begin = (first + page - 1) / page * page;
  const std::uintptr_t end = (first + part.size()) / page * page;
  if (begin >= end) return;
  // A refusal costs memory, nothing else.
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_bytes_);
}

}  // namespace millrace
