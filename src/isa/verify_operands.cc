// What an instruction may ask of its unit: every field by itself. Nothing here depends on the
// launch; what does (addresses) is checked with the step that uses it.
#include "base/overloaded.h"
#include "isa/states.h"
#include "isa/streams.h"
#include "isa/verify_rules.h"

namespace millrace::isa {
namespace {

using Problem = std::optional<std::string>;

template <typename... Args>
Problem Wrong(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}

class OperandChecker {
 public:
  OperandChecker(const Program& program, const Chip& chip, const Unit& unit)
      : program_(program), chip_(chip), unit_(unit) {}

  Problem operator()(const Read& read) const {
    if (unit_.kind != UnitKind::kMem) return Wrong("found read, wanted a memory slice for it");
    if (auto problem = CheckSteps(read.count, read.interval)) return problem;
    if (auto problem = CheckAddress(read.address)) return problem;
    return CheckGroup({read.stream, 1}, 0);
  }

  Problem operator()(const Write& write) const {
    if (unit_.kind != UnitKind::kMem) return Wrong("found write, wanted a memory slice for it");
    if (auto problem = CheckSteps(write.count, write.interval)) return problem;
    if (auto problem = CheckAddress(write.address)) return problem;
    if (auto problem = CheckCondition(write.condition)) return problem;
    if (write.end_byte > chip_.vector_bytes || write.first_byte % chip_.superlane_bytes != 0 ||
        write.end_byte % chip_.superlane_bytes != 0) {
      return Wrong("found bytes {} to {}, wanted multiples of {}, at most {}", write.first_byte,
                   write.end_byte, chip_.superlane_bytes, chip_.vector_bytes);
    }
    return CheckGroup({write.stream, 1}, 0);
  }

  Problem operator()(const Load& load) const {
    if (unit_.kind != UnitKind::kMxm) return Wrong("found load, wanted a matrix unit for it");
    if (load.buffer >= chip_.mxm.buffers) {
      return Wrong("found buffer {}, the plane has {}", load.buffer, chip_.mxm.buffers);
    }
    if (load.dtype == DType::kF32) return Wrong("found F32, wanted a type of a matrix unit");
    const std::int32_t rows = PassElements(chip_, load.dtype);
    if (load.k < 1 || load.k > rows || load.k % BlockElements(load.dtype) != 0) {
      return Wrong("found k {}, wanted whole blocks, 1 to {}", load.k, rows);
    }
    if (load.columns < 1 || load.columns > chip_.mxm.columns) {
      return Wrong("found {} columns, wanted 1 to {}", load.columns, chip_.mxm.columns);
    }
    const auto vectors = TileVectors(load);
    if (!vectors) return Wrong("found a tile that does not come in words of its order");
    if (load.vectors != *vectors) {
      return Wrong("found {} vectors, wanted {} for the tile", load.vectors, *vectors);
    }
    if (load.base + std::min(load.vectors, chip_.mxm.install_streams) > chip_.streams) {
      return Wrong("found streams from {}, the chip has {}", load.base, chip_.streams);
    }
    return {};
  }

  Problem operator()(const Pass& pass) const {
    if (unit_.kind != UnitKind::kMxm) return Wrong("found pass, wanted a matrix unit for it");
    if (pass.buffer >= chip_.mxm.buffers) {
      return Wrong("found buffer {}, the plane has {}", pass.buffer, chip_.mxm.buffers);
    }
    if (auto problem = CheckSteps(pass.count, pass.interval)) return problem;
    if (auto problem = CheckAccumulators(pass.accumulator, pass.count)) return problem;
    return CheckGroup({pass.base, 1}, 0);
  }

  Problem operator()(const Emit& emit) const {
    if (unit_.kind != UnitKind::kMxm) return Wrong("found emit, wanted a matrix unit for it");
    if (auto problem = CheckSteps(emit.count, emit.interval)) return problem;
    if (auto problem = CheckAccumulators(emit.accumulator, emit.count)) return problem;
    if (emit.columns < 1 || emit.columns > chip_.mxm.columns) {
      return Wrong("found {} columns, wanted 1 to {}", emit.columns, chip_.mxm.columns);
    }
    if (emit.shift % chip_.superlane_bytes != 0) {
      return Wrong("found a shift of {} bytes, wanted a multiple of {}", emit.shift,
                   chip_.superlane_bytes);
    }
    return CheckGroup(emit.out, emit.shift + std::int64_t{4} * emit.columns);
  }

