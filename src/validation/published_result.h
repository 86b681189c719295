// Results that were published of LPUs, as the files of validation/ hold them: what was run, on
// what, how fast, who says so, and what nobody says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/embedded_file.h"
#include "base/result.h"

namespace millrace {

struct PublishedResult {
  std::string name;
  std::string model;                 // a shape (model/shape.h); empty: there is no prediction,
  std::string unpredicted;           // because of this
  std::string machine;               // machine/load_system.h
  std::int32_t chips = 0;            // 0: not stated, nor assumed
  std::vector<std::string> assumed;  // what the prediction assumes and the source does not say
  std::int32_t context = 0;          // positions that KV has room for
  std::int32_t position = 0;         // of the token that is predicted
  enum class Unit { kTokensPerSecond, kMicroseconds };
  Unit unit = Unit::kTokensPerSecond;  // of one user; of a whole run
  double value = 0;
  std::string relation;  // "", "more than", "less than"
  std::string conditions;
  bool measured = false;             // by somebody, or stated
  std::vector<std::string> sources;  // in words
  std::vector<std::string> unknown;
  bool sensitivity = false;  // worth predicting with other parameters
};

// The files of validation/.
std::span<const EmbeddedFile> PublishedResultFiles();

// All of them. They are part of the program and their test: they have no errors.
std::vector<PublishedResult> PublishedResults();

// kInvalid or kNotFound with FILE:LINE:COLUMN.
Result<std::vector<PublishedResult>> ParsePublishedResults(std::string_view text,
                                                           std::string_view file);

}  // namespace millrace
