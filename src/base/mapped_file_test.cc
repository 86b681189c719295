#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace millrace {
namespace {

std::string TemporaryPath(const char* name) {
  return testing::TempDir() + "mapped_file_test_" + std::to_string(getpid()) + "_" + name;
}

TEST(MappedFile, ShowsTheBytesAlsoAfterAMove) {
  const std::string path = TemporaryPath("bytes");
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  std::fputs("millrace", file);
  std::fclose(file);
  auto opened = MappedFile::Open(path);
  ASSERT_TRUE(opened.ok());
  const MappedFile mapped = std::move(opened).value();
  ASSERT_EQ(mapped.bytes().size(), 8u);
  EXPECT_EQ(std::memcmp(mapped.bytes().data(), "millrace", 8), 0);
  std::remove(path.c_str());
}

TEST(MappedFile, ShowsTheBytesStillAfterTheyAreForgotten) {
  const std::string path = TemporaryPath("forgotten");
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  std::fputs(std::string(100'000, 'x').c_str(), file);
  std::fclose(file);
  const auto mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  mapped->Forget(mapped->bytes());
  mapped->Forget(mapped->bytes().subspan(1, 3));  // no whole page
  for (const std::byte byte : mapped->bytes()) ASSERT_EQ(byte, std::byte{'x'});
  std::remove(path.c_str());
}

TEST(MappedFile, AnEmptyFileHasNoBytes) {
  const std::string path = TemporaryPath("empty");
  std::fclose(std::fopen(path.c_str(), "wb"));
  const auto mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  EXPECT_TRUE(mapped->bytes().empty());
  std::remove(path.c_str());
}

TEST(MappedFile, SaysWhatIsWrong) {
  EXPECT_EQ(MappedFile::Open("/no/such/file").error().message, "/no/such/file: no such file");
  EXPECT_EQ(MappedFile::Open("/").error().message, "/: is a directory, wanted a file");
  const std::string fifo = TemporaryPath("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::Open(fifo).error().code,
            ErrorCode::kInvalid);  // and does not wait for a writer
  std::remove(fifo.c_str());
}

}  // namespace
}  // namespace millrace
