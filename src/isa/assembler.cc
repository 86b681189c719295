#include "isa/assembler.h"

#include "isa/parse_value.h"

namespace millrace::isa {
namespace {

// The action that a word begins; nothing if none does.
std::optional<Action> ActionOf(std::string_view word) {
  for (std::size_t i = 0; i < kWords<VxmOp>.size(); ++i) {
    if (kWords<VxmOp>[i] == word) return Vxm{.op = static_cast<VxmOp>(i)};
  }
  if (word == Form<Read>::kName) return Read{};
  if (word == Form<Write>::kName) return Write{};
  if (word == Form<Load>::kName) return Load{};
  if (word == Form<Pass>::kName) return Pass{};
  if (word == Form<Emit>::kName) return Emit{};
  if (word == Form<Shift>::kName) return Shift{};
  if (word == Form<Send>::kName) return Send{};
  if (word == Form<Receive>::kName) return Receive{};
  return std::nullopt;
}

class Assembler {
 public:
  Result<void> ParseLine(TextCursor& cursor) {
    if (cursor.AtEnd() || cursor.Take("#")) return {};
    const TextCursor before = cursor;
    const std::string_view word = cursor.Word();
    if (!has_program_ && word != Form<Program>::kName) {
      cursor = before;
      return cursor.Unexpected("a line that begins with 'program'");
    }
    if (!word.empty() && word[0] >= '0' && word[0] <= '9') {
      cursor = before;
      return ParseInstruction(cursor);
    }
    if (word == Form<Program>::kName && !has_program_) {
      has_program_ = true;
      return ParseFields(cursor, "", program_);
    }
    if (word == Form<LaunchRegister>::kName) return ParseInto(cursor, program_.registers);
    if (word == Form<Section>::kName) return ParseInto(cursor, program_.sections);
    if (word == Form<ProgramInput>::kName) return ParseInto(cursor, program_.inputs);
    if (word == Form<ProgramOutput>::kName) return ParseInto(cursor, program_.outputs);
    if (word == "block") {
      MILLRACE_TRY_VOID(ParseValue(cursor, program_.blocks.emplace_back().name));
      return cursor.ExpectEnd();
    }
    if (word == "chip") {
      program_.chips.emplace_back();
      return cursor.ExpectEnd();
    }
    if (!program_.chips.empty()) {
      if (word == Form<Call>::kName) return ParseInto(cursor, program_.chips.back().calls);
      if (word == Form<ImagePart>::kName) return ParseInto(cursor, program_.chips.back().image);
    }
    cursor = before;
    return cursor.Unexpected(
        "register, section, block, chip, input, output, an instruction of a block, or call and "
        "image of a chip");
  }

  Result<Program> Finish() && {
    if (!has_program_) return Invalid("the text ends, wanted a line that begins with 'program'");
    return std::move(program_);
  }

 private:
  template <typename T>
  static Result<void> ParseInto(TextCursor& cursor, std::vector<T>& values) {
    return ParseFields(cursor, "", values.emplace_back());
  }

  // "120 mem west 17: read ...".
  Result<void> ParseInstruction(TextCursor& cursor) {
    if (program_.blocks.empty()) return cursor.Unexpected("a block before its instructions");
    Instruction instruction;
    MILLRACE_TRY_VOID(ParseValue(cursor, instruction.cycle));
    MILLRACE_TRY_VOID(ParseValue(cursor, instruction.unit));
    MILLRACE_TRY_VOID(cursor.Expect(":"));
    const TextCursor before = cursor;
    auto action = ActionOf(cursor.Word());
    if (!action) {
      cursor = before;
      return cursor.Unexpected("an instruction");
    }
    MILLRACE_TRY_VOID(
        std::visit([&](auto& fields) { return ParseFields(cursor, "", fields); }, *action));
    instruction.action = *action;
    program_.blocks.back().instructions.push_back(instruction);
    return {};
  }

  Program program_;
  bool has_program_ = false;
};

}  // namespace

Result<Program> Parse(std::string_view text, std::string_view name) {
  Assembler assembler;
  std::size_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const std::size_t end = text.find('\n');
    TextCursor cursor(text.substr(0, end));
    if (const auto parsed = assembler.ParseLine(cursor); !parsed.ok()) {
      return Invalid("{}:{}:{}: {}", name, line_number, cursor.column(), parsed.error().message);
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  Result<Program> program = std::move(assembler).Finish();
  if (!program.ok()) return Invalid("{}:{}:1: {}", name, line_number, program.error().message);
  return program;
}

}  // namespace millrace::isa
