#include "compiler/reservation.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace millrace::compiler {

ReservationTable::ReservationTable(std::int32_t resources, std::int32_t period)
    : period_(period), taken_(static_cast<std::size_t>(resources)) {}

bool ReservationTable::Taken(std::int32_t resource, std::int64_t cycle) const {
  const auto& bits = taken_[static_cast<std::size_t>(resource)];
  const auto at = static_cast<std::size_t>(cycle);
  return at / 64 < bits.size() && ((bits[at / 64] >> (at % 64)) & 1) != 0;
}

std::optional<std::int64_t> ReservationTable::LastTaken(std::int32_t resource, std::int64_t first,
                                                        std::int64_t end) const {
  const auto& bits = taken_[static_cast<std::size_t>(resource)];
  end = std::min<std::int64_t>(end, static_cast<std::int64_t>(bits.size()) * 64);
  while (end > first) {
    const std::int64_t word = (end - 1) / 64;
    std::uint64_t mask = bits[static_cast<std::size_t>(word)];
    if (const std::int64_t above = end - word * 64; above < 64) {
      mask &= (std::uint64_t{1} << above) - 1;
    }
    if (mask != 0) {
      const std::int64_t last = word * 64 + 63 - std::countl_zero(mask);
      return last >= first ? std::optional(last) : std::nullopt;
    }
    end = word * 64;
  }
  return std::nullopt;
}

std::optional<std::int64_t> ReservationTable::Conflict(const Usage& usage, std::int64_t at) const {
  const std::int64_t first = at + usage.first;
  if (period_ == 0 && usage.interval == 1) {
    return LastTaken(usage.resource, first, first + usage.count);
  }
  for (std::int32_t i = usage.count; i-- > 0;) {
    const std::int64_t cycle = first + std::int64_t{i} * usage.interval;
    if (Taken(usage.resource, period_ == 0 ? cycle : cycle % period_)) {
      // Of a loop only the next cycle is known to be worth trying.
      return period_ == 0 && usage.interval == 1 ? cycle : first;
    }
  }
  return std::nullopt;
}

bool ReservationTable::MeetsItself(std::span<const Usage> usages) const {
  std::vector<std::pair<std::int32_t, std::int32_t>> cycles;
  for (const Usage& usage : usages) {
    for (std::int32_t i = 0; i < usage.count; ++i) {
      const std::int32_t cycle = (usage.first + i * usage.interval) % period_;
      cycles.emplace_back(usage.resource, cycle < 0 ? cycle + period_ : cycle);
    }
  }
  std::sort(cycles.begin(), cycles.end());
  return std::adjacent_find(cycles.begin(), cycles.end()) != cycles.end();
}

std::optional<std::int64_t> ReservationTable::EarliestFit(std::span<const Usage> usages,
                                                          std::int64_t ready) const {
  if (period_ != 0 && MeetsItself(usages)) return std::nullopt;
  std::int64_t at = std::max<std::int64_t>(ready, 0);
  for (const Usage& usage : usages) at = std::max<std::int64_t>(at, -usage.first);
  const std::int64_t last = at + period_;
  for (bool moved = true; moved;) {
    moved = false;
    for (const Usage& usage : usages) {
      while (const auto conflict = Conflict(usage, at)) {
        at = *conflict + 1 - usage.first;
        moved = true;
        if (period_ != 0 && at >= last) return std::nullopt;
      }
    }
  }
  return at;
}

void ReservationTable::Reserve(std::span<const Usage> usages, std::int64_t at) {
  for (const Usage& usage : usages) {
    auto& bits = taken_[static_cast<std::size_t>(usage.resource)];
    for (std::int32_t i = 0; i < usage.count; ++i) {
      std::int64_t cycle = at + usage.first + std::int64_t{i} * usage.interval;
      MILLRACE_CHECK(cycle >= 0);
      end_ = std::max(end_, cycle + 1);
      if (period_ != 0) cycle %= period_;
      const auto word = static_cast<std::size_t>(cycle / 64);
      if (word >= bits.size()) bits.resize(std::max(word + 1, 2 * bits.size()));
      bits[word] |= std::uint64_t{1} << (cycle % 64);
    }
  }
}

}  // namespace millrace::compiler
