// The install slices of a group of chips: where every weight tile and every key and value lies.
//
// Vector v of a tile is in slice v % install_streams of its plane at address base + v /
// install_streams, so that one cycle of a load reads the same address of all of them. Weights grow
// from address 0, then come keys and values; all chips of a group have the same addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compiler/floorplan.h"
#include "isa/program.h"

namespace millrace::compiler {

class TileMemory {
 public:
  // kept: members whose contents are kept; none for a shape.
  TileMemory(const Floorplan& plan, std::int32_t kept);

  // The base of `words` addresses of a plane. They may lie behind the end of the slices: see
  // missing_words.
  std::int32_t Allocate(std::int32_t plane, std::int32_t words);
  // Addresses that begin as zeros (KV).
  std::int32_t AllocateCleared(std::int32_t plane, std::int32_t words);
  void Fill(std::int32_t member, std::int32_t plane, std::int32_t base,
            std::vector<std::byte> bytes);

  std::int32_t used(std::int32_t plane) const;
  // The most addresses that a plane uses beyond what a slice has; 0: all fits.
  std::int32_t missing_words() const;
  std::vector<isa::ImagePart> Image(std::int32_t member) const;
  // Where all of it lies, the same for every member. Weights have one byte each, that they are told
  // from what begins as zeros: for reports of a shape.
  std::vector<isa::ImagePart> Outline() const;

 private:
  struct Tile {
    std::int32_t plane, base;
    std::vector<std::byte> bytes;
  };
  // Addresses of a plane that follow each other and are all weights, or all KV.
  struct Run {
    std::int32_t plane, base, words;
    bool cleared;
  };
  std::int32_t Extend(std::int32_t plane, std::int32_t words, bool cleared);
  const Floorplan* plan_;
  std::vector<std::int32_t> used_;        // by plane
  std::vector<std::vector<Tile>> tiles_;  // by member
  std::vector<Run> runs_;
};

}  // namespace millrace::compiler
