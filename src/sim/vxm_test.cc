// Every VXM operation as a program: operands from SRAM, results back to SRAM, against the plain
// reference of the operation.
#include <cmath>
#include <cstring>

#include "numerics/elementary.h"
#include "numerics/half.h"
#include "numerics/reference.h"
#include "numerics/reference_attention.h"
#include "sim/tiny_program.h"

namespace millrace::sim {
namespace {

using isa::VxmOp;

constexpr int kElements = 600;  // two full steps and a part of one
constexpr int kSteps = 3;
constexpr std::int64_t kStart = 20;

isa::Operand OperandAt(int stream, int width = 4) {
  return {kWest, {static_cast<std::uint8_t>(stream), static_cast<std::uint8_t>(width)}};
}
isa::TensorPlace Place(int slice, int step = TinyProgram::kStepElements, int word = 0) {
  return {.chip = 0, .side = kWest, .slice = slice, .word = word, .step_elements = step};
}

// a in slices 0-3 on streams 0-3, b in slices 4-7 on streams 4-7, the result in slices 8-11.
struct Operation {
  TinyProgram tiny;
  isa::Vxm vxm;
  std::int64_t at = kStart;

  explicit Operation(VxmOp op) {
    vxm.op = op;
    vxm.a = OperandAt(0);
    vxm.to = isa::ResultSides::kWest;
    vxm.out = {8, 4};
    vxm.count = kSteps;
    vxm.elements = kElements;
    vxm.step_elements = TinyProgram::kStepElements;
  }
  int width() const { return (vxm.step_elements * 4 + 255) / 256; }
  isa::StepTiming timing() const { return isa::VxmTiming(tiny.chip(), vxm); }

