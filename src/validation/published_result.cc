#include "validation/published_result.h"

#include <fmt/format.h>

#include <map>

#include "toml/document.h"

namespace millrace {
namespace {

using Sources = std::map<std::string, std::string>;

Result<Sources> ParseSources(const TomlTable& root) {
  Sources sources;
  MILLRACE_TRY(const TomlTable table, root.Table("sources"));
  for (const TomlMember& member : table.members()) {
    MILLRACE_TRY(sources[member.key], table.Text(member.key));
  }
  return sources;
}

Result<void> ParseWhere(const TomlTable& table, PublishedResult& result) {
  constexpr std::int64_t kMost = 1 << 24;
  MILLRACE_TRY(result.machine, table.Text("machine"));
  if (table.Has("chips")) {
    MILLRACE_TRY(const std::int64_t chips, table.Whole("chips", 1, 1 << 20));
    result.chips = static_cast<std::int32_t>(chips);
  }
  if (table.Has("unpredicted") == table.Has("model")) {
    return table.Wrong("model", table.Has("model") ? "a model and unpredicted" : "neither",
                       "model, or unpredicted with the reason");
  }
  if (!table.Has("model")) {
    MILLRACE_TRY(result.unpredicted, table.Text("unpredicted"));
    return {};
  }
  MILLRACE_TRY(result.model, table.Text("model"));
  if (result.chips == 0) return table.Wrong("chips", "none", "chips, as stated or assumed");
  MILLRACE_TRY(const std::int64_t context, table.Whole("context", 1, kMost));
  MILLRACE_TRY(const std::int64_t position, table.Whole("position", 0, context - 1));
  result.context = static_cast<std::int32_t>(context);
  result.position = static_cast<std::int32_t>(position);
  return {};
}

Result<void> ParseValue(const TomlTable& table, PublishedResult& result) {
  if (table.Has("tokens_per_s") == table.Has("latency_us")) {
    return table.Wrong("tokens_per_s", "both or neither", "tokens_per_s or latency_us");
  }
  const bool is_rate = table.Has("tokens_per_s");
  result.unit =
      is_rate ? PublishedResult::Unit::kTokensPerSecond : PublishedResult::Unit::kMicroseconds;
  MILLRACE_TRY(result.value, table.Real(is_rate ? "tokens_per_s" : "latency_us", 1e-6, 1e12));
  MILLRACE_TRY(result.relation, table.Text("relation", ""));
  if (result.relation.empty() || result.relation == "more than" || result.relation == "less than") {
    return {};
  }
  return table.Wrong("relation", Describe(*table.Find("relation")), "'more than' or 'less than'");
}

Result<void> ParseProvenance(const TomlTable& table, const Sources& sources,
                             PublishedResult& result) {
  if (table.Has("published") == table.Has("measured")) {
    return table.Wrong("published", "both or neither", "published or measured");
  }
  result.measured = table.Has("measured");
  const char* key = result.measured ? "measured" : "published";
  MILLRACE_TRY(const std::vector<std::string> keys, table.Texts(key));
  for (const std::string& source : keys) {
    const auto found = sources.find(source);
    if (found == sources.end()) {
      return table.Wrong(key, fmt::format("'{}'", source.substr(0, 40)), "keys of [sources]");
    }
    result.sources.push_back(found->second);
  }
  if (keys.empty()) return table.Wrong(key, "no source", "keys of [sources]");
  return {};
}

Result<PublishedResult> ParseOne(const TomlTable& table, const Sources& sources) {
  MILLRACE_TRY_VOID(
      table.OnlyKeys({"name", "model", "unpredicted", "machine", "chips", "assumed", "context",
                      "position", "tokens_per_s", "latency_us", "relation", "conditions",
                      "published", "measured", "unknown", "sensitivity"}));
  PublishedResult result;
  MILLRACE_TRY(result.name, table.Text("name"));
  MILLRACE_TRY_VOID(ParseWhere(table, result));
  MILLRACE_TRY(result.assumed, table.Texts("assumed"));
  MILLRACE_TRY_VOID(ParseValue(table, result));
  MILLRACE_TRY(result.conditions, table.Text("conditions"));
  MILLRACE_TRY_VOID(ParseProvenance(table, sources, result));
  MILLRACE_TRY(result.unknown, table.Texts("unknown"));
  MILLRACE_TRY(result.sensitivity, table.Flag("sensitivity", false));
  return result;
}

}  // namespace

Result<std::vector<PublishedResult>> ParsePublishedResults(std::string_view text,
                                                           std::string_view file) {
  MILLRACE_TRY(const TomlValue value, ParseToml(text, file));
  const TomlTable root(value, std::string(file));
  MILLRACE_TRY_VOID(root.OnlyKeys({"sources", "result"}));
  MILLRACE_TRY(const Sources sources, ParseSources(root));
  MILLRACE_TRY(const std::vector<TomlTable> tables, root.Tables("result"));
  std::vector<PublishedResult> results;
  for (const TomlTable& table : tables) {
    MILLRACE_TRY(PublishedResult result, ParseOne(table, sources));
    results.push_back(std::move(result));
  }
  return results;
}

std::vector<PublishedResult> PublishedResults() {
  std::vector<PublishedResult> all;
  for (const EmbeddedFile& file : PublishedResultFiles()) {
    auto results = ParsePublishedResults(file.text, file.name);
    for (PublishedResult& result : results.value()) all.push_back(std::move(result));
  }
  return all;
}

}  // namespace millrace
