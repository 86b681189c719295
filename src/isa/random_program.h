// For tests: a program of random fields, every kind of instruction and value among them. It is not
// valid; it shows that the file forms keep whatever there is.
#pragma once

#include <limits>
#include <random>

#include "isa/fields.h"

namespace millrace::isa {

class RandomProgram {
 public:
  explicit RandomProgram(std::uint32_t seed) : random_(seed) {}

  Program Make() {
    Program p;
    Fill(p);
    for (auto n = Below(4); n-- > 0;) Fill(p.registers.emplace_back());
    for (auto n = Below(4); n-- > 0;) Fill(p.sections.emplace_back());
    for (auto n = Below(3); n-- > 0;) Fill(p.inputs.emplace_back());
    for (auto n = Below(3); n-- > 0;) Fill(p.outputs.emplace_back());
    for (auto n = Below(3); n-- > 0;) FillBlock(p.blocks.emplace_back());
    for (auto n = Below(3); n-- > 0;) {
      ChipProgram& chip = p.chips.emplace_back();
      for (auto c = Below(3); c-- > 0;) Fill(chip.calls.emplace_back());
      for (auto c = Below(3); c-- > 0;) Fill(chip.image.emplace_back());
    }
    return p;
  }

 private:
  std::uint32_t Below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  void FillBlock(Block& block) {
    Set(block.name);
    for (auto n = Below(12); n-- > 0;) {
      Instruction& i = block.instructions.emplace_back();
      i.cycle = static_cast<std::int32_t>(random_() & 0x7fffffff);
      Set(i.unit);
      FillAction<0>(Below(std::variant_size_v<Action>), i.action);
    }
  }

  template <std::size_t n>
  void FillAction(std::size_t kind, Action& action) {
    if constexpr (n < std::variant_size_v<Action>) {
      if (kind != n) return FillAction<n + 1>(kind, action);
      Fill(action.emplace<n>());
    }
  }

  template <typename T>
  void Fill(T& value) {
    Form<T>::Fields([&](std::string_view, auto member) {
      if (Below(3) != 0) Set(value.*member);
    });
  }

  template <std::integral T>
  void Set(T& value) {
    value = static_cast<T>(random_());
    if (Below(8) == 0) value = std::numeric_limits<T>::min();
    if (Below(8) == 0) value = std::numeric_limits<T>::max();
  }
  void Set(bool& value) { value = Below(2) == 0; }
  void Set(float& value) {
    value = static_cast<float>(static_cast<std::int32_t>(random_())) * 1e-20F;
  }
  void Set(DType& value) { value = kAllDTypes[Below(std::size(kAllDTypes))]; }
  template <typename T>
  requires std::is_enum_v<T>
  void Set(T& value) { value = static_cast<T>(Below(kWords<T>.size())); }
  void Set(Address& a) {
    if (Below(2) == 0) Set(a.base);
    if (Below(2) == 0) Set(a.segment);
    if (Below(2) == 0) Set(a.iteration_stride);
    if (Below(2) == 0) Set(a.index);
    if (Below(2) == 0) Set(a.divisor);
    if (Below(2) == 0) Set(a.register_stride);
  }
  void Set(Condition& c) { Set(c.index), Set(c.modulus), Set(c.remainder); }
  void Set(StreamGroup& g) { Set(g.base), Set(g.width); }
  void Set(std::optional<Operand>& o) { Set(o.emplace().side), Set(o->streams); }
  void Set(std::string& text) {
    text.clear();
    for (auto n = Below(9); n-- > 0;) text += static_cast<char>(random_());
  }
  void Set(std::vector<std::int32_t>& values) {
    for (auto n = Below(5); n-- > 0;) Set(values.emplace_back());
  }
  void Set(std::vector<std::byte>& bytes) {
    for (auto n = Below(70); n-- > 0;) bytes.push_back(static_cast<std::byte>(random_() & 255));
  }
  void Set(Unit& unit) {
    Set(unit.kind);
    const bool linear = unit.kind == UnitKind::kVxm || unit.kind == UnitKind::kC2c;
    if (!linear) Set(unit.side);
    if (unit.kind != UnitKind::kSxm) Set(unit.index);
  }
  void Set(TensorPlace& place) { Fill(place); }

  std::mt19937 random_;
};

}  // namespace millrace::isa
