// docs/isa.md and the code say the same: every instruction has its section, its number and all its
// fields, in order, with their defaults and words.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "isa/assembler.h"
#include "isa/disassembler.h"
#include "isa/fields.h"

namespace millrace::isa {
namespace {

std::string Document() {
  std::ifstream file(MILLRACE_SOURCE_DIR "/docs/isa.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The text between "### NAME" and the next heading.
std::string Chapter(const std::string& name) {
  const std::string document = Document();
  const std::size_t begin = document.find("### " + name + "\n");
  if (begin == std::string::npos) return "";
  return document.substr(begin, document.find("\n##", begin + 3) - begin);
}

struct FieldRow {
  std::string name, type;
  bool operator==(const FieldRow&) const = default;
};
std::ostream& operator<<(std::ostream& out, const FieldRow& row) {
  return out << row.name << ": " << row.type;
}

// The rows "| name | type | ..." of the first table.
std::vector<FieldRow> RowsOf(const std::string& chapter) {
  std::vector<FieldRow> rows;
  std::istringstream lines(chapter.substr(std::min(chapter.find("| field "), chapter.size())));
  for (std::string line; std::getline(lines, line) && line.starts_with("|");) {
    const std::size_t type = line.find(" | "), end = line.find(" | ", type + 3);
    rows.push_back({line.substr(2, type - 2), line.substr(type + 3, end - type - 3)});
  }
  if (rows.size() >= 2) rows.erase(rows.begin(), rows.begin() + 2);
  return rows;
}

template <typename T>
std::string TypeName() {
  if constexpr (std::is_same_v<T, Address>) return "address";
  if constexpr (std::is_same_v<T, Condition>) return "condition";
  if constexpr (std::is_same_v<T, StreamGroup>) return "group";
  if constexpr (std::is_same_v<T, std::optional<Operand>>) return "operand";
  if constexpr (std::is_same_v<T, bool>) return "flag";
  if constexpr (std::is_same_v<T, float>) return "binary32";
  if constexpr (std::is_same_v<T, DType>) return "u8, as in `src/numerics/dtype.h`";
  if constexpr (std::is_enum_v<T> && !std::is_same_v<T, DType>) {
    return fmt::format("{}", fmt::join(kWords<T>, " "));
  }
  if constexpr (std::is_integral_v<T>) {
    return fmt::format("{}{}", std::is_signed_v<T> ? 'i' : 'u', 8 * sizeof(T));
  }
}

template <typename A>
void ExpectDescribed(std::size_t kind) {
  const std::string chapter = Chapter(std::string(Form<A>::kName));
  std::vector<FieldRow> fields;
  Form<A>::Fields([&]<typename M>(std::string_view name, M A::*) {
    fields.push_back({std::string(name), TypeName<M>()});
  });
  EXPECT_EQ(RowsOf(chapter), fields);
  EXPECT_NE(chapter.find(fmt::format("Kind {}, unit", kind)), std::string::npos) << chapter;
}

template <std::size_t... kinds>
void ExpectAllDescribed(std::index_sequence<kinds...>) {
  (ExpectDescribed<std::variant_alternative_t<kinds, Action>>(kinds), ...);
}

TEST(IsaDocument, HasEveryFieldOfEveryInstruction) {
  ExpectAllDescribed(std::make_index_sequence<std::variant_size_v<Action>>());
}

TEST(IsaDocument, ItsExamplesAreInstructions) {
  const std::string document = Document();
  int examples = 0;
  for (std::size_t at = 0; (at = document.find("Example:", at)) != std::string::npos;) {
    const std::size_t begin = document.find('`', at) + 1;
    at = document.find('`', begin);
    const std::string line = document.substr(begin, at - begin);
    const auto program = Parse("program\nblock \"b\"\n" + line, "example");
    ASSERT_TRUE(program.ok()) << program.error().message;
    EXPECT_EQ(Print(program->blocks[0].instructions[0]), line);
    ++examples;
  }
  EXPECT_EQ(examples, static_cast<int>(std::variant_size_v<Action>));
}

}  // namespace
}  // namespace millrace::isa
