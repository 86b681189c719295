// The instructions of an LPU: what every unit may be told to do, and when.
//
// Full specification: docs/isa.md, one section an instruction. Timing: isa/timing.h. An instruction
// names the cycle on which it is issued; a unit takes at most one a cycle. `count` repeats: step i
// takes place `interval` cycles after step i - 1 (where there is no such field: as isa/timing.h
// says), with the address `stride` words further (0: the same word again).
//
// Streams: a hemisphere has chip.streams inward and as many outward. A group of them, `width` from
// `base`, carries vectors base, base + 1, ... of one step. A tensor of more vectors than the width
// fills step after step. Binary32 data, four streams wide, thus moves 4 * vector_bytes / 4 = 320
// elements a step on a chip with vectors of 320 bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "numerics/dtype.h"

namespace millrace::isa {

enum class Hemisphere : std::uint8_t { kWest, kEast };
enum class Flow : std::uint8_t { kInward, kOutward };

struct StreamGroup {
  std::uint8_t base = 0;
  std::uint8_t width = 1;
  friend bool operator==(const StreamGroup&, const StreamGroup&) = default;
};

// ------------------------------------------------------------------------------------------ ICU
// Registers hold integers: those that the launch sets (isa/program.h, LaunchRegister) and those
// that kRoute writes. An address, or whether a write takes place, may depend on one.

using RegisterIndex = std::int16_t;
inline constexpr RegisterIndex kNoRegister = -1;

// word = base + relocation[segment] + iteration * iteration_stride
//             + (register / divisor) * register_stride
struct Address {
  std::int32_t base = 0;
  std::uint8_t segment = 0;           // which relocation of the call is added; 0: none
  std::int32_t iteration_stride = 0;  // iteration: of the loop around the instruction, from 0
  RegisterIndex index = kNoRegister;
  std::int32_t divisor = 1;
  std::int32_t register_stride = 0;
  friend bool operator==(const Address&, const Address&) = default;
};

// The instruction takes place if register % modulus == remainder; modulus 0: always.
struct Condition {
  RegisterIndex index = kNoRegister;
  std::int32_t modulus = 0;
  std::int32_t remainder = 0;
  friend bool operator==(const Condition&, const Condition&) = default;
};

// ------------------------------------------------------------------------------------------ MEM
// Puts words on a stream at the slice's position, read_latency after issue.
struct Read {
  Address address = {};
  std::int32_t count = 1;
  std::int32_t stride = 1;
  std::int32_t interval = 1;
  std::uint8_t stream = 0;
  Flow flow = Flow::kInward;
  friend bool operator==(const Read&, const Read&) = default;
};
// Takes vectors from a stream as they pass the slice, and keeps bytes [first_byte, end_byte) of
// each; the other bytes of the word stay. Both are multiples of the superlane.
struct Write {
  Address address = {};
  std::int32_t count = 1;
  std::int32_t stride = 1;
  std::int32_t interval = 1;
  std::uint8_t stream = 0;
  Flow flow = Flow::kInward;
  std::uint16_t first_byte = 0;
  std::uint16_t end_byte = 0;  // nothing is kept if it is not above first_byte
  bool take = false;           // whether or not the condition holds
  Condition condition = {};
  friend bool operator==(const Write&, const Write&) = default;
};

// ------------------------------------------------------------------------------------------ MXM
// How the bytes of a tile come: the weights [columns, k].
enum class TileOrder : std::uint8_t {
  kDense,        // column after column without a gap: each k weights in the blocks of the GGUF type
  kColumnWords,  // one vector a column (its first k weights): keys, a position each
  kRowWords,     // words = ceil(2 * columns / vector_bytes) vectors a row of k: values, a position
                 // each. Of `install_streams` rows come the first vectors, then the second ones:
  // vector v is part v / install_streams % words of row v / (words * install_streams) *
  // install_streams + v % install_streams
};
// Installs a tile into a buffer of the plane: `vectors` of them, install_streams a cycle from
// streams [base, base + install_streams), the last cycle filled from base up.
struct Load {
  std::uint8_t buffer = 0;
  std::uint8_t base = 0;
  DType dtype = DType::kQ8_0;
  TileOrder order = TileOrder::kDense;
  std::uint16_t k = 0;  // at most rows (8-bit activations) or rows / 2 (16-bit)
  std::uint16_t columns = 0;
  std::int32_t vectors = 0;
  friend bool operator==(const Load&, const Load&) = default;
};
enum class PassBegin : std::uint8_t {
  kZero,      // the sums begin at 0
  kContinue,  // at what the accumulator holds
  kRescale,   // at that times the first binary32 of the second stream; at 0, whatever it holds, if
              // the second binary32 of that stream is not 0
};
// Multiplies `count` activation vectors with the tile in `buffer`: for output column c, over the
// tile's k in ascending order, the chain of docs/numerics.md, "Linear". Vector i goes to
// accumulator `accumulator` + i. Two streams from `base`: the values (int8, or 16-bit floats), and
// what belongs to them (a binary32 scale for every block of 32; or the factor of kRescale).
struct Pass {
  std::uint8_t buffer = 0;
  std::uint8_t base = 0;
  PassBegin begin = PassBegin::kZero;
  std::uint16_t accumulator = 0;
  std::uint16_t count = 1;
  std::uint16_t interval = 1;  // at least that of TimePass
  friend bool operator==(const Pass&, const Pass&) = default;
};
// Puts accumulators on `out` (inward): accumulator i at step i, its first `columns` binary32 from
// byte `shift` of the group on (a multiple of the superlane); all other bytes are 0.
struct Emit {
  std::uint16_t accumulator = 0;
  std::uint16_t count = 1;
  std::uint16_t columns = 0;
  std::uint16_t shift = 0;
  std::uint16_t interval = 1;
  StreamGroup out = {};
  friend bool operator==(const Emit&, const Emit&) = default;
};

// ------------------------------------------------------------------------------------------ VXM
// Every operation works on binary32 elements, in the arithmetic of docs/numerics.md. An operand is
// a group of inward streams of one hemisphere, the result goes outward in one or both. In a step,
// only the streams that carry elements that count are read and driven: the first ceil(4 * elements
// of the step / vector_bytes) of a binary32 group (kQuantise: both of its two; kToF16, kToBF16:
// ceil(2 * elements / vector_bytes); kSoftmaxStep: both; kRope: b has 2 * pairs elements).
struct Operand {
  Hemisphere side = Hemisphere::kWest;
  StreamGroup streams = {};
  friend bool operator==(const Operand&, const Operand&) = default;
};
enum class ResultSides : std::uint8_t { kNone, kWest, kEast, kBoth };

enum class VxmOp : std::uint8_t {
  kCopy,          // a
  kAdd,           // a + b
  kScale,         // a * x
  kSoftcap,       // x * tanh(a / x)
  kSiluMul,       // silu(a) * b
  kGeluMul,       // gelu(a) * b
  kClampedMul,    // the gate of gpt-oss of a, b
  kScaledAdd,     // fma(state[slot], a, b)
  kSumSquares,    // state[slot + r] = 1 / sqrt(sum of squares of run r / run + x); no result
  kNormalise,     // (a * state[slot + r]) * b
  kMultiplyRuns,  // a * state[slot + r]
  kQuantise,      // blocks of 32: two vectors out of four, int8 and their binary32 scales
  kToF16,         // a * x rounded to binary16: two vectors out of four
  kToBF16,        // a * x rounded to bfloat16
  kRope,          // a: one head a step; b: its cosines, then its sines: pairs turned
  kSoftmaxBegin,  // state[slot + r], state[sum_slot + r] for r < elements: the maximum and the sum
                  // of row r: a[r] and 1; without an operand -inf and 0. No result
  kSoftmaxStep,   // a: scores of 64 positions, row r on step r, capped (kSoftcap) if x is not 0;
                  // the result: two vectors a step, the
                  // probabilities in binary16, then two binary32: the correction of what came
                  // before, and
                  // 1 in iteration 0 (nothing came before), else 0
  kSoftmaxEnd,    // state[sum_slot + r] = 1 / state[sum_slot + r] for r < elements. No result
  kRoute,         // a: router logits: chosen experts into registers, weights into states
  kDot,           // binary32 weights: step k: a: one stream, x[k] its element
                  // (k mod run) mod (vector_bytes / 4);
                  // b: w[k, 0 .. elements); acc = fma(b, x[k], acc); the only result comes after
                  // the last step
};

enum class TurnedPairs : std::uint8_t { kAdjacent, kHalves };
enum class RouteWeighting : std::uint8_t { kSoftmax, kSoftmaxOfChosen, kSigmoid };

struct Vxm {
  VxmOp op = VxmOp::kCopy;
  std::optional<Operand> a = {}, b = {};
  ResultSides to = ResultSides::kNone;
  StreamGroup out = {};
  std::uint16_t count = 1;  // steps
  // A step carries step_elements, the first of its group; `elements` of them count in all steps
  // together: element e is number e % step_elements of step e / step_elements. Others are ignored
  // and their results are 0. Run r: elements [r * run, (r + 1) * run).
  std::int32_t elements = 0;
  std::int32_t step_elements = 0;
  float x = 0;                          // the immediate
  std::int32_t slot = 0, sum_slot = 0;  // of the first state
  std::int32_t run =
      0;  // kSumSquares, kNormalise, kMultiplyRuns; kSoftmaxEnd, kSoftmaxBegin: states
  // kRope
  std::uint16_t first = 0, pairs = 0;
  TurnedPairs turned = TurnedPairs::kAdjacent;
  // kSoftmaxStep: scores of positions 64 * (register[first_block] + iteration) + 0 .. 63, of which
  // those in (register[position] - window, register[position]] count (window 0: all up to it).
  RegisterIndex position = kNoRegister, first_block = kNoRegister;
  std::int32_t window = 0;
  // kRoute: chosen expert i (ascending by number) into register[first_block + i], weight into
  // state[slot + i]. b: the selection bias, if any.
  std::uint16_t chosen = 0, groups = 1, chosen_groups = 1;
  RouteWeighting weighting = RouteWeighting::kSoftmax;
  bool normalise = false;
  friend bool operator==(const Vxm&, const Vxm&) = default;
};

// ------------------------------------------------------------------------------------------ SXM
// Takes a group of outward streams at the edge, and drives a group of inward ones: bytes [from,
// from
// + bytes) of the input group become bytes [to, to + bytes), everything else is 0.
struct Shift {
  StreamGroup in = {}, out = {};
  std::uint16_t from = 0, to = 0, bytes = 0;
  std::uint16_t count = 1;
  friend bool operator==(const Shift&, const Shift&) = default;
};

// ------------------------------------------------------------------------------------------ C2C
// Step i takes place links.vector_cycles after step i - 1. Send takes outward streams at the edge
// of `side`; the peer's Receive, exactly the link's latency later, drives an inward stream at the
// edge of one hemisphere or of both.
struct Send {
  Hemisphere side = Hemisphere::kWest;
  std::uint8_t stream = 0;
  std::uint16_t count = 1;
  friend bool operator==(const Send&, const Send&) = default;
};
struct Receive {
  ResultSides to = ResultSides::kBoth;
  std::uint8_t stream = 0;
  std::uint16_t count = 1;
  friend bool operator==(const Receive&, const Receive&) = default;
};

// --------------------------------------------------------------------------------------- queues
enum class UnitKind : std::uint8_t { kMem, kMxm, kVxm, kSxm, kC2c };

// mem: slice, from the VXM outward; mxm: plane; vxm: chain (side is kWest); c2c: link (side is
// kWest).
struct Unit {
  UnitKind kind = UnitKind::kMem;
  Hemisphere side = Hemisphere::kWest;
  std::uint16_t index = 0;
  friend auto operator<=>(const Unit&, const Unit&) = default;
};

using Action = std::variant<Read, Write, Load, Pass, Emit, Vxm, Shift, Send, Receive>;

struct Instruction {
  std::int32_t cycle = 0;  // from the beginning of its block
  Unit unit;
  Action action;
  friend bool operator==(const Instruction&, const Instruction&) = default;
};

}  // namespace millrace::isa
