// --help, as text.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace millrace {

// The usage line ("usage: millrace VERB " and `usage`), the description and one entry a flag with
// its default.
std::string HelpText(const CLI::App& app, const std::string& usage);

}  // namespace millrace
