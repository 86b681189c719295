// Tiles of every format through a plane against reference::Linear: load, pass, emit at their exact
// cycles, and one cycle too early.
#include <cstring>

#include "numerics/half.h"
#include "numerics/quantise.h"
#include "numerics/reference.h"
#include "sim/tile.h"
#include "sim/tiny_program.h"

namespace millrace::sim {
namespace {

constexpr std::size_t kK = 256, kColumns = 40;
constexpr std::int64_t kStart = 20;

std::vector<std::byte> Weights(DType dtype, std::size_t rows, unsigned seed) {
  const std::size_t row_bytes = RowBytes(dtype, kK);
  std::vector<std::byte> bytes(rows * row_bytes);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto values = Normals(kK, seed + static_cast<unsigned>(r));
    QuantiseRow(dtype, values, std::span(bytes).subspan(r * row_bytes, row_bytes));
  }
  return bytes;
}

// x quantised (or rounded) in the VXM, passed to the tile at the edge, the sums written on their
// way inward. The tile comes from slices 12 to 15; two halves of k are two tiles and a chain.
struct Multiplication {
  TinyProgram tiny;
  DType dtype;
  std::size_t k;  // of one tile
  int parts;      // tiles
  std::int64_t early_pass = 0, early_emit = 0;

  std::int64_t edge() const { return tiny.chip().edge(); }

  // Puts a tile's bytes into slices 12 .. 15 from `word` on, and loads it. Returns the cycle of the
  // first pass.
  std::int64_t Load(const std::vector<std::byte>& bytes, int buffer, int word, std::int64_t at) {
    const auto vectors = static_cast<int>((bytes.size() + 255) / 256);
    for (int lane = 0; lane < 4; ++lane) {
      isa::ImagePart part{.slice = TinyProgram::Slice(kWest, 12 + lane), .word = word};
      for (int v = lane; v < vectors; v += 4) {
        const auto begin = static_cast<std::size_t>(v) * 256;
        const std::size_t size = std::min<std::size_t>(256, bytes.size() - begin);
        const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(begin);
        part.bytes.insert(part.bytes.end(), first, first + static_cast<std::ptrdiff_t>(size));
        ++part.words;
      }
      const std::int64_t issue = at - tiny.chip().mem.read_latency_cycles -
                                 (edge() - tiny.chip().slice_position(12 + lane));
      tiny.Add(issue, part.slice,
               isa::Read{.address = {.base = word},
                         .count = part.words,
                         .stream = static_cast<std::uint8_t>(lane),
                         .flow = isa::Flow::kOutward});
      tiny.program().chips[0].image.push_back(part);
    }
    tiny.Add(at, TinyProgram::PlaneOf(kWest),
             isa::Load{.buffer = static_cast<std::uint8_t>(buffer),
                       .base = 0,
                       .dtype = dtype,
                       .order = isa::TileOrder::kDense,
                       .k = static_cast<std::uint16_t>(k),
                       .columns = kColumns,
                       .vectors = vectors});
    return at + isa::LoadCycles(tiny.chip(), vectors) + tiny.chip().mxm.install_latency_cycles;
  }

  // The vector of x for part `part` at the edge on `cycle`, on streams 8 and 9.
  void Activate(const std::vector<float>& x, int part, std::int64_t cycle) {
    isa::Vxm vxm{.op = IsQuantised(dtype) ? isa::VxmOp::kQuantise : isa::VxmOp::kToF16};
    vxm.a = isa::Operand{kWest, {0, 4}};
    vxm.to = isa::ResultSides::kWest;
    vxm.out = {8, 2};
    vxm.elements = static_cast<std::int32_t>(k);
    vxm.step_elements = TinyProgram::kStepElements;
    vxm.x = 1;
    const std::int64_t at = cycle - edge() - isa::VxmTiming(tiny.chip(), vxm).latency_cycles;
    const auto begin = x.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(part) * k);
    tiny.Input({.chip = 0, .side = kWest, .slice = 0, .word = part, .step_elements = 256},
               {begin, begin + static_cast<std::ptrdiff_t>(k)});
    tiny.ReadToVxm(at, kWest, 0, static_cast<int>(k * 4 + 255) / 256, part, 0, 1, 1);
    tiny.Add(at, TinyProgram::Chain(part), vxm);
  }

