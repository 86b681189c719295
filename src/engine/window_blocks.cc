#include "engine/window_blocks.h"

#include "base/check.h"

namespace millrace {

WindowBlocks::WindowBlocks(std::int32_t blocks, std::int32_t companions)
    : companions_(companions), pool_(companions), entries_(static_cast<std::size_t>(blocks)) {}

void WindowBlocks::Take(std::int32_t block) {
  MILLRACE_CHECK(!Has(block));
  if (pool_.free_blocks() == 0) {
    MILLRACE_CHECK(!unpinned_.empty());
    Free(unpinned_.begin()->second);
  }
  at(block) = {.companion = pool_.Take(1)[0], .pins = 1};
}

void WindowBlocks::Pin(std::int32_t block) {
  MILLRACE_CHECK(Has(block));
  if (at(block).pins++ == 0) unpinned_.erase({at(block).unpinned, block});
}

void WindowBlocks::Unpin(std::int32_t block) {
  Entry& entry = at(block);
  MILLRACE_CHECK(entry.pins > 0);
  if (--entry.pins > 0) return;
  entry.unpinned = ++clock_;
  unpinned_.insert({entry.unpinned, block});
}

void WindowBlocks::Move(std::int32_t from, std::int32_t to) {
  MILLRACE_CHECK(at(from).pins == 1);
  if (Has(to)) {
    Pin(to);
    Unpin(from);
    return;
  }
  at(to) = at(from);
  at(from) = {};
}

void WindowBlocks::Free(std::int32_t block) {
  Entry& entry = at(block);
  MILLRACE_CHECK(entry.pins == 0);
  if (!Has(block)) return;
  unpinned_.erase({entry.unpinned, block});
  pool_.Give({entry.companion});
  entry = {};
}

}  // namespace millrace