  Problem operator()(const Vxm& vxm) const;

  Problem operator()(const Shift& shift) const {
    if (unit_.kind != UnitKind::kSxm) return Wrong("found shift, wanted an SXM for it");
    if (auto problem = CheckSteps(shift.count, 1)) return problem;
    if (shift.bytes < 1) return Wrong("found 0 bytes to shift, wanted some");
    if (shift.from % chip_.superlane_bytes != 0 || shift.to % chip_.superlane_bytes != 0) {
      return Wrong("found bytes from {} to {}, wanted multiples of {}", shift.from, shift.to,
                   chip_.superlane_bytes);
    }
    if (auto problem = CheckGroup(shift.in, shift.from + shift.bytes)) return problem;
    return CheckGroup(shift.out, shift.to + shift.bytes);
  }

  Problem operator()(const Send& send) const {
    if (unit_.kind != UnitKind::kC2c) return Wrong("found send, wanted a link for it");
    if (auto problem = CheckSteps(send.count, 1)) return problem;
    return CheckGroup({send.stream, 1}, 0);
  }

  Problem operator()(const Receive& receive) const {
    if (unit_.kind != UnitKind::kC2c) return Wrong("found receive, wanted a link for it");
    if (auto problem = CheckSteps(receive.count, 1)) return problem;
    if (receive.to == ResultSides::kNone) return Wrong("found no side, wanted one to receive on");
    return CheckGroup({receive.stream, 1}, 0);
  }

 private:
  Problem CheckSteps(std::int64_t count, std::int64_t interval) const {
    if (count >= 1 && interval >= 1) return {};
    return Wrong("found {} steps with interval {}, wanted both above 0", count, interval);
  }

  // bytes: that the group must hold.
  Problem CheckGroup(StreamGroup group, std::int64_t bytes) const {
    if (group.width < 1 || group.base + group.width > chip_.streams) {
      return Wrong("found streams {} to {}, the chip has {}", group.base,
                   group.base + group.width - 1, chip_.streams);
    }
    if (std::int64_t{group.width} * chip_.vector_bytes < bytes) {
      return Wrong("found {} streams for {} bytes", group.width, bytes);
    }
    return {};
  }

  Problem CheckRegister(RegisterIndex index) const {
    if (index >= 0 && static_cast<std::size_t>(index) < program_.registers.size()) return {};
    return Wrong("found register {}, the program has {}", index, program_.registers.size());
  }
  Problem CheckRegisterKind(RegisterIndex index, LaunchRegister::Kind kind) const {
    if (auto problem = CheckRegister(index)) return problem;
    if (program_.registers[static_cast<std::size_t>(index)].kind == kind) return {};
    return Wrong("found register {}, wanted one of another kind", index);
  }

  Problem CheckAddress(const Address& address) const {
    if (address.divisor < 1) return Wrong("found divisor {}, wanted 1 or more", address.divisor);
    if (address.index == kNoRegister) return {};
    return CheckRegister(address.index);
  }

  Problem CheckCondition(const Condition& condition) const {
    if (condition.modulus == 0) return {};
    if (condition.modulus < 0 || condition.remainder < 0 ||
        condition.remainder >= condition.modulus) {
      return Wrong("found remainder {} of modulus {}, wanted one below it", condition.remainder,
                   condition.modulus);
    }
    return CheckRegister(condition.index);
  }

  Problem CheckAccumulators(std::int32_t first, std::int32_t count) const {
    if (first + count <= chip_.mxm.accumulators) return {};
    return Wrong("found accumulators {} to {}, the plane has {}", first, first + count - 1,
                 chip_.mxm.accumulators);
  }

  // Vectors that the tile takes; nothing if it cannot come in that order.
  std::optional<std::int64_t> TileVectors(const Load& load) const {
    const auto vector = static_cast<std::size_t>(chip_.vector_bytes);
    const std::size_t column_bytes = RowBytes(load.dtype, load.k);
    switch (load.order) {
      case TileOrder::kDense:
        return static_cast<std::int64_t>((load.columns * column_bytes + vector - 1) / vector);
      case TileOrder::kColumnWords:
        if (column_bytes > vector) return {};
        return load.columns;
      case TileOrder::kRowWords: {
        if (IsQuantised(load.dtype)) return {};
        const std::int64_t words = Vectors(chip_, load.columns, 2);
        if (words > 1 && load.k % chip_.mxm.install_streams != 0) return {};
        return words * load.k;
      }
    }
    return {};
  }

