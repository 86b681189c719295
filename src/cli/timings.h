// What `millrace run` says after a reply: how it ended, what it took, and what the machine allows.
#pragma once

#include <cstdint>
#include <string>

#include "engine/backend.h"
#include "engine/generation.h"

namespace millrace {

enum class Guessing { kOff, kOn };

// Five lines at most. Without guesses measures the bandwidth for the comparison first, about a
// tenth of a second.
std::string Timings(const Reply& reply, const Backend& backend, double load_s, std::uint64_t seed,
                    Guessing guessing);

}  // namespace millrace
