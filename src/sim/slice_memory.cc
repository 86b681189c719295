#include "sim/slice_memory.h"

#include <algorithm>

namespace millrace::sim {

SliceMemory::SliceMemory(std::int32_t words, std::int32_t vector_bytes)
    : words_(words),
      vector_bytes_(static_cast<std::size_t>(vector_bytes)),
      chunks_(static_cast<std::size_t>((words + kChunkWords - 1) / kChunkWords)) {}

SliceMemory::Chunk& SliceMemory::Commit(std::int64_t word) {
  std::unique_ptr<Chunk>& chunk = chunks_[static_cast<std::size_t>(word / kChunkWords)];
  if (chunk == nullptr) {
    chunk = std::make_unique<Chunk>();
    chunk->bytes.resize(static_cast<std::size_t>(kChunkWords) * vector_bytes_);
    chunk->readable_from.assign(static_cast<std::size_t>(kChunkWords), kNever);
  }
  return *chunk;
}

void SliceMemory::Write(std::int64_t word, std::size_t first, std::span<const std::byte> bytes,
                        std::int64_t readable_from) {
  Chunk& chunk = Commit(word);
  const auto at = static_cast<std::size_t>(word % kChunkWords);
  std::copy(bytes.begin(), bytes.end(),
            chunk.bytes.begin() + static_cast<std::ptrdiff_t>(at * vector_bytes_ + first));
  chunk.readable_from[at] = readable_from;
}

std::byte* SliceMemory::Bytes(std::int64_t word) {
  return Commit(word).bytes.data() + static_cast<std::size_t>(word % kChunkWords) * vector_bytes_;
}

std::int64_t SliceMemory::ReadableFrom(std::int64_t word) const {
  const Chunk* chunk = Find(word);
  return chunk == nullptr ? kNever
                          : chunk->readable_from[static_cast<std::size_t>(word % kChunkWords)];
}

std::span<const std::byte> SliceMemory::Word(std::int64_t word) const {
  const auto at = static_cast<std::size_t>(word % kChunkWords) * vector_bytes_;
  return std::span(Find(word)->bytes).subspan(at, vector_bytes_);
}

void SliceMemory::Settle() {
  for (const std::unique_ptr<Chunk>& chunk : chunks_) {
    if (chunk == nullptr) continue;
    for (std::int64_t& cycle : chunk->readable_from) {
      if (cycle != kNever) cycle = 0;
    }
  }
}

}  // namespace millrace::sim
