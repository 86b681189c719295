#include "sim/stream_file.h"

#include <algorithm>

namespace millrace::sim {

StreamFile::StreamFile(const Chip& chip)
    : edge_(chip.edge()), streams_(chip.streams), vector_bytes_(chip.vector_bytes) {
  while (diagonals_ < static_cast<std::size_t>(edge_) + 2) diagonals_ *= 2;
  slots_.resize(4 * static_cast<std::size_t>(streams_) * diagonals_);
  // Not initialised: only what is driven is ever touched.
  vectors_.reset(new std::byte[slots_.size() * static_cast<std::size_t>(vector_bytes_)]);
}

void StreamFile::Clear() { std::fill(slots_.begin(), slots_.end(), Slot{}); }

std::int64_t StreamFile::Diagonal(StreamPoint at, std::int64_t cycle) const {
  return at.flow == isa::Flow::kInward ? cycle + at.position : cycle - at.position + edge_;
}

std::size_t StreamFile::Index(StreamPoint at, std::int64_t diagonal) const {
  const auto wire = (static_cast<std::size_t>(at.side) * 2 + static_cast<std::size_t>(at.flow)) *
                        static_cast<std::size_t>(streams_) +
                    static_cast<std::size_t>(at.stream);
  return wire * diagonals_ + (static_cast<std::size_t>(diagonal) & (diagonals_ - 1));
}

bool StreamFile::Drive(StreamPoint at, std::int64_t cycle, std::span<const std::byte> vector) {
  const std::int64_t diagonal = Diagonal(at, cycle);
  const std::size_t index = Index(at, diagonal);
  Slot& slot = slots_[index];
  if (slot.diagonal == diagonal && slot.holds) return false;
  slot = {.diagonal = diagonal, .holds = true};
  std::copy(vector.begin(), vector.end(),
            vectors_.get() + index * static_cast<std::size_t>(vector_bytes_));
  return true;
}

const std::byte* StreamFile::Read(StreamPoint at, std::int64_t cycle) const {
  const std::int64_t diagonal = Diagonal(at, cycle);
  const std::size_t index = Index(at, diagonal);
  if (slots_[index].diagonal != diagonal || !slots_[index].holds) return nullptr;
  return vectors_.get() + index * static_cast<std::size_t>(vector_bytes_);
}

void StreamFile::Take(StreamPoint at, std::int64_t cycle) {
  const std::int64_t diagonal = Diagonal(at, cycle);
  Slot& slot = slots_[Index(at, diagonal)];
  if (slot.diagonal == diagonal) slot.holds = false;
}

}  // namespace millrace::sim
