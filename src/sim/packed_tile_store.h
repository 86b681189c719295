// The tiles that planes install, repacked once as the kernels read them (kernels/packed_matrix.h).
//
// A tile is known by the words of SRAM that its vectors come from; whoever installs the same words
// gets the same packed tile. Where a word is written again (keys and values), the packed tiles that
// hold it follow.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "kernels/kernel_table.h"
#include "sim/chip_state.h"

namespace millrace::sim {

// A word of a chip's SRAM: slice by UnitNumber.
struct WordPlace {
  std::int32_t slice = 0, word = 0;
  friend bool operator==(const WordPlace&, const WordPlace&) = default;
};

struct PackedTile {
  isa::Load load;
  std::vector<WordPlace> words;  // of vector 0, 1, ...; empty if they do not come from SRAM
  PackedMatrix matrix;           // [columns, k] of the load
  std::byte* storage = nullptr;  // what matrix.data is, to be filled
};

class PackedTileStore {
 public:
  // The state must outlive the store.
  PackedTileStore(SystemState& state, const KernelTable& kernels);

  // The tile of these words, packed now if it is new. Stays valid.
  const PackedTile* Get(std::int32_t chip, const isa::Load& load, std::span<const WordPlace> words);
  // A tile of vectors that do not rest in SRAM: packed into `tile`.
  void Pack(const isa::Load& load, std::span<const std::byte* const> vectors, PackedTile& tile);

  // Whether any tile holds words of the slice.
  bool HoldsSlice(std::int32_t chip, std::int32_t slice) const {
    return !held_[Index(chip, slice)].empty();
  }
  // After a word was written.
  void Changed(std::int32_t chip, WordPlace place);

 private:
  struct Use {
    std::uint32_t tile = 0, vector = 0;
  };
  std::size_t Index(std::int32_t chip, std::int32_t slice) const {
    return static_cast<std::size_t>(chip * slices_ + slice);
  }
  void Allocate(const isa::Load& load, PackedTile& tile);
  void Fill(std::int32_t chip, PackedTile& tile);
  void FillDense(std::span<const std::byte* const> vectors, PackedTile& tile);
  void FillVector(PackedTile& tile, std::size_t vector, const std::byte* bytes);

  SystemState& state_;
  const KernelTable& kernels_;
  std::int32_t slices_;
  // Tiles lie one after the other as they are first met: in the order in which a launch reads them.
  std::vector<Arena> arenas_;
  std::size_t left_bytes_ = 0;  // of the last arena
  std::vector<std::unique_ptr<PackedTile>> tiles_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> by_words_;
  std::vector<std::vector<bool>> held_;  // [chip, slice][word]: some tile holds it
  // (chip, slice, word) of tiles of 16-bit words, which are written word by word.
  std::unordered_multimap<std::uint64_t, Use> uses_;
};

}  // namespace millrace::sim
