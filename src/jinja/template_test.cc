#include "jinja/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::jinja {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::ordered_json;

Result<std::string> Render(std::string_view source, const Json& context = Json::object(),
                           const RenderOptions& options = {}) {
  const auto parsed = Template::Parse(source, "t.jinja");
  if (!parsed.ok()) return parsed.error();
  return parsed->Render(context, options);
}

std::string ErrorOf(std::string_view source, const Json& context = Json::object(),
                    const RenderOptions& options = {}) {
  const auto text = Render(source, context, options);
  EXPECT_FALSE(text.ok()) << source << " makes " << text.value();
  return text.ok() ? "" : text.error().message;
}

ErrorCode CodeOf(std::string_view source, const RenderOptions& options = {}) {
  const auto text = Render(source, Json::object(), options);
  EXPECT_FALSE(text.ok()) << source;
  return text.ok() ? ErrorCode::kInvalid : text.error().code;
}

TEST(Template, RendersTheContextInItsOrder) {
  const Json context = Json::parse(R"({"d": {"b": 1, "a": "<é'>"}})");
  const auto text = Render("{{ d | tojson }} {{ d }}", context);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(*text, R"({"b": 1, "a": "<é'>"} {'b': 1, 'a': "<é'>"})");
}

TEST(Template, SyntaxErrorsSayWhereWhatAndWhatWasWanted) {
  EXPECT_EQ(ErrorOf("a\n{% if x %}\nb"),
            "t.jinja:3: found the end of the template, wanted 'elif' or 'else' or 'endif' for the "
            "'if' of line 2");
  EXPECT_EQ(ErrorOf("\n\n{{ a b }}"), "t.jinja:3: found 'b', wanted '}}'");
  EXPECT_EQ(ErrorOf("{{ (1 }}"), "t.jinja:1: found '}', wanted ')'");
  EXPECT_EQ(ErrorOf("{{ 1 +\n"), "t.jinja:1: found no end of the tag, wanted '}}'");
  EXPECT_EQ(ErrorOf("{# a\nb"), "t.jinja:1: found no end of the comment, wanted '#}'");
  EXPECT_EQ(ErrorOf("{% break %}"), "t.jinja:1: 'break' stands outside of a loop");
  EXPECT_EQ(ErrorOf("x\n{% frobnicate %}"),
            "t.jinja:2: found 'frobnicate', wanted the name of a block");
}

TEST(Template, ErrorsOfARenderingNameTheLine) {
  EXPECT_EQ(ErrorOf("\n{% for m in [1] %}\n{{ m.x.y }}\n{% endfor %}"),
            "t.jinja:3: 'int' object has no attribute 'x'");
  EXPECT_EQ(ErrorOf("{{\nmissing.x }}"), "t.jinja:2: 'missing' is undefined");
  EXPECT_EQ(ErrorOf("\n{{ raise_exception('roles must\nalternate') }}"),
            "t.jinja:2: roles must alternate");
  EXPECT_EQ(ErrorOf("{{ 'a' + 1 }}"), "t.jinja:1: can only concatenate str (not \"int\") to str");
  EXPECT_EQ(ErrorOf("{% macro m(a) %}{{ a.b.c }}{% endmacro %}\n\n{{ m(1) }}"),
            "t.jinja:1: 'int' object has no attribute 'b'");
  EXPECT_EQ(ErrorOf("{{ 9223372036854775807 + 1 }}"),
            "t.jinja:1: a result of + does not fit in 64 bits");
}

TEST(Template, OtherTemplatesAndUnknownFiltersAreUnsupported) {
  for (const char* source : {"{% include 'a' %}", "{% import 'a' as b %}", "{% extends 'a' %}"}) {
    EXPECT_THAT(ErrorOf(source), HasSubstr("is not supported")) << source;
  }
  EXPECT_EQ(CodeOf("{{ 1 | urlize }}"), ErrorCode::kUnsupported);
  EXPECT_EQ(ErrorOf("{{ 1 | urlize }}"), "t.jinja:1: there is no filter 'urlize'");
  EXPECT_EQ(ErrorOf("{{ 1 is frob }}"), "t.jinja:1: there is no test 'frob'");
}

TEST(Template, AnUnknownFilterThatIsNotReachedIsNoError) {
  EXPECT_EQ(*Render("{% if false %}{{ 1 | urlize }}{% endif %}ok"), "ok");
}

TEST(Template, EndlessWorkStopsAtALimit) {
  const char* const endless[] = {
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{% set l = [1] %}{% for x in l %}{% set _ = l.append(x) %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% set s = 'ab' * 99999999999 %}",
      "{% set l = [1] * 999999999999 %}",
      "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}"
      "{% endfor %}",
      "{% set ns = namespace(s='ab') %}{% for i in range(99) %}"
      "{% set ns.s = ns.s | replace('', ns.s) %}{% endfor %}",
      "{{ 'x'.center(99999999999) }}",
      "{{ '%999999999999s' % 1 }}",
      "{{ '{:999999999999}'.format(1) }}",
      "{% set a = 'a' * 9999999 %}{% for i in range(99999) %}{{ a is string }}{{ a | upper | "
      "length }}{% endfor %}",
      "{% set a = 'a' * 5000000 %}{% for i in range(9999) %}{{ a[4999999] }}{% endfor %}",
      "{% set a = 'a' * 5000000 %}{% set b = 'a' * 2000000 + 'b' %}"
      "{% for i in range(9999) %}{{ b in a }}{{ a.rfind(b) }}{% endfor %}",
      "{% set l = range(99999) | list %}{% for i in range(99999) %}{{ 7 in l and l == l | list }}"
      "{% endfor %}",
      "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}",
      "{% set l = [] %}{% set _ = l.append(l) %}{{ l | tojson }}",
      "{% set l = [] %}{% set k = [] %}{% set _ = l.append(l) %}{% set _ = k.append(k) %}"
      "{{ l == k }}",
      "{% set ns = namespace(l=['aaaaaaaaaaaaaaaa']) %}{% for i in range(99) %}"
      "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
      "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
  };
  RenderOptions options;
  options.limits.most_steps = 2'000'000;
  options.limits.most_memory_bytes = std::size_t{64} << 20;
  for (const char* source : endless) {
    SCOPED_TRACE(source);
    const std::string message = ErrorOf(source, Json::object(), options);
    EXPECT_THAT(message, StartsWith("t.jinja:1: "));
    EXPECT_EQ(message.find('\n'), message.npos);
  }
}

TEST(Template, LimitsAreThoseOfTheOptions) {
  RenderOptions options;
  options.limits.most_output_bytes = 10;
  EXPECT_EQ(*Render("0123456789", Json::object(), options), "0123456789");
  EXPECT_EQ(ErrorOf("0123456789x", Json::object(), options),
            "t.jinja:1: the template writes more than 10 bytes");
  options = {};
  options.limits.most_steps = 1000;
  EXPECT_TRUE(Render("{% for i in range(90) %}{{ i }}{% endfor %}", Json::object(), options).ok());
  EXPECT_EQ(CodeOf("{% for i in range(900) %}{{ i }}{% endfor %}", options), ErrorCode::kExhausted);
  options = {};
  options.limits.most_memory_bytes = 100'000;
  EXPECT_EQ(CodeOf("{{ 'a' * 100001 }}", options), ErrorCode::kExhausted);
}

TEST(Template, DeepNestingIsRefused) {
  const auto repeat = [](std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
  };
  const std::string deep[] = {
      "{{ " + repeat("(", 100'000) + "1" + repeat(")", 100'000) + " }}",
      "{{ " + repeat("[", 100'000) + repeat("]", 100'000) + " }}",
      "{{ " + repeat("-", 100'000) + "1 }}",
      "{{ " + repeat("not ", 100'000) + "1 }}",
      "{{ " + repeat("1 if 1 else ", 50'000) + "1 }}",
      repeat("{% if 1 %}", 40'000) + repeat("{% endif %}", 40'000),
      "{% set " + repeat("(", 100'000) + "a" + repeat(")", 100'000) + " = 1 %}",
      "{{ 1" + repeat(" + 1", 100'000) + " }}",
      "{{ x" + repeat("|default(1)", 50'000) + " }}",
      "{{ x" + repeat(".x", 100'000) + " }}",
      "{{ x" + repeat("()", 100'000) + " }}",
  };
  for (const std::string& source : deep) {
    EXPECT_THAT(ErrorOf(source), HasSubstr("deeper than")) << source.substr(0, 20);
  }
  EXPECT_EQ(*Render("{{ 1" + repeat(" + 1", 300) + " }}"), "301");
  EXPECT_EQ(*Render("{{ 1" + repeat(" ~ 1", 5000) + " }}"), std::string(5001, '1'));
  const std::string elifs = "{% if 0 %}" + repeat("{% elif 0 %}", 5000) + "{% else %}x{% endif %}";
  EXPECT_EQ(*Render(elifs), "x");
}

TEST(Template, AStringThatGrowsCostsWhatIsAdded) {
  // A conversation put together piece by piece: 10,000 pieces of 100 bytes.
  const std::string source =
      "{% set ns = namespace(s='') %}{% for i in range(10000) %}"
      "{% set ns.s = ns.s + piece %}{% endfor %}{{ ns.s | length }}";
  RenderOptions options;
  options.limits.most_memory_bytes = 16 << 20;
  const auto text = Render(source, {{"piece", std::string(100, 'x')}}, options);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(*text, "1000000");
}

TEST(Template, GrowingOneStringLeavesAnotherOfTheSameBeginningAlone) {
  const auto text = Render(
      "{% set a = 'x' * 3 %}{% set b = a + 'b' %}{% set c = a + 'c' %}{% set d = b + 'd' %}"
      "{% set e = b + 'e' %}{{ [a, b, c, d, e] }}");
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(*text, "['xxx', 'xxxb', 'xxxc', 'xxxbd', 'xxxbe']");
}

TEST(Template, TheTimeIsAnInput) {
  EXPECT_EQ(*Render("{{ strftime_now('%d %b %Y') }}", Json::object(), {.now_s = 0}), "01 Jan 1970");
  EXPECT_EQ(*Render("{{ strftime_now('%Y-%m-%d %H') }}", Json::object(), {.now_s = -1}),
            "1969-12-31 23");
  EXPECT_THAT(ErrorOf("{{ strftime_now('%Y') }}"), HasSubstr("none was given"));
}

TEST(Template, GenerationBlocksOnlyHoldAScope) {
  EXPECT_EQ(*Render("{% set x = 1 %}{% generation %}{% set x = 2 %}a{{ x }}{% endgeneration %}{{ x "
                    "}}"),
            "a21");
}

TEST(Template, SaysWhichVariablesItMentions) {
  const auto parsed = Template::Parse("{% if tools %}{{ tools }}{% endif %}documents", "t");
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->Mentions("tools"));
  EXPECT_FALSE(parsed->Mentions("documents"));
}

TEST(Template, ContextsThatPythonCouldNotHoldAreErrors) {
  EXPECT_THAT(ErrorOf("{{ x }}", {{"x", 18446744073709551615u}}), HasSubstr("64 bits"));
  Json deep = 1;
  for (int i = 0; i < 1000; ++i) deep = Json::array({deep});
  EXPECT_THAT(ErrorOf("{{ x }}", {{"x", deep}}), HasSubstr("nested deeper"));
}

TEST(Template, BytesThatAreNoUtf8StayAsTheyAre) {
  EXPECT_EQ(*Render("a\xFF{{ x }}{{ x | length }}", {{"x", "\x80\xE4\xB8"}}),
            "a\xFF\x80\xE4\xB8"
            "3");
}

}  // namespace
}  // namespace millrace::jinja