  void A(const std::vector<float>& values) {
    tiny.Input(Place(0, vxm.step_elements), values);
    tiny.ReadToVxm(at, kWest, 0, width(), 0, 0, vxm.count, timing().interval_cycles);
  }
  void B(const std::vector<float>& values, int stride = 1) {
    vxm.b = OperandAt(4);
    tiny.Input(Place(4, vxm.step_elements), values);
    tiny.ReadToVxm(at, kWest, 4, width(), 0, 4, vxm.count, timing().interval_cycles, stride);
  }
  std::vector<float> Run() {
    tiny.Add(at, TinyProgram::Chain(0), vxm);
    for (int step = 0; step < vxm.count; ++step) {
      const int left = std::min(vxm.elements - step * vxm.step_elements, vxm.step_elements);
      tiny.WriteFromVxm(at + step * timing().interval_cycles + timing().latency_cycles, kWest, 8,
                        (left * 4 + 255) / 256, step, 8, 1, 1);
    }
    tiny.Output(Place(8, vxm.step_elements), vxm.elements);
    return tiny.Run();
  }
};

std::vector<float> Unary(VxmOp op, const std::vector<float>& a, float x) {
  Operation operation(op);
  operation.vxm.x = x;
  operation.A(a);
  return operation.Run();
}

std::vector<float> Binary(VxmOp op, const std::vector<float>& a, const std::vector<float>& b) {
  Operation operation(op);
  operation.A(a);
  operation.B(b);
  return operation.Run();
}

TEST(Vxm, ElementwiseOperationsAreTheirReference) {
  const std::vector<float> a = Normals(kElements, 1), b = Normals(kElements, 2);
  std::vector<float> wanted(kElements);
  EXPECT_EQ(Unary(VxmOp::kCopy, a, 0), a);
  for (std::size_t i = 0; i < a.size(); ++i) wanted[i] = a[i] * 0.3f;
  EXPECT_EQ(Unary(VxmOp::kScale, a, 0.3f), wanted);
  reference::Softcap(a, 1.5f, wanted);
  EXPECT_EQ(Unary(VxmOp::kSoftcap, a, 1.5f), wanted);
  for (std::size_t i = 0; i < a.size(); ++i) wanted[i] = a[i] + b[i];
  EXPECT_EQ(Binary(VxmOp::kAdd, a, b), wanted);
  reference::SiluMul(a, b, wanted);
  EXPECT_EQ(Binary(VxmOp::kSiluMul, a, b), wanted);
  reference::GeluMul(a, b, wanted);
  EXPECT_EQ(Binary(VxmOp::kGeluMul, a, b), wanted);
  reference::ClampedSwigluMul(a, b, wanted);
  EXPECT_EQ(Binary(VxmOp::kClampedMul, a, b), wanted);
}

// Puts the inverse norms of `a`, in runs, into states [0, ...). Returns when they can be used.
std::int64_t AddNorms(Operation& operation, const std::vector<float>& a, int run) {
  isa::Vxm norms = operation.vxm;
  norms.op = VxmOp::kSumSquares;
  norms.to = isa::ResultSides::kNone;
  norms.run = run;
  norms.x = 1e-5f;
  norms.a = OperandAt(0);
  const isa::StepTiming timing = isa::VxmTiming(operation.tiny.chip(), norms);
  operation.tiny.Input(Place(12), a);
  operation.tiny.ReadToVxm(kStart, kWest, 12, 4, 0, 0, norms.count, timing.interval_cycles);
  operation.tiny.Add(kStart, TinyProgram::Chain(1), norms);
  return kStart + (norms.count - 1) * timing.interval_cycles + timing.latency_cycles;
}

TEST(Vxm, NormaliseByRunsIsRmsNorm) {
  const std::vector<float> a = Normals(kElements, 3), weight = Normals(kElements, 4);
  for (const int run : {kElements, 200, 50}) {
    Operation operation(VxmOp::kNormalise);
    operation.at = AddNorms(operation, a, run);
    operation.vxm.run = run;
    operation.A(a);
    operation.B(weight);
    std::vector<float> wanted(kElements);
    for (std::size_t r = 0; r < kElements; r += static_cast<std::size_t>(run)) {
      const auto n = static_cast<std::size_t>(run);
      reference::RmsNorm(std::span(a).subspan(r, n), std::span(weight).subspan(r, n), 1e-5f,
                         std::span(wanted).subspan(r, n));
    }
    EXPECT_EQ(operation.Run(), wanted) << run;
  }
}

TEST(Vxm, StatesAreThereAtTheirCycleAndNotBefore) {
  const std::vector<float> a = Normals(kElements, 3);
  for (const std::int64_t early : {0, 1}) {
    Operation operation(VxmOp::kMultiplyRuns);
    operation.at = AddNorms(operation, a, kElements) - early;
    operation.vxm.run = kElements;
    operation.A(a);
    operation.tiny.Add(operation.at, TinyProgram::Chain(0), operation.vxm);
    const auto fault = operation.tiny.Fault();
    EXPECT_EQ(fault.has_value(), early == 1);
    if (fault) {
      EXPECT_EQ(fault->rule, isa::Rule::kMatrix);
    }
  }
}

TEST(Vxm, QuantiseGivesBlocksAndScales) {
  const std::vector<float> a = Normals(256, 5);
  Operation operation(VxmOp::kQuantise);
  operation.vxm.count = 1;
  operation.vxm.elements = 256;
  operation.vxm.out = {8, 2};
  operation.A(a);
  operation.vxm.elements = 128;  // so that Run writes the two vectors that are driven
  operation.tiny.Add(kStart, TinyProgram::Chain(0), [&] {
    isa::Vxm vxm = operation.vxm;
    vxm.elements = 256;
    return vxm;
  }());
  operation.tiny.WriteFromVxm(kStart + operation.timing().latency_cycles, kWest, 8, 2, 0, 8, 1, 1);
  operation.tiny.Output(Place(8), 128);
  const std::vector<float> found = operation.tiny.Run();
  const auto blocks = reference::Quantise(a);
  for (std::size_t b = 0; b < 8; ++b) {
    EXPECT_EQ(std::memcmp(found.data() + b * 8, blocks[b].q, 32), 0) << b;
    EXPECT_EQ(found[64 + b], blocks[b].d);
  }
  for (std::size_t i = 72; i < 128; ++i) EXPECT_EQ(found[i], 0);
}

TEST(Vxm, ConversionsTo16BitsScaleFirst) {
  const std::vector<float> a = Normals(256, 6);
  for (const VxmOp op : {VxmOp::kToF16, VxmOp::kToBF16}) {
    Operation operation(op);
    operation.vxm.count = 1;
    operation.vxm.elements = 256;
    operation.vxm.x = 0.7f;
    operation.A(a);
    operation.tiny.Add(kStart, TinyProgram::Chain(0), operation.vxm);
    operation.tiny.WriteFromVxm(kStart + operation.timing().latency_cycles, kWest, 8, 2, 0, 8, 1,
                                1);
    operation.tiny.Output(Place(8), 128);
    const std::vector<float> found = operation.tiny.Run();
    for (std::size_t i = 0; i < 256; ++i) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, reinterpret_cast<const std::byte*>(found.data()) + 2 * i, 2);
      EXPECT_EQ(bits, op == VxmOp::kToF16 ? FloatToHalf(a[i] * 0.7f) : FloatToBFloat(a[i] * 0.7f));
    }
  }
}

