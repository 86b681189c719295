// millrace validate: every published LPU result beside what the compiler predicts for it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/predict.h"
#include "cli/progress.h"
#include "cli/table.h"

namespace millrace {
namespace {

std::string ValueText(const PublishedResult& result) {
  const char* sign = result.relation == "more than" ? "> " : result.relation.empty() ? "" : "< ";
  const bool is_rate = result.unit == PublishedResult::Unit::kTokensPerSecond;
  return fmt::format("{}{:g} {}", sign, result.value, is_rate ? "tok/s" : "us");
}

std::string Rate(double seconds) { return fmt::format("{:.0f}", 1 / seconds); }

std::string SystemName(const PublishedResult& result) {
  if (result.chips == 0) return result.machine;
  return fmt::format("{}x{}{}", result.machine, result.chips,
                     result.assumed.empty() ? "" : " (assumed)");
}

std::string TableText(const std::vector<Comparison>& comparisons) {
  Table table({"result", "system", "published", "predicted tok/s", "us/token", "error %",
               "at most tok/s", "chips used"});
  for (const Comparison& comparison : comparisons) {
    std::vector<std::string> row = {comparison.result.name, SystemName(comparison.result),
                                    ValueText(comparison.result)};
    if (const auto& found = comparison.prediction) {
      row.insert(row.end(),
                 {Rate(found->seconds), fmt::format("{:.1f}", found->seconds * 1e6),
                  fmt::format("{:+.0f}", 100 * comparison.error()), Rate(found->bound_seconds),
                  fmt::format("{}, {} a layer", found->chips, found->group)});
    } else {
      row.resize(8);
    }
    table.Add(std::move(row));
  }
  return table.Markdown();
}

// What a run would need to be as fast as was published; empty if one token a step is enough.
std::string WouldTake(const Comparison& comparison) {
  constexpr double kNear = 0.05;
  if (!comparison.prediction || comparison.error() > -kNear) return {};
  const double published_us = comparison.result.unit == PublishedResult::Unit::kTokensPerSecond
                                  ? 1e6 / comparison.result.value
                                  : comparison.result.value;
  const double bound_us = comparison.prediction->bound_seconds * 1e6;
  std::string text = fmt::format("{:.0f} us a token", published_us);
  if (published_us < bound_us) {
    text += fmt::format(", where no schedule of one token a step on these chips is below {:.0f} us",
                        bound_us);
  }
  return text + fmt::format(
                    ": {:.1f} tokens a step by speculation, or hops and functions that much "
                    "faster",
                    1 / (1 + comparison.error()));
}

// What stands behind a line of the table.
std::string NotesText(const Comparison& comparison) {
  const PublishedResult& result = comparison.result;
  std::string text = fmt::format("{}: {}\n", result.name, result.conditions);
  const auto add = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {:<11} {}\n", what, Printable(value));
  };
  add(result.measured ? "measured" : "published",
      fmt::format("{}", fmt::join(result.sources, "; ")));
  add("unknown", fmt::format("{}", fmt::join(result.unknown, "; ")));
  if (!result.model.empty()) {
    add("predicted", fmt::format("{} in Q8_0, one sequence, position {}, KV for {}", result.model,
                                 result.position, result.context));
  }
  add("assumed", fmt::format("{}", fmt::join(result.assumed, "; ")));
  add("unpredicted", comparison.refusal);
  add("would take", WouldTake(comparison));
  for (const Variation& variation : comparison.variations) {
    const double change = comparison.prediction->seconds / variation.seconds - 1;
    text += fmt::format("  {:<24} {} tok/s ({:+.1f} %)\n", variation.name, Rate(variation.seconds),
                        100 * change);
  }
  return text;
}

nlohmann::ordered_json ToJson(const Comparison& comparison) {
  const PublishedResult& result = comparison.result;
  const bool is_rate = result.unit == PublishedResult::Unit::kTokensPerSecond;
  nlohmann::ordered_json json = {{"name", result.name},
                                 {"machine", result.machine},
                                 {"chips", result.chips},
                                 {"model", result.model},
                                 {is_rate ? "tokens_per_s" : "latency_us", result.value},
                                 {"relation", result.relation},
                                 {"conditions", result.conditions},
                                 {"measured", result.measured},
                                 {"sources", result.sources},
                                 {"assumed", result.assumed},
                                 {"unknown", result.unknown}};
  if (const auto& found = comparison.prediction) {
    json["predicted_us"] = found->seconds * 1e6;
    json["bound_us"] = found->bound_seconds * 1e6;
    json["error"] = comparison.error();
    json["chips_used"] = found->chips;
    json["group"] = found->group;
  } else {
    json["unpredicted"] = comparison.refusal;
  }
  for (const Variation& variation : comparison.variations) {
    json["variations_us"][variation.name] = variation.seconds * 1e6;
  }
  return json;
}

std::string Text(const std::vector<Comparison>& comparisons, bool json) {
  if (json) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Comparison& comparison : comparisons) all.push_back(ToJson(comparison));
    return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
  std::string text = TableText(comparisons) + "\n";
  for (const Comparison& comparison : comparisons) text += NotesText(comparison) + "\n";
  return text +
         "Nothing is fitted: latencies of functions and links are those of machines/, chosen "
         "once.\n";
}

}  // namespace

int Validate(const Arguments& arguments) {
  std::string only, format = "md";
  bool quick = false;
  VerbApp app("validate", "[TEXT] [options]",
              "Every published LPU result beside what the compiler predicts for it");
  app.add_option("TEXT", only, "only results with this in their name");
  app.add_flag("--quick", quick, "leave out what other latencies would change");
  app.add_option("-o,--output", format, "md or json")
      ->type_name("FORMAT")
      ->check(OneOf({"md", "json"}));
  if (const auto status = Parse(app, arguments)) return *status;
  std::vector<Comparison> comparisons;
  {
    const Progress progress("compiling the models of published results");
    for (const PublishedResult& result : PublishedResults()) {
      if (result.name.find(only) == std::string::npos) continue;
      comparisons.push_back(Compare(result, PredictDecode, !quick));
    }
  }
  const auto written = Put(Text(comparisons, format == "json"));
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace
