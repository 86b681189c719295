#include "cli/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/check.h"

namespace millrace {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 take no room.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// A bar would end the cell.
std::string WithoutBars(const std::string& cell) {
  std::string plain;
  for (const char c : cell) plain += c == '|' ? "\\|" : std::string(1, c);
  return plain;
}

std::string Quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

Table::Table(std::vector<std::string> columns) : rows_{std::move(columns)} {}

void Table::Add(std::vector<std::string> cells) {
  MILLRACE_CHECK(cells.size() == rows_.front().size());
  rows_.push_back(std::move(cells));
}

// Whether all that stands below the header begins with a digit: numbers are set to the right.
bool Table::IsNumeric(std::size_t column) const {
  bool any = false;
  for (std::size_t row = 1; row < rows_.size(); ++row) {
    const std::string& cell = rows_[row][column];
    if (cell.empty()) continue;
    if (cell[0] < '0' || cell[0] > '9') return false;
    any = true;
  }
  return any;
}

std::string Table::Markdown() const {
  std::vector<std::vector<std::string>> rows = rows_;
  std::vector<std::size_t> widths(rows_.front().size(), 3);
  for (auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = WithoutBars(row[i]);
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    out += "|";
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string space(widths[i] - Width(rows[r][i]), ' ');
      out += IsNumeric(i) ? fmt::format(" {}{} |", space, rows[r][i])
                          : fmt::format(" {}{} |", rows[r][i], space);
    }
    out += "\n";
    if (r > 0) continue;
    out += "|";
    for (std::size_t i = 0; i < widths.size(); ++i)
      out += fmt::format(" {}{} |", std::string(widths[i] - 1, '-'), IsNumeric(i) ? ':' : '-');
    out += "\n";
  }
  return out;
}

std::string Table::Csv() const {
  std::string out;
  for (const auto& row : rows_) {
    std::vector<std::string> cells;
    for (const std::string& cell : row) cells.push_back(Quoted(cell));
    out += fmt::format("{}\n", fmt::join(cells, ","));
  }
  return out;
}

}  // namespace millrace
