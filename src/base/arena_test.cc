#include "base/arena.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace millrace {
namespace {

TEST(Arena, GivesZeroedMemoryOnAHugePage) {
  auto arena = Arena::Reserve(3'000'001, "test");
  ASSERT_TRUE(arena.ok());
  EXPECT_GE(arena->size_bytes(), 3'000'001u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arena->data()) % (2 << 20), 0u);
  EXPECT_EQ(arena->data()[0], std::byte{0});
  arena->data()[3'000'000] = std::byte{1};
}

TEST(Arena, OfNothingIsEmpty) {
  const auto arena = Arena::Reserve(0, "test");
  ASSERT_TRUE(arena.ok());
  EXPECT_EQ(arena->data(), nullptr);
}

TEST(Arena, RefusesMoreThanTheMachineHas) {
  const auto arena = Arena::Reserve(std::size_t{1} << 50, "KV cache");
  ASSERT_FALSE(arena.ok());
  EXPECT_EQ(arena.error().code, ErrorCode::kExhausted);
  EXPECT_TRUE(
      arena.error().message.starts_with("KV cache: needs 1125899906842624 bytes of memory, "))
      << arena.error().message;
}

TEST(Arena, MovesItsMemory) {
  auto first = Arena::Reserve(100, "test");
  ASSERT_TRUE(first.ok());
  std::byte* data = first->data();
  const Arena second = std::move(first).value();
  EXPECT_EQ(second.data(), data);
}

}  // namespace
}  // namespace millrace
