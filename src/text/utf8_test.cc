#include "text/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace millrace {
namespace {

TEST(Utf8, EveryCodePointComesBack) {
  for (char32_t code_point = 0; code_point < 0x110000; ++code_point) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
    const std::string text = EncodeUtf8(code_point);
    const Utf8Sequence sequence = FirstUtf8Sequence(text + "\x80");
    ASSERT_EQ(sequence.form, Utf8Form::kWellFormed) << static_cast<unsigned>(code_point);
    ASSERT_TRUE(sequence.code_point == code_point);
    ASSERT_EQ(sequence.bytes, text.size());
  }
}

TEST(Utf8, OverlongFormsSurrogatesAndWhatLiesBeyondAreIllFormed) {
  for (const std::string_view text :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\x80", "\xBF"}) {
    const Utf8Sequence sequence = FirstUtf8Sequence(text);
    EXPECT_EQ(sequence.form, Utf8Form::kIllFormed);
    EXPECT_EQ(sequence.bytes, 1u);
    EXPECT_FALSE(IsWellFormedUtf8(text));
  }
}

TEST(Utf8, AMistakeIsAsLongAsTheSequenceWasFine) {
  EXPECT_EQ(FirstUtf8Sequence("\xE2\x82z").bytes, 2u);
  EXPECT_EQ(FirstUtf8Sequence("\xE2\x82z").form, Utf8Form::kIllFormed);
  EXPECT_EQ(FirstUtf8Sequence("\xF0\x9F\x98z").bytes, 3u);
  EXPECT_EQ(FirstUtf8Sequence("\xE2z").bytes, 1u);
}

TEST(Utf8, TheEndInsideASequenceIsTruncation) {
  for (const std::string_view text : {"\xC3", "\xE2\x82", "\xF0", "\xF0\x9F\x98"}) {
    EXPECT_EQ(FirstUtf8Sequence(text).form, Utf8Form::kTruncated);
    EXPECT_EQ(FirstUtf8Sequence(text).bytes, text.size());
  }
}

TEST(Utf8, ReplacementIsOneMarkAByte) {
  EXPECT_EQ(ReplaceIllFormedBytes("a\xE2\x82z\xFF"), "a\uFFFD\uFFFDz\uFFFD");
  EXPECT_EQ(ReplaceIllFormedBytes("\xF0\x9F\x98"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(ReplaceIllFormedBytes("h\u00E9 \U0001F600"), "h\u00E9 \U0001F600");
}

TEST(Utf8Stream, HoldsBackAnUnfinishedSequence) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.Push("\x98"), "");
  EXPECT_EQ(stream.Push("\x80z"), "\U0001F600z");
  EXPECT_EQ(stream.Flush(), "");
}

TEST(Utf8Stream, MarksAMistakeAsSoonAsItIsCertain) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("\xE2\x82"), "");
  EXPECT_EQ(stream.Push("z"), "\uFFFDz");
  EXPECT_EQ(stream.Push("\xFF"), "\uFFFD");
}

TEST(Utf8Stream, FlushMarksWhatNeverCameAndStartsAfresh) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("\xE2\x82"), "");
  EXPECT_EQ(stream.Flush(), "\uFFFD");
  EXPECT_EQ(stream.Push("\xAC"), "\uFFFD");
  EXPECT_EQ(stream.Flush(), "");
}

}  // namespace
}  // namespace millrace
