// The time on the clock at the wall, for templates that print a date.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace millrace {

// Now, in seconds since 1970-01-01 00:00:00 of the local time zone.
std::int64_t WallClock();

// "2026-01-31T13:05:09", with or without a Z or the time of day, in such seconds.
std::optional<std::int64_t> ParseTime(const std::string& text);

}  // namespace millrace
