// A table of text, printed as Markdown (aligned, so that a terminal shows it well, and columns of
// numbers to the right) or CSV.
#pragma once

#include <string>
#include <vector>

namespace millrace {

class Table {
 public:
  explicit Table(std::vector<std::string> columns);

  void Add(std::vector<std::string> cells);  // one a column

  std::string Markdown() const;
  std::string Csv() const;

 private:
  bool IsNumeric(std::size_t column) const;

  std::vector<std::vector<std::string>> rows_;  // the first is the header
};

}  // namespace millrace
