#include "cli/clock.h"

#include <chrono>
#include <cstdio>
#include <ctime>

namespace millrace {

std::int64_t WallClock() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return std::int64_t{now} + local.tm_gmtoff;
}

std::optional<std::int64_t> ParseTime(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, end = 0;
  const char* const begin = text.c_str();
  if (std::sscanf(begin, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3) return std::nullopt;
  if (begin[end] == 'T' || begin[end] == ' ') {
    const char* const time = begin + end + 1;
    if (std::sscanf(time, "%2d:%2d:%2d%n", &hour, &minute, &second, &end) != 3) return std::nullopt;
    end += static_cast<int>(time - begin);
  }
  if (begin[end] == 'Z') ++end;
  if (begin[end] != '\0' || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 60)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days{date}.time_since_epoch().count();
  return std::int64_t{days} * 86400 + hour * 3600 + minute * 60 + second;
}

}  // namespace millrace
