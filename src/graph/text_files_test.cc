// The files of tests/files/graph: a graph in text form, "---", and what parsing, verifying and
// printing it gives: the same graph, or "error: " and the message.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "graph/parse.h"
#include "graph/print.h"
#include "graph/verify.h"

namespace millrace {
namespace {

constexpr std::string_view kSeparator = "---\n";

std::string Outcome(const std::string& input) {
  const Result<Graph> graph = Parse(input, "input");
  if (!graph.ok()) return "error: " + graph.error().message + "\n";
  const Result<void> verified = Verify(*graph);
  if (!verified.ok()) return "error: " + verified.error().message + "\n";
  return Print(*graph);
}

TEST(GraphTextFiles, GiveExactlyWhatTheySay) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(MILLRACE_SOURCE_DIR "/tests/files/graph")) {
    std::ifstream file(entry.path());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const std::size_t separator = text.find(kSeparator);
    ASSERT_NE(separator, std::string::npos) << entry.path();
    EXPECT_EQ(Outcome(text.substr(0, separator)), text.substr(separator + kSeparator.size()))
        << entry.path();
    ++files;
  }
  EXPECT_GE(files, 59);
}

}  // namespace
}  // namespace millrace
