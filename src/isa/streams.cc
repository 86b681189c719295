#include "isa/streams.h"

#include <algorithm>

#include "base/check.h"
#include "base/overloaded.h"

namespace millrace::isa {
namespace {

using Kind = StreamUse::Kind;

constexpr std::int32_t kBinary32Bytes = 4, kBinary16Bytes = 2;

// Collects the uses of one instruction.
class Uses {
 public:
  Uses(const Chip& chip, const Issue& issue, std::vector<StreamUse>& uses)
      : chip_(chip), issue_(issue), unit_(issue.instruction->unit), uses_(uses) {}

  void operator()(const Read& read) {
    Add(Kind::kDrive, unit_.side, read.flow, read.stream, slice_position(),
        chip_.mem.read_latency_cycles, {read.count, read.interval});
  }

  void operator()(const Write& write) {
    Add(write.take ? Kind::kTake : Kind::kRead, unit_.side, write.flow, write.stream,
        slice_position(), 0, {write.count, write.interval});
  }

  // Vector v on cycle v / install_streams, on stream base + v % install_streams.
  void operator()(const Load& load) {
    const std::int32_t width = chip_.mxm.install_streams;
    for (std::int32_t lane = 0; lane < std::min(width, load.vectors); ++lane) {
      const std::int32_t count = (load.vectors - lane + width - 1) / width;
      Add(Kind::kRead, unit_.side, Flow::kOutward, load.base + lane, chip_.edge(), 0, {count, 1});
    }
  }

  void operator()(const Pass& pass) {
    const Steps steps{pass.count, pass.interval};
    Add(Kind::kRead, unit_.side, Flow::kOutward, pass.base, chip_.edge(), 0, steps);
    const bool scales = issue_.tile != nullptr && IsQuantised(issue_.tile->dtype);
    if (!scales && pass.begin != PassBegin::kRescale) return;
    Add(Kind::kRead, unit_.side, Flow::kOutward, pass.base + 1, chip_.edge(), 0, steps);
  }

  void operator()(const Emit& emit) {
    DriveGroup(unit_.side, Flow::kInward, emit.out, chip_.edge(), chip_.mxm.emit_latency_cycles,
               {emit.count, emit.interval});
  }

  void operator()(const Vxm& vxm) {
    const StepTiming timing = VxmTiming(chip_, vxm);
    if (vxm.a) ReadOperand(vxm, *vxm.a, ShapeOfA(chip_, vxm), timing.interval_cycles);
    if (vxm.b) ReadOperand(vxm, *vxm.b, ShapeOfB(chip_, vxm), timing.interval_cycles);
    if (vxm.to != ResultSides::kEast) DriveResult(vxm, Hemisphere::kWest, timing);
    if (vxm.to != ResultSides::kWest) DriveResult(vxm, Hemisphere::kEast, timing);
  }

  void operator()(const Shift& shift) {
    const Steps steps{shift.count, 1};
    const std::int32_t end =
        (shift.from + shift.bytes + chip_.vector_bytes - 1) / chip_.vector_bytes;
    for (std::int32_t v = shift.from / chip_.vector_bytes; v < end; ++v) {
      Add(Kind::kRead, unit_.side, Flow::kOutward, shift.in.base + v, chip_.edge(), 0, steps);
    }
    DriveGroup(unit_.side, Flow::kInward, shift.out, chip_.edge(), chip_.sxm.latency_cycles, steps);
  }

  void operator()(const Send& send) {
    Add(Kind::kRead, send.side, Flow::kOutward, send.stream, chip_.edge(), 0,
        {send.count, chip_.links.vector_cycles});
  }

  void operator()(const Receive& receive) {
    for (const Hemisphere side : {Hemisphere::kWest, Hemisphere::kEast}) {
      const bool other =
          receive.to == (side == Hemisphere::kWest ? ResultSides::kEast : ResultSides::kWest);
      if (receive.to == ResultSides::kNone || other) continue;
      Add(Kind::kDrive, side, Flow::kInward, receive.stream, chip_.edge(), 0,
          {receive.count, chip_.links.vector_cycles});
    }
  }

 private:
  std::int32_t slice_position() const { return chip_.slice_position(unit_.index); }

  void Add(Kind kind, Hemisphere side, Flow flow, std::int32_t stream, std::int32_t position,
           std::int64_t delay, Steps steps) {
    if (steps.count == 0) return;
    uses_.push_back({kind, side, flow, stream, position, issue_.cycle + delay, steps});
  }