  void Build(const std::vector<std::byte>& weights, const std::vector<float>& x) {
    const std::size_t row_bytes = RowBytes(dtype, kK), part_bytes = RowBytes(dtype, k);
    std::int64_t load_at = kStart + 40, pass_at = 0, done = 0;
    for (int part = 0; part < parts; ++part) {
      std::vector<std::byte> tile;
      for (std::size_t c = 0; c < kColumns; ++c) {
        const auto at =
            weights.begin() + static_cast<std::ptrdiff_t>(
                                  c * row_bytes + static_cast<std::size_t>(part) * part_bytes);
        tile.insert(tile.end(), at, at + static_cast<std::ptrdiff_t>(part_bytes));
      }
      const std::int64_t ready = Load(tile, part, 128 * part, load_at);
      const isa::PassTiming timing =
          isa::TimePass(tiny.chip(), dtype, static_cast<std::int32_t>(k));
      pass_at = std::max(ready, pass_at + timing.chain_cycles) - (part == 0 ? early_pass : 0);
      Activate(x, part, pass_at);
      tiny.Add(pass_at, TinyProgram::PlaneOf(kWest),
               isa::Pass{.buffer = static_cast<std::uint8_t>(part),
                         .base = 8,
                         .begin = part == 0 ? isa::PassBegin::kZero : isa::PassBegin::kContinue,
                         .accumulator = 2,
                         .count = 1,
                         .interval = static_cast<std::uint16_t>(timing.interval_cycles)});
      done = pass_at + timing.latency_cycles;
      load_at = ready + 1;  // the pass has the queue on that cycle
    }
    const std::int64_t emit = done - early_emit;
    tiny.Add(
        emit, TinyProgram::PlaneOf(kWest),
        isa::Emit{.accumulator = 2, .count = 1, .columns = kColumns, .shift = 0, .out = {12, 1}});
    tiny.Write(emit + tiny.chip().mxm.emit_latency_cycles + edge() - tiny.chip().slice_position(8),
               kWest, 8, 0, 12, isa::Flow::kInward, 1, 1);
    tiny.Output({.chip = 0, .side = kWest, .slice = 8, .word = 0, .step_elements = 64}, kColumns);
  }
};

TEST(Plane, TilesOfEveryFormatAreLinear) {
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K, DType::kF16}) {
    const std::size_t k = dtype == DType::kF16 ? 128 : 256;
    Multiplication m{.tiny = TinyProgram(), .dtype = dtype, .k = k, .parts = int(kK / k)};
    const auto weights = Weights(dtype, kColumns, 30);
    const auto x = Normals(kK, 31);
    m.Build(weights, x);
    std::vector<float> wanted(kColumns);
    reference::Linear(dtype, weights.data(), x, wanted);
    EXPECT_EQ(m.tiny.Run(), wanted) << Name(dtype);
  }
}

TEST(Plane, ChainsOfTilesAreTheWholeRow) {
  Multiplication m{.tiny = TinyProgram(), .dtype = DType::kQ8_0, .k = 128, .parts = 2};
  const auto weights = Weights(DType::kQ8_0, kColumns, 30);
  const auto x = Normals(kK, 31);
  m.Build(weights, x);
  std::vector<float> wanted(kColumns);
  reference::Linear(DType::kQ8_0, weights.data(), x, wanted);
  EXPECT_EQ(m.tiny.Run(), wanted);
}

TEST(Plane, ACycleTooEarlyIsAFault) {
  const auto weights = Weights(DType::kQ8_0, kColumns, 30);
  const auto x = Normals(kK, 31);
  for (const bool pass : {true, false}) {
    Multiplication m{.tiny = TinyProgram(), .dtype = DType::kQ8_0, .k = 256, .parts = 1};
    (pass ? m.early_pass : m.early_emit) = 1;
    m.Build(weights, x);
    const auto fault = m.tiny.Fault();
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->rule, isa::Rule::kMatrix) << fault->message;
    EXPECT_EQ(fault->unit.kind, isa::UnitKind::kMxm);
  }
}

TEST(Plane, RowWordsAreColumnsToThePlane) {
  const Chip chip = TinyChip();  // vectors of 128 weights, four streams
  constexpr std::size_t kRows = 6, kWide = 200;
  const isa::Load load{.dtype = DType::kF16,
                       .order = isa::TileOrder::kRowWords,
                       .k = kRows,
                       .columns = kWide,
                       .vectors = 16};
  std::vector<std::byte> bytes(16 * 256);
  const auto put = [&](std::size_t vector, std::size_t at, std::uint16_t value) {
    std::memcpy(bytes.data() + vector * 256 + 2 * at, &value, 2);
  };
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t c = 0; c < kWide; ++c) {
      // rows 0-3: vectors 0-3 their first words, 4-7 their second ones; rows 4, 5: 8.. and 12..
      put((r < 4 ? 0 : 8) + r % 4 + (c < 128 ? 0 : 4), c % 128,
          static_cast<std::uint16_t>(1000 * r + c));
    }
  }
  const auto columns = ColumnsOf(chip, load, bytes);
  ASSERT_EQ(columns.size(), kWide * kRows * 2);
  for (std::size_t c = 0; c < kWide; ++c) {
    for (std::size_t r = 0; r < kRows; ++r) {
      std::uint16_t value = 0;
      std::memcpy(&value, columns.data() + (c * kRows + r) * 2, 2);
      ASSERT_EQ(value, 1000 * r + c);
    }
  }
}

}  // namespace
}  // namespace millrace::sim
