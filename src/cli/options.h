// What the verbs share: how flags are written, checked and explained, and the flags that say which
// model runs where. The spellings are llama.cpp's.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/verbs.h"
#include "engine/backend.h"
#include "engine/proposer_backend.h"

namespace millrace {

inline constexpr std::int32_t kMaxThreads = 1024;

// The command line of one verb. A flag that is given twice counts the second time; --help is
// written by this project's hand.
class VerbApp : public CLI::App {
 public:
  // `usage` follows "usage: millrace VERB ".
  VerbApp(std::string verb, std::string usage, std::string summary);
};

// Checks of a value; each message says what was found and what was wanted.
CLI::Validator Whole(std::int64_t least, std::int64_t most);
CLI::Validator Real();
CLI::Validator OneOf(std::vector<std::string> words);

// A flag for whole numbers: 16,32 or "16 32" or the flag repeated. `numbers` keeps what it holds if
// the flag is not there, and --help shows that as the default.
void AddNumbers(CLI::App& app, const std::string& names, std::vector<std::int32_t>& numbers,
                std::int64_t least, std::int64_t most, const std::string& description);

// A flag for texts that may be repeated, one text each time.
CLI::Option* AddTexts(CLI::App& app, const std::string& names, std::vector<std::string>& texts,
                      const std::string& description);

// -m FILE, or the model that comes with millrace: beside the installed binary, or in the source
// tree that built it.
void AddModelOption(CLI::App& app, std::string& path);
Result<std::string> ModelPath(const std::string& given);

void AddContextOption(CLI::App& app, BackendOptions& options);   // -c
void AddBackendOptions(CLI::App& app, BackendOptions& options);  // -t, -ctk and -ctv, --on
void AddPlaceOptions(CLI::App& app, BackendOptions& options);    // the same without -t

// -md, --lookup and how much is guessed.
void AddProposerOptions(CLI::App& app, ProposerOptions& options);

// Parses the arguments. Returns the exit status if the verb is over: 0 after --help, 2 if they are
// wrong (and says so). Multi-letter flags with one dash (-ctk) are taken like --ctk.
std::optional<int> Parse(CLI::App& app, const Arguments& arguments);

// Print "millrace VERB: message" on one line and return the exit status: 1 if the verb failed, 2 if
// it was called wrongly.
int Fail(const CLI::App& app, const Error& error);
int Misuse(const CLI::App& app, const Error& error);

}  // namespace millrace
