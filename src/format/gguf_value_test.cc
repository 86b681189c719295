// Metadata that were read and are written again are the same bytes.
#include "format/gguf_value.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "format/checkpoint.h"

namespace millrace {
namespace {

// In the order of the keys, as Checkpoint has them.
GgufWriter EveryType() {
  GgufWriter writer;
  writer.Set("a", std::uint8_t{255});
  writer.Set("b", std::int8_t{-128});
  writer.Set("c", std::uint16_t{65535});
  writer.Set("d", std::int16_t{-32768});
  writer.Set("e", std::uint32_t{4294967295u});
  writer.Set("f", std::int32_t{5});
  writer.Set("g", 0.1f);
  writer.Set("h", true);
  writer.Set("i", std::string("text"));
  writer.Set("j", std::numeric_limits<std::uint64_t>::max());
  writer.Set("k", std::numeric_limits<std::int64_t>::min());
  writer.Set("l", 0.1);
  writer.Set("m", std::vector<std::uint8_t>{1, 2});
  writer.Set("n", std::vector<std::int8_t>{-1, 2});
  writer.Set("o", std::vector<std::uint16_t>{1});
  writer.Set("p", std::vector<std::int16_t>{-1});
  writer.Set("q", std::vector<std::uint32_t>{1, 2, 3});
  writer.Set("r", std::vector<std::int32_t>{});
  writer.Set("s", std::vector<float>{0.1f, -0.0f});
  writer.Set("t", std::vector<bool>{true, false, true});
  writer.Set("u", std::vector<std::string>{"", "b", "c d"});
  writer.Set("v", std::vector<std::uint64_t>{1});
  writer.Set("w", std::vector<std::int64_t>{-1});
  writer.Set("x", std::vector<double>{0.1});
  return writer;
}

std::vector<std::byte> Bytes(const GgufWriter& writer) {
  return writer.Bytes([](const GgufRows&) { return Result<void>(); }).value();
}

TEST(ToGgufValue, EveryTypeIsWrittenAsItWasRead) {
  const std::vector<std::byte> bytes = Bytes(EveryType());
  const Checkpoint read = Checkpoint::Parse(bytes, "test").value();
  ASSERT_EQ(read.metadata().size(), 24u);
  GgufWriter again;
  for (const auto& [key, value] : read.metadata()) again.Set(std::string(key), ToGgufValue(value));
  EXPECT_EQ(Bytes(again), bytes);
}

}  // namespace
}  // namespace millrace