TEST(Vxm, RopeTurnsAHeadAStep) {
  constexpr std::size_t kHead = 64, kPairs = 24, kFirst = 8, kHeads = 3;
  const std::vector<float> a = Normals(kHead * kHeads, 7), angles = Normals(2 * kPairs, 8);
  for (const isa::TurnedPairs turned : {isa::TurnedPairs::kAdjacent, isa::TurnedPairs::kHalves}) {
    Operation operation(VxmOp::kRope);
    operation.vxm.elements = kHead * kHeads;
    operation.vxm.step_elements = kHead;
    operation.vxm.first = kFirst;
    operation.vxm.pairs = kPairs;
    operation.vxm.turned = turned;
    operation.A(a);
    operation.B(angles, 0);
    std::vector<float> wanted = a;
    for (std::size_t h = 0; h < kHeads; ++h) {
      const auto head = std::span(wanted).subspan(h * kHead + kFirst, 2 * kPairs);
      const auto cosines = std::span(angles).first(kPairs), sines = std::span(angles).last(kPairs);
      if (turned == isa::TurnedPairs::kAdjacent) reference::Rope(cosines, sines, head);
      if (turned == isa::TurnedPairs::kHalves) reference::RopeHalves(cosines, sines, head);
    }
    EXPECT_EQ(operation.Run(), wanted);
  }
}

// softmax(scores) as a product with the identity would give it: the reference with one-hot values.
std::vector<float> ReferenceProbabilities(const std::vector<float>& scores, std::size_t position,
                                          std::size_t window, std::optional<float> sink,
                                          float cap) {
  reference::CachedVectors keys(reference::CacheType::kF16, 1, 1);
  reference::CachedVectors values(reference::CacheType::kF16, 1, 64);
  for (std::size_t i = 0; i < 64; ++i) {
    std::vector<float> one_hot(64);
    one_hot[i] = 1;
    keys.Append(std::span(&scores[i], 1));
    values.Append(one_hot);
  }
  std::vector<float> out(64);
  const float one = 1;
  reference::Attention(keys, values, 0, position, std::span(&one, 1),
                       {.scale = 1, .window = window, .softcap = cap, .sink = sink}, out);
  return out;
}

TEST(Vxm, SoftmaxOfABlockIsThatOfAttention) {
  std::vector<float> scores = Normals(64, 9);
  for (float& s : scores) s = RoundToHalf(s);
  for (const std::size_t window : {std::size_t{0}, std::size_t{10}}) {
    for (const bool has_sink : {false, true}) {
      constexpr int kPosition = 40;
      const float cap = has_sink ? 1.25f : 0;
      Operation begin(VxmOp::kSoftmaxStep);
      TinyProgram& tiny = begin.tiny;
      isa::Vxm start{.op = VxmOp::kSoftmaxBegin};
      start.elements = 1;
      start.step_elements = 64;
      start.slot = 3;
      start.sum_slot = 5;
      if (has_sink) {
        start.a = OperandAt(12, 1);
        tiny.Input(Place(12, 64), {0.25f});
        tiny.ReadToVxm(kStart, kWest, 12, 1, 0, 12, 1, 1);
      }
      tiny.Add(kStart, TinyProgram::Chain(0), start);
      isa::Vxm& vxm = begin.vxm;
      begin.at = kStart + isa::VxmTiming(tiny.chip(), start).latency_cycles;
      vxm.a = OperandAt(0, 1);
      vxm.count = 1;
      vxm.elements = vxm.step_elements = 64;
      vxm.out = {8, 2};
      vxm.slot = 3;
      vxm.sum_slot = 5;
      vxm.position = 0;
      vxm.first_block = 1;
      vxm.window = static_cast<std::int32_t>(window);
      vxm.x = cap;
      tiny.Input(Place(0, 64), scores);
      tiny.ReadToVxm(begin.at, kWest, 0, 1, 0, 0, 1, 1);
      tiny.Add(begin.at, TinyProgram::Chain(1), vxm);
      const std::int64_t done = begin.at + begin.timing().latency_cycles;
      tiny.WriteFromVxm(done, kWest, 8, 2, 0, 8, 1, 1);
      isa::Vxm end{.op = VxmOp::kSoftmaxEnd};
      end.elements = 1;
      end.sum_slot = 5;
      tiny.Add(done, TinyProgram::Chain(2), end);
      // the inverse of the sum, by one element that is 1
      isa::Vxm inverse{.op = VxmOp::kMultiplyRuns};
      inverse.a = OperandAt(4, 1);
      inverse.to = isa::ResultSides::kWest;
      inverse.out = {12, 1};
      inverse.elements = 1;
      inverse.step_elements = 64;
      inverse.run = 1;
      inverse.slot = 5;
      const std::int64_t at = done + isa::VxmTiming(tiny.chip(), end).latency_cycles;
      tiny.Input(Place(4, 64), {1.0f});
      tiny.ReadToVxm(at, kWest, 4, 1, 0, 4, 1, 1);
      tiny.Add(at, TinyProgram::Chain(3), inverse);
      tiny.WriteFromVxm(at + isa::VxmTiming(tiny.chip(), inverse).latency_cycles, kWest, 10, 1, 0,
                        12, 1, 1);
      tiny.Output(Place(8, 192), 192);
      const std::vector<float> found = tiny.Run(kPosition);
      const auto wanted = ReferenceProbabilities(
          scores, kPosition, window, has_sink ? std::optional<float>(0.25f) : std::nullopt, cap);
      for (std::size_t i = 0; i < 64; ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, reinterpret_cast<const std::byte*>(found.data()) + 2 * i, 2);
        EXPECT_EQ(HalfToFloat(bits) * found[128], wanted[i]) << i;
      }
      EXPECT_EQ(found[65], 1) << "the first block";
    }
  }
}

