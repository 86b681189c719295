#include "sim/packed_tile_store.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "sim/tile.h"

namespace millrace::sim {
namespace {

std::uint64_t Mix(std::uint64_t hash, std::uint64_t value) {
  return (hash ^ value) * 0x9E3779B97F4A7C15u ^ (hash >> 29);
}

std::uint64_t HashOf(std::int32_t chip, const isa::Load& load, std::span<const WordPlace> words) {
  std::uint64_t hash = Mix(static_cast<std::uint64_t>(chip), load.k);
  hash = Mix(hash, load.columns);
  hash = Mix(hash,
             static_cast<std::uint64_t>(load.dtype) * 8 + static_cast<std::uint64_t>(load.order));
  for (const WordPlace& place : words) {
    hash = Mix(hash, static_cast<std::uint64_t>(place.slice) << 32 |
                         static_cast<std::uint32_t>(place.word));
  }
  return hash;
}

std::uint64_t KeyOf(std::int32_t chip, WordPlace place) {
  return (static_cast<std::uint64_t>(chip) << 48) ^
         (static_cast<std::uint64_t>(place.slice) << 32) ^ static_cast<std::uint32_t>(place.word);
}

bool SameTile(const isa::Load& a, const isa::Load& b) {
  return a.dtype == b.dtype && a.order == b.order && a.k == b.k && a.columns == b.columns;
}

}  // namespace

PackedTileStore::PackedTileStore(SystemState& state, const KernelTable& kernels)
    : state_(state),
      kernels_(kernels),
      slices_(2 * state.system->chip.mem.per_hemisphere),
      held_(state.chips.size() * static_cast<std::size_t>(slices_)) {}

void PackedTileStore::Allocate(const isa::Load& load, PackedTile& tile) {
  constexpr std::size_t kArenaBytes = std::size_t{32} << 20;
  tile.load = load;
  tile.matrix = {.dtype = load.dtype, .rows = load.columns, .columns = load.k, .data = nullptr};
  const std::size_t bytes = (tile.matrix.bytes() + 63) / 64 * 64;
  if (bytes > left_bytes_) {
    auto arena = Arena::Reserve(std::max(kArenaBytes, bytes), "tiles of a simulated chip");
    MILLRACE_CHECK(arena.ok());
    arenas_.push_back(std::move(*arena));
    left_bytes_ = arenas_.back().size_bytes();
  }
  tile.storage = arenas_.back().data() + (arenas_.back().size_bytes() - left_bytes_);
  left_bytes_ -= bytes;
  tile.matrix.data = tile.storage;
}

const PackedTile* PackedTileStore::Get(std::int32_t chip, const isa::Load& load,
                                       std::span<const WordPlace> words) {
  const std::uint64_t hash = HashOf(chip, load, words);
  for (auto [it, end] = by_words_.equal_range(hash); it != end; ++it) {
    const PackedTile& tile = *tiles_[it->second];
    if (SameTile(tile.load, load) && std::ranges::equal(tile.words, words)) return &tile;
  }
  const auto number = static_cast<std::uint32_t>(tiles_.size());
  tiles_.push_back(std::make_unique<PackedTile>());
  PackedTile& tile = *tiles_.back();
  by_words_.emplace(hash, number);
  tile.words.assign(words.begin(), words.end());
  Allocate(load, tile);
  Fill(chip, tile);
  for (std::size_t v = 0; v < words.size(); ++v) {
    auto& held = held_[Index(chip, words[v].slice)];
    if (held.empty()) held.resize(static_cast<std::size_t>(state_.system->chip.mem.words));
    held[static_cast<std::size_t>(words[v].word)] = true;
    if (load.order == isa::TileOrder::kDense) continue;
    uses_.emplace(KeyOf(chip, words[v]), Use{number, static_cast<std::uint32_t>(v)});
  }
  return &tile;
}

void PackedTileStore::Fill(std::int32_t chip, PackedTile& tile) {
  ChipState& state = state_.chips[static_cast<std::size_t>(chip)];
  std::vector<const std::byte*> vectors;
  for (const WordPlace& place : tile.words) {
    vectors.push_back(state.memory[static_cast<std::size_t>(place.slice)].Bytes(place.word));
  }
  if (tile.load.order == isa::TileOrder::kDense) return FillDense(vectors, tile);
  for (std::size_t v = 0; v < vectors.size(); ++v) FillVector(tile, v, vectors[v]);
}

void PackedTileStore::Pack(const isa::Load& load, std::span<const std::byte* const> vectors,
                           PackedTile& tile) {
  if (tile.storage == nullptr) Allocate(load, tile);
  if (load.order == isa::TileOrder::kDense) return FillDense(vectors, tile);
  for (std::size_t v = 0; v < vectors.size(); ++v) FillVector(tile, v, vectors[v]);
}

void PackedTileStore::FillDense(std::span<const std::byte* const> vectors, PackedTile& tile) {
  const auto vector_bytes = static_cast<std::size_t>(state_.system->chip.vector_bytes);
  std::vector<std::byte> bytes(vectors.size() * vector_bytes);
  for (std::size_t v = 0; v < vectors.size(); ++v) {
    std::memcpy(bytes.data() + v * vector_bytes, vectors[v], vector_bytes);
  }
  const PackedMatrix& matrix = tile.matrix;
  const std::size_t row_bytes = RowBytes(matrix.dtype, matrix.columns);
  for (std::size_t t = 0; t < matrix.tiles(); ++t) {
    const std::byte* rows[kTileRows] = {};
    for (std::size_t r = 0; r < kTileRows && t * kTileRows + r < matrix.rows; ++r) {
      rows[r] = bytes.data() + (t * kTileRows + r) * row_bytes;
    }
    PackTile(matrix.dtype, kernels_.byte_form, matrix.columns, rows,
             tile.storage + t * matrix.tile_bytes());
  }
}

// 16-bit floats: weight (row r of the matrix, column k) is number (r / 16 * columns + k) * 16 + r %
// 16 of the packed ones.
void PackedTileStore::FillVector(PackedTile& tile, std::size_t vector, const std::byte* bytes) {
  const auto vector_bytes = static_cast<std::size_t>(state_.system->chip.vector_bytes);
  if (tile.load.order == isa::TileOrder::kColumnWords) {
    if (vector >= tile.matrix.rows) return;
    const std::size_t columns = tile.matrix.columns;
    std::byte* to =
        tile.storage + 2 * (vector / kTileRows * columns * kTileRows) + 2 * (vector % kTileRows);
    for (std::size_t k = 0; k < columns; ++k) {
      std::memcpy(to + 2 * k * kTileRows, bytes + 2 * k, 2);
    }
    return;
  }
  const auto width = static_cast<std::size_t>(state_.system->chip.mxm.install_streams);
  const std::size_t halves = vector_bytes / 2;
  const std::size_t words = (tile.matrix.rows + halves - 1) / halves;
  const std::size_t k = vector / (words * width) * width + vector % width;
  const std::size_t first = vector / width % words * halves;
  if (k >= tile.matrix.columns) return;
  const std::size_t end = std::min(first + halves, tile.matrix.rows);
  for (std::size_t r = first; r < end;) {  // up to the end of 16 rows
    const std::size_t at = (r / kTileRows * tile.matrix.columns + k) * kTileRows + r % kTileRows;
    const std::size_t count = std::min(kTileRows - r % kTileRows, end - r);
    std::memcpy(tile.storage + 2 * at, bytes + 2 * (r - first), 2 * count);
    r += count;
  }
}

void PackedTileStore::Changed(std::int32_t chip, WordPlace place) {
  const auto& held = held_[Index(chip, place.slice)];
  if (held.empty() || !held[static_cast<std::size_t>(place.word)]) return;
  const std::byte* bytes = state_.chips[static_cast<std::size_t>(chip)]
                               .memory[static_cast<std::size_t>(place.slice)]
                               .Bytes(place.word);
  auto [it, end] = uses_.equal_range(KeyOf(chip, place));
  const bool dense = it == end;
  for (; it != end; ++it) FillVector(*tiles_[it->second.tile], it->second.vector, bytes);
  if (!dense) return;
  for (const std::unique_ptr<PackedTile>& tile : tiles_) {  // weights that are written: rare
    if (std::ranges::find(tile->words, place) != tile->words.end()) Fill(chip, *tile);
  }
}

}  // namespace millrace::sim
