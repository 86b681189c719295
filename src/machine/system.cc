#include "machine/system.h"

#include "base/check.h"

namespace millrace {
namespace {

// One level seen from a chip: which part of it the chip is in, and how far the next part is.
struct Place {
  std::int32_t stride = 1;  // chips of one part
  std::int32_t index = 0;   // of the part that holds the chip
};

Place PlaceAt(const System& system, std::size_t level, std::int32_t chip) {
  Place place;
  for (std::size_t l = 0; l < level; ++l) place.stride *= system.levels[l].count;
  place.index = chip / place.stride % system.levels[level].count;
  return place;
}

std::int32_t PeersAt(const SystemLevel& level) {
  return level.kind == LevelKind::kClique ? level.count - 1 : 2;
}

// The index of peer number `peer` of part `index`; negative or count and more: there is none.
std::int32_t PeerIndex(const SystemLevel& level, std::int32_t index, std::int32_t peer) {
  if (level.kind == LevelKind::kChain) return peer == 0 ? index - 1 : index + 1;
  return peer < index ? peer : peer + 1;
}

// The inverse: which number `other` has among the peers of `index`.
std::int32_t PeerNumber(const SystemLevel& level, std::int32_t index, std::int32_t other) {
  if (level.kind == LevelKind::kChain) return other < index ? 0 : 1;
  return other < index ? other : other - 1;
}

}  // namespace

std::int32_t System::chips() const {
  std::int32_t count = 1;
  for (const SystemLevel& level : levels) count *= level.count;
  return count;
}

std::optional<LinkEnd> System::Peer(std::int32_t from, std::int32_t link) const {
  std::int32_t first = 0;  // link of the level
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const SystemLevel& level = levels[l];
    const std::int32_t links = PeersAt(level) * level.links_per_peer;
    if (link < first + links) {
      const std::int32_t peer = (link - first) / level.links_per_peer;
      const Place place = PlaceAt(*this, l, from);
      const std::int32_t other = PeerIndex(level, place.index, peer);
      if (other < 0 || other >= level.count) return std::nullopt;
      const std::int32_t back = PeerNumber(level, other, place.index);
      return LinkEnd{
          .chip = from + (other - place.index) * place.stride,
          .link = first + back * level.links_per_peer + (link - first) % level.links_per_peer,
          .latency_cycles = level.latency_cycles};
    }
    first += links;
  }
  return std::nullopt;
}

std::optional<System::Links> System::LinksBetween(std::int32_t from, std::int32_t to) const {
  std::int32_t first = 0;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const SystemLevel& level = levels[l];
    const Place a = PlaceAt(*this, l, from), b = PlaceAt(*this, l, to);
    const bool only_here = to == from + (b.index - a.index) * a.stride && a.index != b.index;
    const bool linked =
        level.kind == LevelKind::kClique || b.index - a.index == 1 || a.index - b.index == 1;
    if (only_here && linked && level.links_per_peer > 0) {
      return Links{.first = first + PeerNumber(level, a.index, b.index) * level.links_per_peer,
                   .count = level.links_per_peer,
                   .latency_cycles = level.latency_cycles};
    }
    first += PeersAt(level) * level.links_per_peer;
  }
  return std::nullopt;
}

}  // namespace millrace
