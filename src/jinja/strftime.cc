#include "jinja/strftime.h"

#include <chrono>

#include "jinja/failure.h"

namespace millrace::jinja {
namespace {

using std::string_view;

constexpr string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                 "Thursday", "Friday", "Saturday"};
constexpr string_view kMonths[] = {"January",   "February", "March",    "April",
                                   "May",       "June",     "July",     "August",
                                   "September", "October",  "November", "December"};

struct Moment {
  int year, month, day, hour, minute, second;
  int weekday;   // 0: Sunday
  int year_day;  // 0: 1 January
  std::int64_t seconds;
};

Moment MomentAt(std::int64_t seconds) {
  namespace chrono = std::chrono;
  constexpr std::int64_t kFirst = -62135596800, kLast = 253402300799;  // years 1 and 9999
  if (seconds < kFirst || seconds > kLast) Fail("the time lies outside the years 1 to 9999");
  const std::int64_t days = (seconds - kFirst) / 86400 + kFirst / 86400;
  const int in_day = static_cast<int>(seconds - days * 86400);
  const chrono::sys_days day{chrono::days{static_cast<int>(days)}};
  const chrono::year_month_day date{day};
  const chrono::sys_days new_year{date.year() / chrono::January / 1};
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          in_day / 3600,
          in_day / 60 % 60,
          in_day % 60,
          static_cast<int>(chrono::weekday{day}.c_encoding()),
          static_cast<int>((day - new_year).count()),
          seconds};
}

// Weeks of the year that begin with `first_day`; days before the first are week 0.
int Week(const Moment& moment, int first_day) {
  return (moment.year_day + 7 - (moment.weekday - first_day + 7) % 7) / 7;
}

std::string Convert(const Moment& m, char conversion, bool padded) {
  const auto two = [&](int n) { return padded ? fmt::format("{:02}", n) : fmt::format("{}", n); };
  const string_view day = kDays[m.weekday];
  const string_view month = kMonths[m.month - 1];
  const int hour12 = m.hour % 12 == 0 ? 12 : m.hour % 12;
  switch (conversion) {
    case 'Y':
      return fmt::format("{}", m.year);
    case 'y':
      return two(m.year % 100);
    case 'm':
      return two(m.month);
    case 'd':
      return two(m.day);
    case 'e':
      return padded ? fmt::format("{:2}", m.day) : fmt::format("{}", m.day);
    case 'H':
      return two(m.hour);
    case 'I':
      return two(hour12);
    case 'M':
      return two(m.minute);
    case 'S':
      return two(m.second);
    case 'f':
      return "000000";
    case 'p':
      return m.hour < 12 ? "AM" : "PM";
    case 'j':
      return padded ? fmt::format("{:03}", m.year_day + 1) : fmt::format("{}", m.year_day + 1);
    case 'a':
      return std::string(day.substr(0, 3));
    case 'A':
      return std::string(day);
    case 'b':
    case 'h':
      return std::string(month.substr(0, 3));
    case 'B':
      return std::string(month);
    case 'w':
      return fmt::format("{}", m.weekday);
    case 'u':
      return fmt::format("{}", m.weekday == 0 ? 7 : m.weekday);
    case 'U':
      return two(Week(m, 0));
    case 'W':
      return two(Week(m, 1));
    case 'F':
      return fmt::format("{}-{:02}-{:02}", m.year, m.month, m.day);
    case 'T':
    case 'X':
      return fmt::format("{:02}:{:02}:{:02}", m.hour, m.minute, m.second);
    case 'R':
      return fmt::format("{:02}:{:02}", m.hour, m.minute);
    case 'D':
    case 'x':
      return fmt::format("{:02}/{:02}/{:02}", m.month, m.day, m.year % 100);
    case 'c':
      return fmt::format("{} {} {:2} {:02}:{:02}:{:02} {}", day.substr(0, 3), month.substr(0, 3),
                         m.day, m.hour, m.minute, m.second, m.year);
    case 's':
      return fmt::format("{}", m.seconds);
    case 'z':
    case 'Z':
      return "";  // of a time without a zone
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '%':
      return "%";
    default:
      Fail("strftime_now knows no conversion '%{}'", conversion);
  }
}

}  // namespace

std::string FormatTime(std::int64_t seconds, string_view format) {
  const Moment moment = MomentAt(seconds);
  std::string text;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      text += format[i];
      continue;
    }
    const bool padded = !format.substr(i + 1).starts_with('-');
    i += padded ? 1 : 2;
    if (i >= format.size()) Fail("a format of strftime_now ends in '%'");
    text += Convert(moment, format[i], padded);
  }
  return text;
}

}  // namespace millrace::jinja
