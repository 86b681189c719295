// Small templates against what Jinja2 made of them: the lines of tests/data/jinja/cases.tar.xz.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "jinja/template.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kNow = 1769864709;  // 2026-01-31 13:05:09

Result<std::string> Render(const std::string& source, const Json& context) {
  const auto parsed = jinja::Template::Parse(source, "case");
  if (!parsed.ok()) return parsed.error();
  return parsed->Render(context, {.now_s = kNow});
}

TEST(Jinja, MakesTheTextThatJinja2Makes) {
  std::ifstream file(MILLRACE_JINJA_CASES);
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const Json context = Json::parse(line)["context"];
  int texts = 0, errors = 0;
  while (std::getline(file, line)) {
    const Json one = Json::parse(line);
    const std::string source = one["template"];
    const auto text = Render(source, context);
    if (one.contains("text")) {
      ++texts;
      EXPECT_TRUE(text.ok()) << source << "\n" << text.error().message;
      if (!text.ok()) continue;
      EXPECT_EQ(*text, one["text"].get<std::string>()) << source;
    } else {
      ++errors;
      EXPECT_FALSE(text.ok()) << source << "\nmakes: " << *text << "\nJinja2: " << one["error"];
    }
  }
  EXPECT_GT(texts, 6000);
  EXPECT_GT(errors, 6000);
}

}  // namespace
}  // namespace millrace
