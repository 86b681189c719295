#include "cli/numbers.h"

#include <algorithm>
#include <charconv>

#include "cli/escapes.h"

namespace millrace {

Result<std::int64_t> ParseWhole(std::string_view text, std::int64_t least, std::int64_t most) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < least || number > most) {
    return Invalid("found '{}', wanted a whole number from {} to {}", PrintableStart(text, 40),
                   least, most);
  }
  return number;
}

Result<std::vector<std::int32_t>> ParseWholes(std::string_view text, std::int64_t least,
                                              std::int64_t most) {
  constexpr std::string_view kBetween = " ,[]\t\r\n";
  std::vector<std::int32_t> numbers;
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return numbers;
    text.remove_prefix(begin);
    const std::size_t size = std::min(text.find_first_of(kBetween), text.size());
    MILLRACE_TRY(const std::int64_t number, ParseWhole(text.substr(0, size), least, most));
    numbers.push_back(static_cast<std::int32_t>(number));
    text.remove_prefix(size);
  }
}

}  // namespace millrace
