#include "engine/stop_strings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/philox.h"

namespace millrace {
namespace {

struct Reply {
  std::string text;
  std::optional<std::size_t> stopped_by;

  friend bool operator==(const Reply&, const Reply&) = default;
};
void PrintTo(const Reply& reply, std::ostream* out) {
  *out << '"' << reply.text << "\" stopped by " << (reply.stopped_by ? *reply.stopped_by : 99);
}

Reply Stream(StopStrings stops, const std::vector<std::string>& pieces) {
  Reply reply;
  for (const std::string& piece : pieces) reply.text += stops.Feed(piece);
  reply.text += stops.Finish();
  reply.stopped_by = stops.stopped_by();
  return reply;
}

StopStrings Stops(std::vector<std::string> strings) {
  return StopStrings::Build(std::move(strings)).value();
}

// The definition: the shortest prefix of the text that ends with a stop string, less the longest
// such string.
Reply Wanted(const std::string& text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::optional<std::size_t> longest;
    for (std::size_t i = 0; i < stops.size(); ++i) {
      if (std::string_view(text).substr(0, end).ends_with(stops[i]) &&
          (!longest || stops[i].size() > stops[*longest].size())) {
        longest = i;
      }
    }
    if (longest) return {text.substr(0, end - stops[*longest].size()), longest};
  }
  return {text, std::nullopt};
}

// Every way to cut `text` in one, two or three, and one byte at a time.
void ExpectSameForEveryCut(const std::string& text, const std::vector<std::string>& strings) {
  const StopStrings stops = Stops(strings);
  const Reply wanted = Wanted(text, strings);
  for (std::size_t a = 0; a <= text.size(); ++a) {
    for (std::size_t b = a; b <= text.size(); ++b) {
      EXPECT_EQ(Stream(stops, {text.substr(0, a), text.substr(a, b - a), text.substr(b)}), wanted)
          << "cut at " << a << " and " << b;
    }
  }
  std::vector<std::string> bytes;
  for (const char byte : text) bytes.emplace_back(1, byte);
  EXPECT_EQ(Stream(stops, bytes), wanted);
}

TEST(StopStrings, TheTextEndsBeforeTheStopWhereverItIsCut) {
  ExpectSameForEveryCut("Hello there\n### User: hi", {"###", "User"});
  ExpectSameForEveryCut("no stop in here, not even #", {"###"});
  ExpectSameForEveryCut("###", {"###"});
  ExpectSameForEveryCut("a### tail ###", {"###"});
}

TEST(StopStrings, StopsThatRepeatThemselvesAreFound) {
  ExpectSameForEveryCut("xaabaabaaab!", {"aabaaab"});
  ExpectSameForEveryCut("aaaaaaab", {"aaab"});
  ExpectSameForEveryCut("abababac..", {"ababac"});
}

TEST(StopStrings, OneInsideAnotherStopsWhenItIsComplete) {
  ExpectSameForEveryCut("xx<|end|>yy", {"<|end|>", "end"});
  ExpectSameForEveryCut("xx<|end|>yy", {"<|end|>x", "end|>"});
}

TEST(StopStrings, OfThoseThatEndTogetherTheLongestCounts) {
  ExpectSameForEveryCut("one two three", {"two", "one two", "o"});
  ExpectSameForEveryCut("xthe end.", {"end.", "the end.", "d."});
}

TEST(StopStrings, RandomTextsOfTwoLettersAgreeWithTheDefinition) {
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    std::uint64_t draws = 0;
    const auto random = [&](int below) {
      return static_cast<std::size_t>(DrawUniform(trial, 0, draws++) * below);
    };
    const auto letters = [&](std::size_t count) {
      std::string text;
      while (text.size() < count) text += random(2) == 0 ? 'a' : 'b';
      return text;
    };
    std::vector<std::string> strings;
    for (std::size_t i = 1 + random(3); i > 0; --i) strings.push_back(letters(1 + random(7)));
    ExpectSameForEveryCut(letters(random(20)), strings);
  }
}

TEST(StopStrings, NoMoreIsHeldBackThanMayBecomeAStop) {
  StopStrings stops = Stops({"###"});
  EXPECT_EQ(stops.Feed("Hi #"), "Hi ");
  EXPECT_EQ(stops.Feed("1 ##"), "#1 ");
  EXPECT_EQ(stops.stopped_by(), std::nullopt);
  EXPECT_EQ(stops.Feed("# you"), "");
  EXPECT_EQ(stops.stopped_by(), 0u);
  EXPECT_EQ(stops.Feed("more"), "");
  EXPECT_EQ(stops.Finish(), "");
}

TEST(StopStrings, FinishReturnsWhatWasHeldBack) {
  StopStrings stops = Stops({"###"});
  EXPECT_EQ(stops.Feed("a##"), "a");
  EXPECT_EQ(stops.Feed(""), "");
  EXPECT_EQ(stops.Finish(), "##");
  EXPECT_EQ(stops.Finish(), "");
}

TEST(StopStrings, WithoutAnyTheTextPassesAtOnce) {
  StopStrings stops = Stops({});
  EXPECT_EQ(stops.Feed("all of it"), "all of it");
  EXPECT_EQ(stops.Feed(""), "");
  EXPECT_EQ(stops.Finish(), "");
}

TEST(StopStrings, BytesThatAreNoTextAreBytesLikeOthers) {
  using std::string_literals::operator""s;
  ExpectSameForEveryCut("a\0b\xff\xfe\0c"s, {"\xfe\0"s});
}

TEST(StopStrings, AnEmptyOneIsInvalid) {
  const auto result = StopStrings::Build({"ok", ""});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "stop string 2 is empty, wanted some text");
}

}  // namespace
}  // namespace millrace
