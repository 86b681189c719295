// millrace template: a rendering, and what is wrong with a template or its input.
#include "program.h"

namespace millrace {
namespace {

TEST(Template, PrintsTheRenderingAndNothingElse) {
  TemporaryFolder folder;
  const std::string source = folder.Write(
      "chat.jinja",
      "{% for m in messages %}\n<{{ m.role }}>{{ m.content }}{{ eos_token }}\n{% endfor %}\n"
      "{{ tools | tojson }}{{ strftime_now('%d %b %Y') }}\n");
  const std::string input = folder.Write(
      "input.json",
      R"({"messages": [{"role": "user", "content": "Grüße"}], "tools": [{"b": 1, "a": "<"}],)"
      R"( "eos_token": "</s>", "now": "2026-01-31T13:05:09Z"})");
  const Outcome outcome = Millrace({"template", source, input});
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.out, "<user>Grüße</s>\n[{\"b\": 1, \"a\": \"<\"}]31 Jan 2026");
  EXPECT_EQ(outcome.err, "");
}

TEST(Template, ReadsItsInputFromAPipe) {
  TemporaryFolder folder;
  const std::string source = folder.Write("t.jinja", "{{ x }}");
  const Outcome outcome = Millrace({"template", source, "-"}, R"({"x": [1, null, true]})");
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.out, "[1, None, True]");
}

TEST(Template, SaysInOneLineWhatIsWrong) {
  TemporaryFolder folder;
  const std::string good = folder.Write("good.jinja", "a\n{{ x.y.z }}");
  const std::string bad = folder.Write("bad.jinja", "a\n{% if %}");
  const std::string endless =
      folder.Write("endless.jinja",
                   "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}"
                   "{% endfor %}");
  const std::string input = folder.Write("input.json", R"({"x": 1})");
  const std::string array = folder.Write("array.json", "[1]");
  const std::string when = folder.Write("when.json", R"({"now": "yesterday"})");
  const auto fails = [&](const std::string& source, const std::string& json,
                         const std::vector<std::string>& parts) {
    ExpectFailure(Millrace({"template", source, json}), 1, "template", parts);
  };
  fails(good, input, {"good.jinja:2: 'int' object has no attribute 'y'"});
  fails(bad, input, {"bad.jinja:2: found '%}', wanted an expression"});
  fails(endless, input, {"endless.jinja:1: the template takes more than"});
  fails(good, array, {"array.json: found no JSON object"});
  fails(good, when, {"now: found \"yesterday\""});
  fails(folder / "none.jinja", input, {"none.jinja"});
  EXPECT_EQ(Millrace({"template", good}).status, 2);
}

}  // namespace
}  // namespace millrace
