#include "compiler/tile_memory.h"

#include <algorithm>
#include <cstring>

namespace millrace::compiler {

TileMemory::TileMemory(const Floorplan& plan, std::int32_t kept)
    : plan_(&plan),
      used_(static_cast<std::size_t>(plan.planes()), 0),
      tiles_(static_cast<std::size_t>(kept)) {}

std::int32_t TileMemory::Extend(std::int32_t plane, std::int32_t words, bool cleared) {
  std::int32_t& used = used_[static_cast<std::size_t>(plane)];
  const std::int32_t base = used;
  used += words;
  const auto last = std::find_if(runs_.rbegin(), runs_.rend(),
                                 [&](const Run& run) { return run.plane == plane; });
  if (last != runs_.rend() && last->cleared == cleared) {
    last->words += words;
  } else {
    runs_.push_back({plane, base, words, cleared});
  }
  return base;
}

std::int32_t TileMemory::Allocate(std::int32_t plane, std::int32_t words) {
  return Extend(plane, words, false);
}

std::int32_t TileMemory::AllocateCleared(std::int32_t plane, std::int32_t words) {
  return Extend(plane, words, true);
}

void TileMemory::Fill(std::int32_t member, std::int32_t plane, std::int32_t base,
                      std::vector<std::byte> bytes) {
  tiles_[static_cast<std::size_t>(member)].push_back({plane, base, std::move(bytes)});
}

std::int32_t TileMemory::used(std::int32_t plane) const {
  return used_[static_cast<std::size_t>(plane)];
}

std::int32_t TileMemory::missing_words() const {
  return std::max(0, *std::max_element(used_.begin(), used_.end()) - plan_->chip().mem.words);
}

std::vector<isa::ImagePart> TileMemory::Image(std::int32_t member) const {
  const auto vector_bytes = static_cast<std::size_t>(plan_->chip().vector_bytes);
  const std::int32_t streams = plan_->chip().mxm.install_streams;
  std::vector<isa::ImagePart> parts;
  for (std::int32_t plane = 0; plane < plan_->planes(); ++plane) {
    if (used(plane) == 0) continue;
    std::vector<std::vector<std::byte>> slices(static_cast<std::size_t>(streams));
    for (const Tile& tile : tiles_[static_cast<std::size_t>(member)]) {
      if (tile.plane != plane) continue;
      for (std::size_t at = 0, v = 0; at < tile.bytes.size(); at += vector_bytes, ++v) {
        auto& slice = slices[v % static_cast<std::size_t>(streams)];
        const std::size_t word =
            static_cast<std::size_t>(tile.base) + v / static_cast<std::size_t>(streams);
        if (slice.size() < (word + 1) * vector_bytes) slice.resize((word + 1) * vector_bytes);
        std::memcpy(slice.data() + word * vector_bytes, tile.bytes.data() + at,
                    std::min(vector_bytes, tile.bytes.size() - at));
      }
    }
    for (std::int32_t i = 0; i < streams; ++i) {
      const std::vector<std::byte>& slice = slices[static_cast<std::size_t>(i)];
      for (const Run& run : runs_) {
        if (run.plane != plane) continue;
        isa::ImagePart part{.slice = {isa::UnitKind::kMem, plan_->plane_side(plane),
                                      static_cast<std::uint16_t>(plan_->install_slice(plane, i))},
                            .word = run.base,
                            .words = run.words,
                            .bytes = {}};
        const auto begin =
            std::min(slice.size(), static_cast<std::size_t>(run.base) * vector_bytes);
        const auto end =
            std::min(slice.size(), static_cast<std::size_t>(run.base + run.words) * vector_bytes);
        if (!run.cleared) {
          part.bytes.assign(slice.begin() + static_cast<std::ptrdiff_t>(begin),
                            slice.begin() + static_cast<std::ptrdiff_t>(end));
        }
        parts.push_back(std::move(part));
      }
    }
  }
  return parts;
}

std::vector<isa::ImagePart> TileMemory::Outline() const {
  std::vector<isa::ImagePart> parts;
  for (const Run& run : runs_) {
    for (std::int32_t i = 0; i < plan_->chip().mxm.install_streams; ++i) {
      parts.push_back({.slice = {isa::UnitKind::kMem, plan_->plane_side(run.plane),
                                 static_cast<std::uint16_t>(plan_->install_slice(run.plane, i))},
                       .word = run.base,
                       .words = run.words,
                       .bytes = {}});
      if (!run.cleared) parts.back().bytes.resize(1);
    }
  }
  return parts;
}

}  // namespace millrace::compiler