TEST(Vxm, RouteChoosesAndScaledAddUsesTheWeight) {
  Operation operation(VxmOp::kScaledAdd);
  isa::Vxm route{.op = VxmOp::kRoute};
  route.a = OperandAt(0, 1);
  route.elements = 4;
  route.step_elements = 64;
  route.x = 2;
  route.chosen = 2;
  route.first_block = 2;
  route.slot = 7;
  operation.tiny.program().registers.push_back({isa::LaunchRegister::Kind::kRouted, 0, 0});
  operation.tiny.program().registers.push_back({isa::LaunchRegister::Kind::kRouted, 0, 0});
  operation.tiny.Input(Place(12, 64), {0.5f, 2.0f, -1.0f, 1.0f});
  operation.tiny.ReadToVxm(kStart, kWest, 12, 1, 0, 0, 1, 1);
  operation.tiny.Add(kStart, TinyProgram::Chain(1), route);
  operation.at = kStart + isa::VxmTiming(operation.tiny.chip(), route).latency_cycles;
  operation.vxm.slot = 8;  // expert 3
  const std::vector<float> a = Normals(kElements, 1), b = Normals(kElements, 2);
  operation.A(a);
  operation.B(b);
  const std::vector<float> logits = {0.5f, 2.0f, -1.0f, 1.0f};
  std::vector<float> weights;
  for (const float x : logits) weights.push_back(Exp(x - 2.0f));
  const float weight = weights[3] / reference::Sum(weights) * 2;
  std::vector<float> wanted(kElements);
  for (std::size_t i = 0; i < kElements; ++i) wanted[i] = std::fma(weight, a[i], b[i]);
  EXPECT_EQ(operation.Run(), wanted);
}

TEST(Vxm, DotIsLinearOfBinary32) {
  constexpr std::size_t kRows = 5, kColumns = 70;
  const std::vector<float> w = Normals(kRows * kColumns, 11), x = Normals(kColumns, 12);
  std::vector<float> turned(64 * kColumns);
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t k = 0; k < kColumns; ++k) turned[k * 64 + r] = w[r * kColumns + k];
  }
  Operation operation(VxmOp::kDot);
  isa::Vxm& vxm = operation.vxm;
  vxm.count = kColumns;
  vxm.elements = kRows;
  vxm.step_elements = kRows;
  vxm.run = 256;
  vxm.a = OperandAt(0, 1);
  vxm.b = OperandAt(4, 1);
  const std::int64_t interval = operation.timing().interval_cycles;
  operation.tiny.Input(Place(0), x);
  operation.tiny.Input(Place(4, 64), turned);
  operation.tiny.ReadToVxm(kStart, kWest, 0, 1, 0, 0, 64, static_cast<int>(interval), 0);
  operation.tiny.ReadToVxm(kStart + 64 * interval, kWest, 1, 1, 0, 0, 6, static_cast<int>(interval),
                           0);
  operation.tiny.ReadToVxm(kStart, kWest, 4, 1, 0, 4, kColumns, static_cast<int>(interval));
  operation.tiny.Add(kStart, TinyProgram::Chain(0), vxm);
  operation.tiny.WriteFromVxm(kStart + static_cast<std::int64_t>(kColumns - 1) * interval +
                                  operation.timing().latency_cycles,
                              kWest, 8, 1, 0, 8, 1, 1);
  operation.tiny.Output(Place(8), kRows);
  std::vector<float> wanted(kRows);
  reference::Linear(DType::kF32, reinterpret_cast<const std::byte*>(w.data()), x, wanted);
  EXPECT_EQ(operation.tiny.Run(), wanted);
}

}  // namespace
}  // namespace millrace::sim