  void DriveGroup(Hemisphere side, Flow flow, StreamGroup group, std::int32_t position,
                  std::int64_t delay, Steps steps) {
    for (std::int32_t v = 0; v < group.width; ++v) {
      Add(Kind::kDrive, side, flow, group.base + v, position, delay, steps);
    }
  }

  // The vectors of each step that hold elements that count.
  void ReadOperand(const Vxm& vxm, const Operand& operand, const StepShape& shape,
                   std::int64_t interval) {
    for (std::int32_t v = 0; v < shape.vectors; ++v) {
      Add(Kind::kRead, operand.side, Flow::kInward, operand.streams.base + v, 0, 0,
          {StepsWith(vxm, shape, v), interval});
    }
  }

  void DriveResult(const Vxm& vxm, Hemisphere side, const StepTiming& timing) {
    if (vxm.to == ResultSides::kNone) return;
    const StepShape shape = ShapeOfResult(chip_, vxm);
    for (std::int32_t v = 0; v < shape.vectors; ++v) {
      Steps steps{StepsWith(vxm, shape, v), timing.interval_cycles};
      std::int64_t delay = timing.latency_cycles;
      if (vxm.op == VxmOp::kDot) {  // one result, after the last step
        delay += Steps{vxm.count, timing.interval_cycles}.last();
        steps = {};
      }
      Add(Kind::kDrive, side, Flow::kOutward, vxm.out.base + v, 0, delay, steps);
    }
  }

  const Chip& chip_;
  const Issue& issue_;
  const Unit unit_;
  std::vector<StreamUse>& uses_;
};

StepShape Elementwise(const Chip& chip, const Vxm& vxm, std::int32_t element_bytes) {
  return {Vectors(chip, vxm.step_elements, element_bytes), chip.vector_bytes / element_bytes};
}

}  // namespace

std::int32_t Vectors(const Chip& chip, std::int64_t elements, std::int32_t element_bytes) {
  return static_cast<std::int32_t>((elements * element_bytes + chip.vector_bytes - 1) /
                                   chip.vector_bytes);
}

std::int64_t StepsWith(const Vxm& vxm, const StepShape& shape, std::int32_t vector) {
  if (shape.elements_per_vector == 0) return vxm.count;
  const std::int64_t beyond =
      std::int64_t{vxm.elements} - std::int64_t{vector} * shape.elements_per_vector;
  if (beyond <= 0) return 0;
  return std::min<std::int64_t>(vxm.count, (beyond + vxm.step_elements - 1) / vxm.step_elements);
}

StepShape ShapeOfA(const Chip& chip, const Vxm& vxm) {
  if (vxm.op == VxmOp::kSoftmaxStep) return {Vectors(chip, kKvBlock, kBinary32Bytes), 0};
  if (vxm.op == VxmOp::kDot) return {1, 0};
  return Elementwise(chip, vxm, kBinary32Bytes);
}

StepShape ShapeOfB(const Chip& chip, const Vxm& vxm) {
  if (vxm.op == VxmOp::kRope) return {Vectors(chip, 2 * vxm.pairs, kBinary32Bytes), 0};
  if (vxm.op == VxmOp::kDot) return {Vectors(chip, vxm.elements, kBinary32Bytes), 0};
  return Elementwise(chip, vxm, kBinary32Bytes);
}

StepShape ShapeOfResult(const Chip& chip, const Vxm& vxm) {
  switch (vxm.op) {
    case VxmOp::kSumSquares:
    case VxmOp::kSoftmaxBegin:
    case VxmOp::kSoftmaxEnd:
    case VxmOp::kRoute:
      return {0, 0};
    case VxmOp::kSoftmaxStep:
      return {2, 0};
    case VxmOp::kQuantise:
      return {2, 0};
    case VxmOp::kToF16:
    case VxmOp::kToBF16:
      return Elementwise(chip, vxm, kBinary16Bytes);
    case VxmOp::kDot:
      return {Vectors(chip, vxm.elements, kBinary32Bytes), 0};
    case VxmOp::kCopy:
    case VxmOp::kAdd:
    case VxmOp::kScale:
    case VxmOp::kSoftcap:
    case VxmOp::kSiluMul:
    case VxmOp::kGeluMul:
    case VxmOp::kClampedMul:
    case VxmOp::kScaledAdd:
    case VxmOp::kNormalise:
    case VxmOp::kMultiplyRuns:
    case VxmOp::kRope:
      return Elementwise(chip, vxm, kBinary32Bytes);
  }
  MILLRACE_CHECK(false);
}

void StreamUses(const Chip& chip, const Issue& issue, std::vector<StreamUse>& uses) {
  std::visit(Uses(chip, issue, uses), issue.instruction->action);
}

}  // namespace millrace::isa
