// Ends a streamed reply at a stop string, wherever the pieces of the text are cut.
//
// A piece may end with what could become a stop string, so that much is held back until it is
// known:
//
//     stop "###"    Feed("Hi #")  -> "Hi "     one byte held back
//                   Feed("1 ##")  -> "#1 "     two bytes held back
//                   Feed("# you") -> ""        stopped; " you" is thrown away
//
// The reply ends at the stop string that is complete first; of several that end at the same byte,
// at the longest. So the text that comes out does not depend on the cuts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace {

class StopStrings {
 public:
  // Without any, all text passes at once. kInvalid if one is empty.
  static Result<StopStrings> Build(std::vector<std::string> strings);

  // Takes the next piece, returns the text that is now safe to show. Valid until the next call.
  // Once stopped, every further piece is thrown away.
  std::string_view Feed(std::string_view piece);

  // The text has ended: returns what was held back (nothing, if stopped). Valid until the next
  // call.
  std::string_view Finish();

  // Which of the strings ended the reply, by its index; nothing as long as none did.
  std::optional<std::size_t> stopped_by() const { return stopped_by_; }

 private:
  // A stop string, and how much of it the text so far ends with (Knuth, Morris, Pratt 1977).
  struct Pattern {
    std::string text;
    std::vector<std::size_t>
        border;  // border[n]: the longest proper prefix of text[0, n) that is also its suffix
    std::size_t matched = 0;

    bool Advance(char byte);  // true if it is now complete
  };

  explicit StopStrings(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {}
  static Pattern MakePattern(std::string text);
  std::size_t AdvanceAll(char byte);

  std::vector<Pattern> patterns_;
  std::string text_;          // what was returned last, then what is held back
  std::size_t returned_ = 0;  // how much of text_ was returned
  std::optional<std::size_t> stopped_by_;
};

}  // namespace millrace
