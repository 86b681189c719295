#include "compiler/work_memory.h"

#include "base/check.h"

namespace millrace::compiler {

WorkMemory::WorkMemory(std::int32_t groups, std::int32_t words)
    : free_(static_cast<std::size_t>(groups)), high_water_(static_cast<std::size_t>(groups), 0) {
  for (auto& holes : free_) holes.emplace(0, words);
}

std::optional<std::int32_t> WorkMemory::Allocate(std::int32_t group, std::int32_t words) {
  auto& holes = free_[static_cast<std::size_t>(group)];
  for (auto hole = holes.begin(); hole != holes.end(); ++hole) {
    const auto [word, size] = *hole;
    if (size < words) continue;
    holes.erase(hole);
    if (size > words) holes.emplace(word + words, size - words);
    auto& high = high_water_[static_cast<std::size_t>(group)];
    high = std::max(high, word + words);
    return word;
  }
  return std::nullopt;
}

void WorkMemory::Free(std::int32_t group, std::int32_t word, std::int32_t words) {
  freed_now_.push_back({group, word, words});
}

void WorkMemory::BeginSection() {
  for (const Hole& hole : freed_before_) Give(hole);
  freed_before_ = std::move(freed_now_);
  freed_now_.clear();
}

void WorkMemory::Give(const Hole& hole) {
  auto& holes = free_[static_cast<std::size_t>(hole.group)];
  auto next = holes.lower_bound(hole.word);
  std::int32_t word = hole.word, words = hole.words;
  if (next != holes.end() && word + words == next->first) {
    words += next->second;
    next = holes.erase(next);
  }
  if (next != holes.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == word) {
      word = before->first;
      words += before->second;
      holes.erase(before);
    }
  }
  holes.emplace(word, words);
}

std::int32_t WorkMemory::high_water(std::int32_t group) const {
  return high_water_[static_cast<std::size_t>(group)];
}

}  // namespace millrace::compiler
