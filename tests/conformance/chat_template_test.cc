// Every chat template of tests/data/chat_templates against the texts that two other libraries make
// of it, byte for byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "jinja/template.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(MILLRACE_CHAT_TEMPLATES)) {
    if (entry.path().extension() == ".jinja") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "2026-01-31T13:05:09Z" in seconds since 1970.
std::int64_t Seconds(const std::string& time) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  EXPECT_EQ(
      std::sscanf(time.c_str(), "%d-%d-%dT%d:%d:%dZ", &year, &month, &day, &hour, &minute, &second),
      6);
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  const auto days = std::chrono::sys_days{date}.time_since_epoch().count();
  return std::int64_t{days} * 86400 + hour * 3600 + minute * 60 + second;
}

class ChatTemplates : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string path = std::string(MILLRACE_CHAT_TEMPLATES) + "/" + GetParam();
    source_ = ReadFile(path + ".jinja");
    cases_ = Json::parse(ReadFile(path + ".json"));
  }

  std::string source_;
  Json cases_;
};

TEST_P(ChatTemplates, RenderWhatTwoLibrariesRender) {
  const auto parsed = jinja::Template::Parse(source_, GetParam());
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const jinja::RenderOptions options{.now_s = Seconds(cases_["now"])};
  for (const Json& one : cases_["cases"]) {
    SCOPED_TRACE(one["name"].get<std::string>());
    const auto text = parsed->Render(one["context"], options);
    ASSERT_TRUE(text.ok()) << text.error().message;
    EXPECT_EQ(*text, one["expected"].get<std::string>());
    if (!one.value("same_with_tools_none", false)) continue;
    Json context = one["context"];
    context["tools"] = nullptr;
    context["documents"] = nullptr;
    const auto with_none = parsed->Render(context, options);
    ASSERT_TRUE(with_none.ok()) << with_none.error().message;
    EXPECT_EQ(*with_none, one["expected"].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(All, ChatTemplates, testing::ValuesIn(Names()), [](const auto& instance) {
  std::string name = instance.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

TEST(ChatTemplateVectors, AreAllThere) {
  std::size_t renderings = 0;
  for (const std::string& name : Names()) {
    const std::string path = std::string(MILLRACE_CHAT_TEMPLATES) + "/" + name + ".json";
    renderings += Json::parse(ReadFile(path))["cases"].size();
  }
  EXPECT_EQ(Names().size(), 43u);
  EXPECT_EQ(renderings, 127u);
}

}  // namespace
}  // namespace millrace
