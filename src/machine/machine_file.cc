#include "machine/machine_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "machine/chip_keys.h"
#include "machine/chip_limits.h"
#include "machine/totals.h"

namespace millrace {
namespace {

constexpr std::size_t kMaxLevels = 8, kMaxTotals = 256;
constexpr Provenance kProvenances[] = {Provenance::kPublished, Provenance::kMeasured,
                                       Provenance::kDerived, Provenance::kAssumed};

// A name that a command line can hold, and that "NAMExN" can be read from.
bool IsName(std::string_view name) {
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= 40 && std::all_of(name.begin(), name.end(), is_name);
}

class Parser {
 public:
  explicit Parser(std::string_view file) : file_(file) {}

  Result<MachineFile> Parse(const TomlTable& root);

 private:
  Result<void> ParseNames(const TomlTable& root);
  Result<void> ParseSources(const TomlTable& root);
  Result<void> ParseChip(const TomlTable& root);
  Result<void> CheckChipKeys(const TomlTable& chip) const;
  Result<void> ParseLevel(const TomlTable& table);
  Result<void> ParseTotal(const TomlTable& table);
  Result<void> CheckLimits() const;

  // A number and where it comes from: { value = 1, published = ["SOURCE"] }.
  Result<double> ParseFigure(const TomlTable& section, std::string_view key, std::string full_key,
                             bool whole, double least, double most);
  Result<void> ParseProvenance(const TomlTable& table, Figure& figure) const;
  Result<std::vector<std::string>> ParseSourceList(const TomlTable& table,
                                                   std::string_view key) const;

