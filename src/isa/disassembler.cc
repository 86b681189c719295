#include "isa/disassembler.h"

#include <fmt/format.h>

#include <concepts>

#include "isa/fault.h"
#include "isa/fields.h"

namespace millrace::isa {
namespace {

template <typename T>
concept HasForm = requires {
  Form<T>::Fields([](auto, auto) {});
};

template <std::integral T>
std::string Text(T value) {
  return fmt::format("{}", value);
}
std::string Text(float value) { return fmt::format("{}", value); }
std::string Text(DType dtype) { return std::string(Name(dtype)); }
template <typename T>
requires std::is_enum_v<T> std::string Text(T value) {
  return std::string(kWords<T>.at(static_cast<std::size_t>(value)));
}

std::string Text(const Address& address) {
  std::string text = fmt::format("[{}", address.base);
  if (address.segment != 0) text += fmt::format(" + s{}", address.segment);
  if (address.iteration_stride != 0) text += fmt::format(" + {}*iter", address.iteration_stride);
  if (address.index != kNoRegister || address.divisor != 1 || address.register_stride != 0) {
    text += fmt::format(" + {}*(r{}/{})", address.register_stride, address.index, address.divisor);
  }
  return text + "]";
}

std::string Text(const Condition& condition) {
  return fmt::format("r{} % {} == {}", condition.index, condition.modulus, condition.remainder);
}

std::string Text(const StreamGroup& group) {
  if (group.width == 1) return fmt::format("{}", group.base);
  return fmt::format("{}..{}", group.base, group.base + group.width - 1);
}

std::string Text(const std::optional<Operand>& operand) {  // printed only if it is there
  return fmt::format("{} {}", Text(operand->side), Text(operand->streams));
}

// Quotes, backslashes and control characters as \xNN, so that a text is one line.
std::string Text(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '"' || c == '\\') {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string Text(const std::vector<std::int32_t>& values) {
  return fmt::format("[{}]", fmt::join(values, ", "));
}

std::string Text(const std::vector<std::byte>& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte b : bytes) {
    text += kDigits[std::to_integer<std::size_t>(b >> 4)];
    text += kDigits[std::to_integer<std::size_t>(b & std::byte{15})];
  }
  return text;
}

std::string Text(const Unit& unit) { return Print(unit); }

// "name value, name value" of all fields that are not at their default.
template <typename T>
std::string FieldsText(const T& value);

template <HasForm T>
std::string Text(const T& value) {
  return "{" + FieldsText(value) + "}";
}

template <typename T>
std::string FieldsText(const T& value) {
  std::string text;
  const T usual{};
  Form<T>::Fields([&](std::string_view name, auto member) {
    using Member = std::remove_cvref_t<decltype(value.*member)>;
    if (value.*member == usual.*member || std::is_same_v<Member, VxmOp>) return;
    if (!text.empty()) text += ", ";
    text += name;
    if constexpr (!std::is_same_v<Member, bool>) text += " " + Text(value.*member);
  });
  return text;
}

// "word fields", or the word alone.
template <typename T>
std::string LineText(std::string_view word, const T& value) {
  const std::string fields = FieldsText(value);
  return fields.empty() ? std::string(word) : fmt::format("{} {}", word, fields);
}

std::string ActionText(const Action& action) {
  return std::visit(
      [](const auto& a) {
        using A = std::remove_cvref_t<decltype(a)>;
        if constexpr (std::is_same_v<A, Vxm>) {
          return LineText(kWords<VxmOp>.at(static_cast<std::size_t>(a.op)), a);
        } else {
          return LineText(Form<A>::kName, a);
        }
      },
      action);
}

template <typename T>
void AppendLines(const std::vector<T>& values, std::string& text) {
  for (const T& value : values) text += LineText(Form<T>::kName, value) + "\n";
}

void AppendImage(const ImagePart& part, ImageBytes image, std::string& text) {
  if (image == ImageBytes::kHex || part.bytes.empty()) {
    text += "  " + LineText(Form<ImagePart>::kName, part) + "\n";
    return;
  }
  const ImagePart without{.slice = part.slice, .word = part.word, .words = part.words};
  text += fmt::format("  # {} bytes\n  {}\n", part.bytes.size(),
                      LineText(Form<ImagePart>::kName, without));
}

}  // namespace

std::string Print(const Instruction& instruction) {
  return fmt::format("{} {}: {}", instruction.cycle, Print(instruction.unit),
                     ActionText(instruction.action));
}

std::string Print(const Program& program, ImageBytes image) {
  std::string text = LineText(Form<Program>::kName, program) + "\n";
  AppendLines(program.registers, text);
  AppendLines(program.sections, text);
  for (const Block& block : program.blocks) {
    text += fmt::format("block {}\n", Text(block.name));
    for (const Instruction& i : block.instructions) text += "  " + Print(i) + "\n";
  }
  for (const ChipProgram& chip : program.chips) {
    text += "chip\n";
    for (const Call& call : chip.calls) {
      text += "  " + LineText(Form<Call>::kName, call) + "\n";
    }
    for (const ImagePart& part : chip.image) AppendImage(part, image, text);
  }
  AppendLines(program.inputs, text);
  AppendLines(program.outputs, text);
  return text;
}

}  // namespace millrace::isa
