// What several verbs share: parsing with llama.cpp's spellings, and the flags that say which model
// runs where.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

#include "base/result.h"
#include "cli/verbs.h"
#include "engine/backend.h"

namespace millrace {

// -m FILE, or the model that comes with millrace: beside the installed binary, or in the source
// tree that built it.
void AddModelOption(CLI::App& app, std::string& path);
Result<std::string> ModelPath(const std::string& given);

// -t, -ctk and -ctv, --on.
void AddBackendOptions(CLI::App& app, BackendOptions& options);

// Parses the arguments. Returns the exit status if the verb is over: 0 after --help, 2 if they are
// wrong (and says so). Multi-letter flags with one dash (-ctk) are taken like --ctk.
std::optional<int> Parse(CLI::App& app, const Arguments& arguments);

// Prints "millrace VERB: message" and returns 1.
int Fail(const CLI::App& app, const Error& error);

}  // namespace millrace
