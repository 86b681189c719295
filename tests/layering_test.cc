// The layering is a test: every #include "folder/..." under src/ must be an edge that the folder's
// CMakeLists.txt declares.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;
using Edges = std::map<std::string, std::set<std::string>>;

// Lines "folder: dep dep dep", written by cmake/folder.cmake.
Edges DeclaredEdges() {
  Edges edges;
  std::ifstream file(MILLRACE_LAYERING);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string folder, dep;
    words >> folder;
    folder.pop_back();
    edges[folder] = {folder};
    while (words >> dep) edges[folder].insert(dep);
  }
  return edges;
}

TEST(Layering, EveryIncludeIsADeclaredEdge) {
  const Edges edges = DeclaredEdges();
  ASSERT_THAT(edges, testing::Not(testing::IsEmpty()));
  const std::regex include(R"(^\s*#include "([^/"]+)/[^"]*")");
  int includes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(MILLRACE_SOURCE_DIR "/src")) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cc") continue;
    const std::string folder = entry.path().parent_path().filename();
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, include)) continue;
      ++includes;
      ASSERT_TRUE(edges.contains(folder)) << folder << " has no declaration";
      EXPECT_TRUE(edges.at(folder).contains(match[1])) << entry.path() << " includes " << match[1];
    }
  }
  EXPECT_GT(includes, 10);
}

TEST(Layering, DeclaredEdgesHaveNoCycle) {
  const Edges edges = DeclaredEdges();
  std::set<std::string> placed;
  for (bool progress = true; progress;) {
    progress = false;
    for (const auto& [folder, deps] : edges) {
      if (placed.contains(folder)) continue;
      bool ready = true;
      for (const auto& dep : deps) ready = ready && (dep == folder || placed.contains(dep));
      if (ready) progress = placed.insert(folder).second;
    }
  }
  EXPECT_EQ(placed.size(), edges.size());
}

}  // namespace
