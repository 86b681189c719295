#include "cli/machine_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/escapes.h"
#include "cli/table.h"
#include "machine/load_system.h"
#include "machine/totals.h"

namespace millrace {
namespace {

// 230686720 is "230686720" and 5.0688e13 is "5.0688e+13": no digit is invented or lost.
std::string Number(double value) {
  return value == static_cast<double>(static_cast<std::int64_t>(value)) && value < 1e10
             ? fmt::format("{:.0f}", value)
             : fmt::format("{:g}", value);
}

double Total(const System& system, const char* what) {
  MachineFile machine;
  machine.chip = system.chip;
  PublishedTotal total;
  total.what = what;
  total.chips = system.chips();
  return ComputeTotal(machine, total);
}

// 5.0688e13 is "50.69 T".
std::string Scaled(double value) {
  constexpr const char* kPrefixes[] = {"", " k", " M", " G", " T", " P", " E"};
  std::size_t prefix = 0;
  for (; value >= 1000 && prefix + 1 < std::size(kPrefixes); ++prefix) value /= 1000;
  return fmt::format("{:.4g}{}", value, kPrefixes[prefix]);
}

std::vector<std::string> SystemRow(const System& system, std::string part) {
  return {system.name,
          std::move(part),
          fmt::format("{}", system.chips()),
          Scaled(Total(system, "sram_bytes")),
          Scaled(Total(system, "sram_bytes_per_s")),
          Scaled(Total(system, "int8_ops_per_s")),
          Scaled(Total(system, "fp16_flops_per_s"))};
}

Table SystemTable() {
  return Table({"machine", "is", "chips", "SRAM bytes", "bytes/s", "int8 ops/s", "fp16 flops/s"});
}

// The chip, and each prefix of the levels, full.
std::vector<System> Prefixes(const MachineFile& machine) {
  std::vector<System> systems = {SystemOf(machine, 1).value()};
  std::int64_t chips = 1;
  for (const SystemLevel& level : machine.levels) {
    chips *= level.count;
    systems.push_back(SystemOf(machine, chips).value());
  }
  return systems;
}

std::string PartName(const System& system) {
  if (system.levels.empty()) return "chip";
  return system.levels.back().name;
}

std::string SourceText(const Figure& figure) {
  std::string text = figure.reason;
  if (!figure.sources.empty()) {
    text += fmt::format("{}[{}]", text.empty() ? "" : " ", fmt::join(figure.sources, ", "));
  }
  if (!figure.note.empty()) text += fmt::format("; {}", figure.note);
  return Printable(text);
}

// The last column is prose, and nothing is aligned behind it.
std::string FigureList(const MachineFile& machine) {
  std::string text;
  for (const Figure& figure : machine.figures) {
    text += fmt::format("{:<32} {:>10}  {:<9}  {}\n", figure.key, Number(figure.value),
                        Name(figure.provenance), SourceText(figure));
  }
  return text;
}

std::string SourceList(const MachineFile& machine) {
  std::string text = "Sources\n";
  for (const auto& [key, source] : machine.sources) {
    text += fmt::format("  {:<8} {}\n", Printable(key), Printable(source));
  }
  return text;
}

std::string TotalName(const PublishedTotal& total) {
  if (total.latency_ns > 0) return fmt::format("{} in {} ns", total.what, total.latency_ns);
  return total.what;
}

std::string TotalsText(const MachineFile& machine) {
  std::string text = fmt::format("{:>6}  {:<27} {:>10} {:>10} {:>12}\n", "chips", "", "published",
                                 "computed", "difference");
  for (const TotalCheck& check : CheckTotals(machine)) {
    text +=
        fmt::format("{:>6}  {:<27} {:>10} {:>10} {:>+10.2f} %  {}[{}]\n", check.total.chips,
                    TotalName(check.total), Scaled(check.total.published), Scaled(check.computed),
                    100 * check.difference, check.agrees ? "" : "DOES NOT AGREE ",
                    Printable(fmt::format("{}", fmt::join(check.total.sources, ", "))));
    if (!check.total.because.empty())
      text.insert(text.size() - 1, "; " + Printable(check.total.because));
  }
  return text;
}

std::string LevelsText(const System& system) {
  Table table({"level", "kind", "parts", "links a peer", "hop cycles"});
  for (const SystemLevel& level : system.levels) {
    table.Add({level.name, level.kind == LevelKind::kClique ? "clique" : "chain",
               fmt::format("{}", level.count), fmt::format("{}", level.links_per_peer),
               fmt::format("{}", level.latency_cycles)});
  }
  return table.Markdown();
}

nlohmann::ordered_json SystemJson(const System& system) {
  nlohmann::ordered_json levels = nlohmann::ordered_json::array();
  for (const SystemLevel& level : system.levels) {
    levels.push_back({{"name", level.name},
                      {"kind", level.kind == LevelKind::kClique ? "clique" : "chain"},
                      {"count", level.count},
                      {"links_per_peer", level.links_per_peer},
                      {"latency_cycles", level.latency_cycles}});
  }
  return {{"name", system.name},
          {"chips", system.chips()},
          {"fingerprint", fmt::format("{:016x}", Fingerprint(system))},
          {"sram_bytes", Total(system, "sram_bytes")},
          {"sram_bytes_per_s", Total(system, "sram_bytes_per_s")},
          {"int8_ops_per_s", Total(system, "int8_ops_per_s")},
          {"fp16_flops_per_s", Total(system, "fp16_flops_per_s")},
          {"levels", levels}};
}

nlohmann::ordered_json FiguresJson(const MachineFile& machine) {
  nlohmann::ordered_json figures = nlohmann::ordered_json::array();
  for (const Figure& figure : machine.figures) {
    nlohmann::ordered_json json = {{"key", figure.key},
                                   {"value", figure.value},
                                   {"provenance", std::string(Name(figure.provenance))}};
    if (!figure.reason.empty()) json["reason"] = figure.reason;
    if (!figure.sources.empty()) json["sources"] = figure.sources;
    if (!figure.note.empty()) json["note"] = figure.note;
    figures.push_back(std::move(json));
  }
  return figures;
}

nlohmann::ordered_json TotalsJson(const MachineFile& machine) {
  nlohmann::ordered_json totals = nlohmann::ordered_json::array();
  for (const TotalCheck& check : CheckTotals(machine)) {
    nlohmann::ordered_json json = {{"what", check.total.what}, {"chips", check.total.chips}};
    if (check.total.latency_ns > 0) json["latency_ns"] = check.total.latency_ns;
    json["published"] = check.total.published;
    json["computed"] = check.computed;
    json["difference"] = check.difference;
    json["agrees"] = check.agrees;
    if (!check.total.because.empty()) json["because"] = check.total.because;
    json["sources"] = check.total.sources;
    totals.push_back(std::move(json));
  }
  return totals;
}

}  // namespace

std::string MachinesTable(std::span<const MachineFile> machines) {
  Table table = SystemTable();
  for (const MachineFile& machine : machines) {
    for (const System& system : Prefixes(machine)) table.Add(SystemRow(system, PartName(system)));
  }
  return table.Markdown();
}

nlohmann::ordered_json MachinesJson(std::span<const MachineFile> machines) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const MachineFile& machine : machines) {
    for (const System& system : Prefixes(machine)) json.push_back(SystemJson(system));
  }
  return json;
}

std::string MachineText(const MachineFile& machine, const System& system) {
  std::string text = fmt::format("{}: {}\n\n", system.name, Printable(machine.title));
  for (const std::string& note : machine.notes) text += fmt::format("{}\n\n", Printable(note));
  Table table = SystemTable();
  table.Add(SystemRow(system, PartName(system)));
  text += table.Markdown() + "\n";
  if (!system.levels.empty()) text += LevelsText(system) + "\n";
  text += FigureList(machine) + "\n" + SourceList(machine);
  if (!machine.totals.empty()) {
    text += "\nWhat sources state of the whole, and what the parts make\n\n" + TotalsText(machine);
  }
  return text;
}

nlohmann::ordered_json MachineJson(const MachineFile& machine, const System& system) {
  return {{"name", machine.name},
          {"title", machine.title},
          {"notes", machine.notes},
          {"system", SystemJson(system)},
          {"figures", FiguresJson(machine)},
          {"sources", machine.sources},
          {"totals", TotalsJson(machine)}};
}

}  // namespace millrace