  const Program& program_;
  const Chip& chip_;
  const Unit unit_;

  Problem CheckUse(const Vxm& vxm) const;
  Problem CheckOperands(const Vxm& vxm) const;
  Problem CheckStates(const Vxm& vxm) const;
  Problem CheckRope(const Vxm& vxm) const;
  Problem CheckSoftmaxStep(const Vxm& vxm) const;
  Problem CheckRoute(const Vxm& vxm) const;
};

// Which operands an operation has.
enum class Has : std::uint8_t { kNo, kMaybe, kYes };
struct VxmForm {
  Has a = Has::kYes, b = Has::kNo;
  bool result = true;
  bool runs = false;
};

VxmForm FormOf(VxmOp op) {
  switch (op) {
    case VxmOp::kCopy:
    case VxmOp::kScale:
    case VxmOp::kSoftcap:
    case VxmOp::kQuantise:
    case VxmOp::kToF16:
    case VxmOp::kToBF16:
    case VxmOp::kSoftmaxStep:
      return {};
    case VxmOp::kAdd:
    case VxmOp::kSiluMul:
    case VxmOp::kGeluMul:
    case VxmOp::kClampedMul:
    case VxmOp::kScaledAdd:
    case VxmOp::kRope:
      return {.b = Has::kYes};
    case VxmOp::kDot:
    case VxmOp::kNormalise:
      return {.b = Has::kYes, .runs = true};
    case VxmOp::kMultiplyRuns:
      return {.runs = true};
    case VxmOp::kSumSquares:
      return {.result = false, .runs = true};
    case VxmOp::kSoftmaxBegin:
      return {.a = Has::kMaybe, .result = false};
    case VxmOp::kSoftmaxEnd:
      return {.a = Has::kNo, .result = false};
    case VxmOp::kRoute:
      return {.b = Has::kMaybe, .result = false};
  }
  MILLRACE_CHECK(false);
}

bool Fits(Has has, bool there) { return has == Has::kMaybe || (has == Has::kYes) == there; }

Problem OperandChecker::operator()(const Vxm& vxm) const {
  if (unit_.kind != UnitKind::kVxm) return Wrong("found a VXM operation, wanted a chain for it");
  if (auto problem = CheckUse(vxm)) return problem;
  if (auto problem = CheckOperands(vxm)) return problem;
  if (auto problem = CheckStates(vxm)) return problem;
  if (vxm.op == VxmOp::kRope) return CheckRope(vxm);
  if (vxm.op == VxmOp::kSoftmaxStep) return CheckSoftmaxStep(vxm);
  if (vxm.op == VxmOp::kRoute) return CheckRoute(vxm);
  return {};
}

// Operands and counts that the operation needs, and none that it has not.
Problem OperandChecker::CheckUse(const Vxm& vxm) const {
  const VxmForm form = FormOf(vxm.op);
  if (!Fits(form.a, vxm.a.has_value()) || !Fits(form.b, vxm.b.has_value())) {
    return Wrong("found operands that are not those of the operation");
  }
  if (form.result != (vxm.to != ResultSides::kNone)) {
    return Wrong("found {} result, wanted {}", form.result ? "no" : "a", form.result ? "a" : "no");
  }
  if (auto problem = CheckSteps(vxm.count, 1)) return problem;
  const bool dot = vxm.op == VxmOp::kDot;
  const bool softmax = vxm.op == VxmOp::kSoftmaxBegin || vxm.op == VxmOp::kSoftmaxEnd;
  const bool elementwise = vxm.a && !dot && vxm.op != VxmOp::kSoftmaxStep;
  if (vxm.elements < 1 || vxm.step_elements < (elementwise ? 1 : 0) ||
      vxm.step_elements > chip_.vector_bytes) {
    return Wrong("found {} elements, {} a step, wanted 1 or more, at most {} a step", vxm.elements,
                 vxm.step_elements, chip_.vector_bytes);
  }
  if (form.runs && vxm.run < 1) return Wrong("found runs of {}, wanted 1 or more", vxm.run);
  if (elementwise && !softmax && vxm.elements > std::int64_t{vxm.count} * vxm.step_elements) {
    return Wrong("found {} elements in {} steps of {}", vxm.elements, vxm.count, vxm.step_elements);
  }
  if (dot && vxm.elements > chip_.vector_bytes) {
    return Wrong("found {} outputs, wanted at most {}", vxm.elements, chip_.vector_bytes);
  }
  return {};
}

Problem OperandChecker::CheckOperands(const Vxm& vxm) const {
  const auto bytes = [&](const StepShape& shape) {
    return std::int64_t{shape.vectors} * chip_.vector_bytes;
  };
  if (vxm.a) {
    if (auto problem = CheckGroup(vxm.a->streams, bytes(ShapeOfA(chip_, vxm)))) return problem;
  }
  if (vxm.b) {
    if (auto problem = CheckGroup(vxm.b->streams, bytes(ShapeOfB(chip_, vxm)))) return problem;
  }
  if (vxm.to == ResultSides::kNone) return {};
  return CheckGroup(vxm.out, bytes(ShapeOfResult(chip_, vxm)));
}

Problem OperandChecker::CheckStates(const Vxm& vxm) const {
  const StateUse use = StatesOf(vxm);
  for (const auto& ranges : {use.reads, use.writes}) {
    for (const StateRange& range : ranges) {
      if (range.count == 0) continue;
      if (range.begin < 0 || range.begin + range.count > chip_.vxm.states) {
        return Wrong("found states {} to {}, the VXM has {}", range.begin,
                     range.begin + range.count - 1, chip_.vxm.states);
      }
    }
  }
  return {};
}

Problem OperandChecker::CheckRope(const Vxm& vxm) const {
  if (vxm.pairs >= 1 && vxm.first + 2 * vxm.pairs <= vxm.step_elements) return {};
  return Wrong("found {} pairs from element {}, the head has {}", vxm.pairs, vxm.first,
               vxm.step_elements);
}

Problem OperandChecker::CheckSoftmaxStep(const Vxm& vxm) const {
  if (vxm.window < 0) return Wrong("found a window of {}, wanted 0 or more", vxm.window);
  if (auto problem = CheckRegisterKind(vxm.position, LaunchRegister::Kind::kPosition)) {
    return problem;
  }
  return CheckRegisterKind(vxm.first_block, LaunchRegister::Kind::kFirstBlock);
}

Problem OperandChecker::CheckRoute(const Vxm& vxm) const {
  if (vxm.chosen < 1 || vxm.chosen > vxm.elements) {
    return Wrong("found {} experts chosen of {}", vxm.chosen, vxm.elements);
  }
  if (vxm.groups < 1 || vxm.elements % vxm.groups != 0 || vxm.chosen_groups < 1 ||
      vxm.chosen_groups > vxm.groups ||
      vxm.chosen > vxm.elements / vxm.groups * vxm.chosen_groups) {
    return Wrong("found {} of {} groups for {} of {} experts", vxm.chosen_groups, vxm.groups,
                 vxm.chosen, vxm.elements);
  }
  for (int i = 0; i < vxm.chosen; ++i) {
    const auto index = static_cast<std::int32_t>(vxm.first_block) + i;
    if (index < 0 || static_cast<std::size_t>(index) >= program_.registers.size() ||
        program_.registers[static_cast<std::size_t>(index)].kind != LaunchRegister::Kind::kRouted) {
      return Wrong("found register {}, wanted one that a route writes", index);
    }
  }
  return {};
}

std::int32_t UnitsOf(const Chip& chip, UnitKind kind) {
  switch (kind) {
    case UnitKind::kMem:
      return chip.mem.per_hemisphere;
    case UnitKind::kMxm:
      return chip.mxm.planes_per_hemisphere;
    case UnitKind::kVxm:
      return chip.vxm.chains;
    case UnitKind::kSxm:
      return 1;
    case UnitKind::kC2c:
      return chip.links.count;
  }
  MILLRACE_CHECK(false);
}

}  // namespace

std::optional<std::string> OperandProblem(const Program& program, const Chip& chip,
                                          const Instruction& instruction) {
  const Unit& unit = instruction.unit;
  const bool two_sided =
      unit.kind == UnitKind::kMem || unit.kind == UnitKind::kMxm || unit.kind == UnitKind::kSxm;
  if (unit.index >= UnitsOf(chip, unit.kind) || (!two_sided && unit.side != Hemisphere::kWest)) {
    return Wrong("found a unit that the chip does not have");
  }
  return std::visit(OperandChecker(program, chip, unit), instruction.action);
}

}  // namespace millrace::isa
