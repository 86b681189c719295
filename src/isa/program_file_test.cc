#include "isa/program_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

#include "isa/random_program.h"

namespace millrace::isa {
namespace {

TEST(ProgramFile, GivesBackWhatWasEncoded) {
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    const Program program = RandomProgram(seed).Make();
    const auto bytes = Encode(program);
    const Result<Program> read = Decode(bytes, "encoded");
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_TRUE(*read == program);
    ASSERT_EQ(Encode(*read), bytes);
  }
}

TEST(ProgramFile, GivesBackWhatWasSaved) {
  const std::string path = testing::TempDir() + fmt::format("program_file_{}.mrx", getpid());
  const Program program = RandomProgram(7).Make();
  ASSERT_TRUE(Save(program, path).ok());
  const Result<Program> read = LoadProgram(path);
  std::remove(path.c_str());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_TRUE(*read == program);
}

TEST(ProgramFile, EveryFlippedBitIsAnErrorOrBetweenTheParts) {
  const Program program = RandomProgram(11).Make();
  auto bytes = Encode(program);
  ASSERT_GT(bytes.size(), 500U);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const auto mask = static_cast<std::byte>(1U << (bit % 8));
    bytes[bit / 8] ^= mask;
    const Result<Program> read = Decode(bytes, "flipped");
    bytes[bit / 8] ^= mask;
    if (read.ok()) {
      EXPECT_TRUE(*read == program) << "bit " << bit;
    }
  }
}

TEST(ProgramFile, EveryTruncationIsAnError) {
  const auto bytes = Encode(RandomProgram(11).Make());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Decode(std::span(bytes).first(size), "short").ok()) << size;
  }
}

// With checksums that fit, so that the reader behind them is seen.
TEST(ProgramFile, DamageBehindRightChecksumsNeverCrashes) {
  const auto bytes = Encode(RandomProgram(11).Make());
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    auto copy = bytes;
    const std::size_t at = 128 + random() % (copy.size() - 128);
    copy[at] = static_cast<std::byte>(random() & 255);
    const auto number = [&](std::size_t offset) {
      std::uint64_t value = 0;
      std::memcpy(&value, copy.data() + offset, 8);
      return static_cast<std::size_t>(value);
    };
    for (std::size_t row = 24; row < 120; row += 24) {
      const auto sum = Checksum(std::span(copy).subspan(number(row), number(row + 8)));
      std::memcpy(copy.data() + row + 16, &sum, 8);
    }
    const auto sum = Checksum(std::span(copy).first(120));
    std::memcpy(copy.data() + 120, &sum, 8);
    const Result<Program> read = Decode(copy, "damaged");
    if (read.ok()) {
      const auto encoded = Encode(*read);
      EXPECT_EQ(Encode(*Decode(encoded, "again")), encoded);
    }
  }
}

TEST(ProgramFile, SaysWhatIsWrong) {
  auto bytes = Encode(Program{});
  EXPECT_EQ(Decode(std::span(bytes).first(20), "x").error().message,
            "x: found 20 bytes, wanted a header of 128");
  EXPECT_EQ(Decode({}, "x").error().message,
            "x: found other bytes, wanted a file that begins with MRXPROG");
  bytes[8] = std::byte{2};
  const auto other = Decode(bytes, "x");
  EXPECT_EQ(other.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(other.error().message, "x: found version 2, this program reads 1");
}

}  // namespace
}  // namespace millrace::isa
