// The words of one MEM slice: real bytes, and since when each can be read.
//
// Memory is committed in chunks as words are written, so that a chip of hundreds of megabytes costs
// what its program uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

namespace millrace::sim {

class SliceMemory {
 public:
  SliceMemory(std::int32_t words, std::int32_t vector_bytes);

  std::int32_t words() const { return words_; }

  // Keeps bytes [first, first + bytes.size()) of a word, readable from `cycle` on.
  void Write(std::int64_t word, std::size_t first, std::span<const std::byte> bytes,
             std::int64_t readable_from);

  // The first cycle on which the word can be read; kNever if nothing was written.
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  std::int64_t ReadableFrom(std::int64_t word) const;

  // The bytes of a word that was written. Valid as long as the memory.
  std::span<const std::byte> Word(std::int64_t word) const;

  // The bytes of any word, zeros if it was not written yet. Valid as long as the memory.
  std::byte* Bytes(std::int64_t word);

  // What is in the memory now is readable on every cycle from 0 on.
  void Settle();

 private:
  static constexpr std::int64_t kChunkWords = 64;
  struct Chunk {
    std::vector<std::byte> bytes;
    std::vector<std::int64_t> readable_from;
  };
  Chunk& Commit(std::int64_t word);
  const Chunk* Find(std::int64_t word) const {
    return chunks_[static_cast<std::size_t>(word / kChunkWords)].get();
  }

  std::int32_t words_;
  std::size_t vector_bytes_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
};

}  // namespace millrace::sim