  std::string file_;
  MachineFile machine_;
};

Result<MachineFile> Parser::Parse(const TomlTable& root) {
  MILLRACE_TRY_VOID(
      root.OnlyKeys({"name", "also", "title", "notes", "sources", "chip", "level", "total"}));
  MILLRACE_TRY_VOID(ParseNames(root));
  MILLRACE_TRY_VOID(ParseSources(root));
  MILLRACE_TRY_VOID(ParseChip(root));
  MILLRACE_TRY(const std::vector<TomlTable> levels, root.Tables("level"));
  if (levels.size() > kMaxLevels) {
    return root.Wrong("level", fmt::format("{} levels", levels.size()),
                      fmt::format("at most {}", kMaxLevels));
  }
  for (const TomlTable& level : levels) MILLRACE_TRY_VOID(ParseLevel(level));
  MILLRACE_TRY_VOID(CheckLimits());
  MILLRACE_TRY(const std::vector<TomlTable> totals, root.Tables("total"));
  if (totals.size() > kMaxTotals) {
    return root.Wrong("total", fmt::format("{} totals", totals.size()),
                      fmt::format("at most {}", kMaxTotals));
  }
  for (const TomlTable& total : totals) MILLRACE_TRY_VOID(ParseTotal(total));
  return std::move(machine_);
}

Result<void> Parser::ParseNames(const TomlTable& root) {
  constexpr std::string_view kWanted = "at most 40 letters a-z, digits, '-' and '.'";
  MILLRACE_TRY(machine_.name, root.Text("name"));
  MILLRACE_TRY(machine_.title, root.Text("title"));
  MILLRACE_TRY(machine_.also, root.Texts("also"));
  MILLRACE_TRY(machine_.notes, root.Texts("notes"));
  if (!IsName(machine_.name)) return root.Wrong("name", Describe(*root.Find("name")), kWanted);
  for (const std::string& name : machine_.also) {
    if (!IsName(name)) return root.Wrong("also", fmt::format("'{}'", name.substr(0, 40)), kWanted);
  }
  machine_.chip.name = machine_.name;
  return {};
}

Result<void> Parser::ParseSources(const TomlTable& root) {
  if (!root.Has("sources")) return {};
  MILLRACE_TRY(const TomlTable sources, root.Table("sources"));
  for (const TomlMember& source : sources.members()) {
    MILLRACE_TRY(machine_.sources[source.key], sources.Text(source.key));
  }
  return {};
}

// Sections of [chip] and keys of each that no table row names.
Result<void> Parser::CheckChipKeys(const TomlTable& chip) const {
  std::vector<std::string_view> top, sections, keys;
  for (const ChipKey& key : ChipKeys()) {
    if (key.section == "chip") {
      top.push_back(key.key);
    } else if (sections.empty() || sections.back() != key.section.substr(5)) {
      sections.push_back(key.section.substr(5));
    }
  }
  top.insert(top.end(), sections.begin(), sections.end());
  MILLRACE_TRY_VOID(chip.OnlyKeys(top));
  for (const std::string_view section : sections) {
    if (!chip.Has(section)) continue;
    MILLRACE_TRY(const TomlTable table, chip.Table(section));
    keys.clear();
    for (const ChipKey& key : ChipKeys()) {
      if (key.section.substr(4) == fmt::format(".{}", section)) keys.push_back(key.key);
    }
    MILLRACE_TRY_VOID(table.OnlyKeys(keys));
  }
  return {};
}

Result<void> Parser::ParseChip(const TomlTable& root) {
  MILLRACE_TRY(const TomlTable chip, root.Table("chip"));
  MILLRACE_TRY_VOID(CheckChipKeys(chip));
  for (const ChipKey& key : ChipKeys()) {
    TomlTable section = chip;
    if (key.section != "chip") {
      const std::string_view name = key.section.substr(5);
      if (!key.required && !chip.Has(name)) continue;
      MILLRACE_TRY(section, chip.Table(name));
    }
    if (!key.required && !section.Has(key.key)) continue;
    MILLRACE_TRY(const double value,
                 ParseFigure(section, key.key, fmt::format("{}.{}", key.section, key.key),
                             key.whole != nullptr, key.least, key.most));
    if (key.whole != nullptr) key.whole(machine_.chip) = static_cast<std::int32_t>(value);
    if (key.real != nullptr) key.real(machine_.chip) = value;
  }
  return {};
}

Result<void> Parser::ParseLevel(const TomlTable& table) {
  MILLRACE_TRY_VOID(table.OnlyKeys({"name", "kind", "count", "links_per_peer", "latency_ns"}));
  SystemLevel level;
  MILLRACE_TRY(level.name, table.Text("name"));
  if (!IsName(level.name)) {
    return table.Wrong("name", Describe(*table.Find("name")), "letters a-z, digits, '-' and '.'");
  }
  MILLRACE_TRY(const std::string kind, table.Text("kind"));
  if (kind != "clique" && kind != "chain") {
    return table.Wrong("kind", Describe(*table.Find("kind")), "'clique' or 'chain'");
  }
  level.kind = kind == "clique" ? LevelKind::kClique : LevelKind::kChain;
  const auto full = [&](std::string_view key) {
    return fmt::format("level.{}.{}", level.name, key);
  };
  MILLRACE_TRY(const double count, ParseFigure(table, "count", full("count"), true, 2, 1 << 20));
  MILLRACE_TRY(const double links,
               ParseFigure(table, "links_per_peer", full("links_per_peer"), true, 1, 4096));
  MILLRACE_TRY(const double latency_ns,
               ParseFigure(table, "latency_ns", full("latency_ns"), false, 1, 1e6));
  level.count = static_cast<std::int32_t>(count);
  level.links_per_peer = static_cast<std::int32_t>(links);
  // Whole cycles that are at least that long; what lies within a thousandth is rounding.
  const double cycles = latency_ns * 1e-9 * machine_.chip.clock_hz;
  level.latency_cycles = std::max(1, static_cast<std::int32_t>(std::ceil(cycles - 1e-3)));
  machine_.levels.push_back(std::move(level));
  return {};
}

Result<void> Parser::ParseTotal(const TomlTable& table) {
  MILLRACE_TRY_VOID(table.OnlyKeys(
      {"what", "chips", "latency_ns", "published", "within", "because", "note", "source"}));
  PublishedTotal total;
  MILLRACE_TRY(total.what, table.Text("what"));
  const auto names = TotalNames();
  if (std::find(names.begin(), names.end(), total.what) == names.end()) {
    return table.Wrong("what", Describe(*table.Find("what")),
                       fmt::format("one of {}", fmt::join(names, ", ")));
  }
  if (table.Has("chips")) {
    MILLRACE_TRY(const std::int64_t chips, table.Whole("chips", 1, 1 << 20));
    if (const auto system = SystemOf(machine_, chips); !system.ok())
      return table.Wrong("chips", fmt::format("{}", chips), system.error().message);
    total.chips = static_cast<std::int32_t>(chips);
  }
  if (total.what == "reach_sram_bytes") {
    MILLRACE_TRY(total.latency_ns, table.Real("latency_ns", 1, 1e9));
  }
  MILLRACE_TRY(total.published, table.Real("published", 1e-30, 1e30));
  if (table.Has("within")) {
    MILLRACE_TRY(total.within, table.Real("within", 0, 1));
    MILLRACE_TRY(total.because, table.Text("because"));
  }
  MILLRACE_TRY(total.note, table.Text("note", ""));
  MILLRACE_TRY(total.sources, ParseSourceList(table, "source"));
  machine_.totals.push_back(std::move(total));
  return {};
}

Result<void> Parser::CheckLimits() const {
  const auto broken = BrokenLimit(machine_.chip, machine_.levels);
  if (!broken) return {};
  TextPosition at;
  for (const Figure& figure : machine_.figures) {
    if (figure.key == broken->key) at = figure.at;
  }
  return Invalid("{}:{}:{}: {}: found {}, wanted {}", file_, at.line, at.column, broken->key,
                 broken->found, broken->wanted);
}

Result<double> Parser::ParseFigure(const TomlTable& section, std::string_view key,
                                   std::string full_key, bool whole, double least, double most) {
  MILLRACE_TRY(const TomlTable table, section.Table(key));
  MILLRACE_TRY_VOID(
      table.OnlyKeys({"value", "published", "measured", "derived", "assumed", "from", "note"}));
  Figure figure;
  figure.key = std::move(full_key);
  figure.at = section.PositionOf(key);
  if (whole) {
    MILLRACE_TRY(const std::int64_t value, table.Whole("value", static_cast<std::int64_t>(least),
                                                       static_cast<std::int64_t>(most)));
    figure.value = static_cast<double>(value);
  } else {
    MILLRACE_TRY(figure.value, table.Real("value", least, most));
  }
  MILLRACE_TRY_VOID(ParseProvenance(table, figure));
  const double value = figure.value;
  machine_.figures.push_back(std::move(figure));
  return value;
}

Result<void> Parser::ParseProvenance(const TomlTable& table, Figure& figure) const {
  std::optional<Provenance> found;
  for (const Provenance provenance : kProvenances) {
    if (!table.Has(Name(provenance))) continue;
    if (found) {
      return table.Wrong(Name(provenance), fmt::format("{} beside it", Name(*found)),
                         "one of published, measured, derived, assumed");
    }
    found = provenance;
  }
  if (!found) {
    return table.Wrong("value", "a number without provenance",
                       "one of published, measured, derived, assumed beside it");
  }
  figure.provenance = *found;
  const bool has_reason = *found == Provenance::kDerived || *found == Provenance::kAssumed;
  if (has_reason) {
    MILLRACE_TRY(figure.reason, table.Text(Name(*found)));
  }
  if (table.Has("from") && *found != Provenance::kDerived) {
    return table.Wrong("from", "sources of a derivation", "none: the number is not derived");
  }
  MILLRACE_TRY(figure.note, table.Text("note", ""));
  if (*found == Provenance::kAssumed) return {};
  MILLRACE_TRY(figure.sources, ParseSourceList(table, has_reason ? "from" : Name(*found)));
  return {};
}

Result<std::vector<std::string>> Parser::ParseSourceList(const TomlTable& table,
                                                         std::string_view key) const {
  constexpr std::string_view kWanted = "an array of keys of [sources]";
  MILLRACE_TRY(std::vector<std::string> sources, table.Texts(key));
  if (sources.empty()) return table.Wrong(key, "no source", kWanted);
  for (const std::string& source : sources) {
    if (machine_.sources.contains(source)) continue;
    return table.Wrong(key, fmt::format("'{}'", source.substr(0, 40)), kWanted);
  }
  return sources;
}

}  // namespace

std::string_view Name(Provenance provenance) {
  switch (provenance) {
    case Provenance::kPublished:
      return "published";
    case Provenance::kMeasured:
      return "measured";
    case Provenance::kDerived:
      return "derived";
    case Provenance::kAssumed:
      return "assumed";
  }
  MILLRACE_CHECK(false);
}

Result<MachineFile> ParseMachineFile(std::string_view text, std::string_view file) {
  MILLRACE_TRY(const TomlValue root, ParseToml(text, file));
  return Parser(file).Parse(TomlTable(root, std::string(file)));
}

}  // namespace millrace
