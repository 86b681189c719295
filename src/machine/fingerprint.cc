// A fingerprint of a system: FNV-1a over its numbers, in the order of the chip's keys.
#include <bit>

#include "machine/chip_keys.h"
#include "machine/load_system.h"

namespace millrace {
namespace {

class Fnv {
 public:
  void Add(std::uint64_t number) {
    for (int byte = 0; byte < 8; ++byte) {
      hash_ ^= (number >> (8 * byte)) & 0xff;
      hash_ *= 1099511628211u;
    }
  }
  std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 14695981039346656037u;
};

// Energy is told, and decides nothing.
bool Decides(const ChipKey& key) { return key.section != "chip.energy"; }

}  // namespace

std::uint64_t Fingerprint(const System& system) {
  Fnv fnv;
  Chip chip = system.chip;  // the keys' members are not const
  for (const ChipKey& key : ChipKeys()) {
    if (!Decides(key)) continue;
    if (key.whole != nullptr) fnv.Add(static_cast<std::uint64_t>(key.whole(chip)));
    if (key.real != nullptr) fnv.Add(std::bit_cast<std::uint64_t>(key.real(chip)));
  }
  for (const SystemLevel& level : system.levels) {
    fnv.Add(static_cast<std::uint64_t>(level.kind));
    fnv.Add(static_cast<std::uint64_t>(level.count));
    fnv.Add(static_cast<std::uint64_t>(level.links_per_peer));
    fnv.Add(static_cast<std::uint64_t>(level.latency_cycles));
  }
  return fnv.hash();
}

}  // namespace millrace
