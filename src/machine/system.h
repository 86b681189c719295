// Chips joined by links: a node, a rack, several racks.
//
// A system is a tree of levels. Chips of one level-0 group are all linked to each other; at every
// higher level, the chips with the same index inside their groups are linked to each other
// (kClique), or to the next and the previous group only (kChain). Chips are numbered so that
// neighbours in number are neighbours in the tree: chip = index0 + count0 * (index1 + count1 *
// ...). Clocks are aligned: a send on cycle t is a receive on cycle t + latency.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "machine/chip.h"

namespace millrace {

enum class LevelKind { kClique, kChain };

struct SystemLevel {
  std::string name;  // "node", "rack"
  LevelKind kind = LevelKind::kClique;
  std::int32_t count = 1;  // parts of the level below (chips at level 0)
  std::int32_t links_per_peer = 0;
  std::int32_t latency_cycles = 0;  // SRAM stream to SRAM stream over one link of this level
};

// The far end of a link.
struct LinkEnd {
  std::int32_t chip = 0;
  std::int32_t link = 0;
  std::int32_t latency_cycles = 0;
};

struct System {
  std::string name;
  Chip chip;
  std::vector<SystemLevel> levels;  // empty: one chip

  std::int32_t chips() const;
  // Where link `link` of `chip` ends, or nothing if it is not connected. Links are numbered level
  // by level, peer by peer in ascending index (without the chip itself; kChain: previous, next),
  // links_per_peer for each. Symmetric: Peer(Peer(c, l)) is (c, l).
  std::optional<LinkEnd> Peer(std::int32_t chip, std::int32_t link) const;
  // The first of the links from `from` that end at `to`, and how many there are; nothing if the
  // two are not neighbours.
  struct Links {
    std::int32_t first = 0, count = 0, latency_cycles = 0;
  };
  std::optional<Links> LinksBetween(std::int32_t from, std::int32_t to) const;
};

}  // namespace millrace
