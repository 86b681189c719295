#include "machine/chip_limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace {
namespace {

constexpr std::int64_t kMaxSramBytes = std::int64_t{1} << 40;  // of a chip
constexpr std::int64_t kMaxChips = std::int64_t{1} << 20;
constexpr std::int32_t kKeyBlock = 64;  // positions of a KV block: docs/numerics.md

ChipLimit Broken(std::string key, std::int64_t found, std::string wanted) {
  return {std::move(key), fmt::format("{}", found), std::move(wanted)};
}

std::optional<ChipLimit> BrokenShape(const Chip& chip) {
  if (chip.superlane_bytes % 4 != 0) {
    return Broken("chip.superlane_bytes", chip.superlane_bytes, "a multiple of 4: binary32");
  }
  if (chip.vector_bytes % chip.superlane_bytes != 0 || chip.vector_bytes % 64 != 0) {
    return Broken("chip.vector_bytes", chip.vector_bytes,
                  fmt::format("a multiple of 64 and of superlane_bytes, {}", chip.superlane_bytes));
  }
  if (chip.mem.words % chip.mem.banks != 0) {
    return Broken("chip.mem.words", chip.mem.words,
                  fmt::format("a multiple of banks, {}", chip.mem.banks));
  }
  if (chip.sram_bytes() > kMaxSramBytes) {
    return Broken("chip.mem.words", chip.mem.words,
                  fmt::format("at most 2^40 bytes of SRAM, not {}", chip.sram_bytes()));
  }
  return std::nullopt;
}

// An activation vector is one word (8-bit; half as many 16-bit), outputs are four words of
// binary32.
std::optional<ChipLimit> BrokenPlane(const Chip& chip) {
  const std::int32_t streams = chip.mxm.planes_per_hemisphere * chip.mxm.install_streams;
  if (chip.mxm.rows % 64 != 0 || chip.mxm.rows > chip.vector_bytes) {
    return Broken("chip.mxm.rows", chip.mxm.rows,
                  fmt::format("a multiple of 64, at most vector_bytes, {}", chip.vector_bytes));
  }
  if (chip.mxm.columns < kKeyBlock || chip.mxm.columns > chip.vector_bytes) {
    return Broken("chip.mxm.columns", chip.mxm.columns,
                  fmt::format("{} to vector_bytes, {}", kKeyBlock, chip.vector_bytes));
  }
  if (chip.streams < streams) {
    return Broken("chip.streams", chip.streams,
                  fmt::format("at least planes_per_hemisphere * install_streams, {}", streams));
  }
  if (chip.mem.per_hemisphere < streams + kWorkSlices) {
    return Broken("chip.mem.per_hemisphere", chip.mem.per_hemisphere,
                  fmt::format("at least planes_per_hemisphere * install_streams + {}, {}",
                              kWorkSlices, streams + kWorkSlices));
  }
  return std::nullopt;
}

std::optional<ChipLimit> BrokenLevels(const Chip& chip, const std::vector<SystemLevel>& levels) {
  std::int64_t chips = 1;
  for (const SystemLevel& level : levels) {
    chips *= level.count;
    if (chips > kMaxChips) {
      return Broken(fmt::format("level.{}.count", level.name), level.count,
                    "at most 2^20 chips in all");
    }
  }
  const std::int64_t needed = LinksNeeded(levels);
  if (needed > chip.links.count) {
    return Broken("chip.links.count", chip.links.count,
                  fmt::format("at least the {} that the levels use", needed));
  }
  return std::nullopt;
}

}  // namespace

std::int64_t LinksNeeded(const std::vector<SystemLevel>& levels) {
  std::int64_t links = 0;
  for (const SystemLevel& level : levels) {
    const std::int64_t peers = level.kind == LevelKind::kClique ? level.count - 1 : 2;
    links += peers * level.links_per_peer;
  }
  return links;
}

std::optional<ChipLimit> BrokenLimit(const Chip& chip, const std::vector<SystemLevel>& levels) {
  if (auto broken = BrokenShape(chip)) return broken;
  if (auto broken = BrokenPlane(chip)) return broken;
  return BrokenLevels(chip, levels);
}

}  // namespace millrace
