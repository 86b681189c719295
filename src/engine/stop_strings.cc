#include "engine/stop_strings.h"

#include <algorithm>
#include <utility>

namespace millrace {

Result<StopStrings> StopStrings::Build(std::vector<std::string> strings) {
  std::vector<Pattern> patterns;
  for (std::size_t i = 0; i < strings.size(); ++i) {
    if (strings[i].empty()) return Invalid("stop string {} is empty, wanted some text", i + 1);
    patterns.push_back(MakePattern(std::move(strings[i])));
  }
  return StopStrings(std::move(patterns));
}

StopStrings::Pattern StopStrings::MakePattern(std::string text) {
  std::vector<std::size_t> border(text.size() + 1, 0);
  std::size_t length = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    while (length > 0 && text[i] != text[length]) length = border[length];
    if (text[i] == text[length]) ++length;
    border[i + 1] = length;
  }
  return {std::move(text), std::move(border), 0};
}

bool StopStrings::Pattern::Advance(char byte) {
  while (matched > 0 && text[matched] != byte) matched = border[matched];
  if (text[matched] == byte) ++matched;
  return matched == text.size();
}

// Returns how many bytes may not be shown yet. Sets stopped_by_ if a string is complete: then these
// bytes are it.
std::size_t StopStrings::AdvanceAll(char byte) {
  std::size_t held = 0;
  std::size_t complete = 0;
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    if (patterns_[i].Advance(byte) && patterns_[i].matched > complete) {
      complete = patterns_[i].matched;
      stopped_by_ = i;
    }
    held = std::max(held, patterns_[i].matched);
  }
  return stopped_by_ ? complete : held;
}

std::string_view StopStrings::Feed(std::string_view piece) {
  text_.erase(0, std::exchange(returned_, 0));
  if (stopped_by_) return {};
  if (patterns_.empty()) {
    text_ = piece;
    returned_ = text_.size();
    return text_;
  }
  std::size_t held = text_.size();
  for (std::size_t i = 0; i < piece.size() && !stopped_by_; ++i) {
    text_.push_back(piece[i]);
    held = AdvanceAll(piece[i]);
  }
  returned_ = text_.size() - held;
  if (stopped_by_) text_.resize(returned_);
  return std::string_view(text_).substr(0, returned_);
}

std::string_view StopStrings::Finish() {
  text_.erase(0, std::exchange(returned_, 0));
  returned_ = text_.size();
  for (Pattern& pattern : patterns_) pattern.matched = 0;
  return text_;
}

}  // namespace millrace
