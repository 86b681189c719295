#include "cli/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace millrace {
namespace {

constexpr std::size_t kColumn = 30;  // where descriptions begin

// Names of several letters that llama.cpp spells with one dash.
bool HasOneDash(std::string_view name) {
  constexpr std::string_view kNames[] = {"ctk", "ctv", "md", "td", "cnv", "no-cnv", "sys", "st"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// "-ctk, --cache-type-k TYPE"; a positional is named by the usage line.
std::string Flags(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) {
    names.push_back((HasOneDash(name) ? "-" : "--") + name);
  }
  std::string flags = fmt::format("{}", fmt::join(names, ", "));
  if (option.get_items_expected_max() != 0) flags += " " + option.get_type_name();
  return flags;
}

std::string Entry(const CLI::Option& option) {
  std::string entry = "  " + Flags(option);
  if (entry.size() + 2 > kColumn) {
    entry += "\n" + std::string(kColumn, ' ');
  } else {
    entry.resize(kColumn, ' ');
  }
  entry += option.get_description();
  const std::string& value = option.get_default_str();
  if (option.get_items_expected_max() != 0 && !value.empty())
    entry += fmt::format(" (default {})", value);
  return entry + "\n";
}

}  // namespace

std::string HelpText(const CLI::App& app, const std::string& usage) {
  std::string text =
      fmt::format("usage: millrace {} {}\n\n{}.\n\n", app.get_name(), usage, app.get_description());
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional()) continue;  // the usage line names the others
    text += Entry(*option);
  }
  return text;
}

}  // namespace millrace
