// Matrices: tiles installed one after the other while the one before is multiplied.
//
// The rows that a chip computes are cut into pieces of up to 240 columns of the matrix unit, dealt
// out to the planes; a piece is a row of tiles along k, whose sums go on in the same accumulators.
// 240 because a piece whose first element is not the first of a word still ends within four words,
// and because 240 columns of Q8_0 fill sixteen streams almost exactly (255 of 256 vectors). The
// load of tile i + 1 is placed before the pass on tile i: a pass slips into the streams that the
// last cycle of a load leaves free, a load would have to wait for a pass.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "compiler/linear_job.h"
#include "numerics/reference.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;
using isa::VxmOp;

namespace {

constexpr std::int32_t kPieceColumns = 240;
constexpr std::int32_t kGrain = 4;  // elements of a superlane

std::int32_t CeilDiv(std::int32_t a, std::int32_t b) { return (a + b - 1) / b; }

// The form in which passes take activations.
int FormOf(DType dtype) { return IsQuantised(dtype) ? 0 : dtype == DType::kF16 ? 1 : 2; }

}  // namespace

Result<Tensor> Lowering::Prepare(const Tensor& x, DType dtype, std::int32_t first_row,
                                 std::int32_t rows) {
  const int form = FormOf(dtype);
  ValuePlan plan{.parts = x.layout.parts};
  MILLRACE_TRY(Tensor prepared, NewTensor(x.layout.elements(), plan, 2, {&x}));
  prepared.layout = x.layout;
  isa::Vxm vxm{.op = form == 0   ? VxmOp::kQuantise
                     : form == 1 ? VxmOp::kToF16
                                 : VxmOp::kToBF16,
               .x = 1};
  for (std::int32_t row = first_row; row < first_row + rows; ++row) {
    for (const StepRun& run : RunsOf(x)) PlaceVector(vxm, &x, nullptr, &prepared, row, run);
  }
  return prepared;
}

Result<const Tensor*> Lowering::PreparedInput(ValueId x, DType dtype) {
  const auto key = std::make_pair(x.value, FormOf(dtype));
  if (!prepared_.contains(key)) {
    if (value(x).spread != Spread::kWhole) MILLRACE_TRY_VOID(MakeWhole(x));
    MILLRACE_TRY(Tensor prepared, Prepare(value(x), dtype, 0, shape_.rows));
    prepared_.emplace(key, std::move(prepared));
  }
  return &prepared_.at(key);
}

std::vector<Lowering::Piece> Lowering::CutPieces(const LinearJob& job) const {
  const Layout layout = MakeLayout(job.columns, job.plan.parts, step_elements_);
  const std::int32_t group_rows = static_cast<std::int32_t>(job.columns) / job.groups;
  std::vector<Piece> pieces;
  const auto add = [&](std::int32_t local, std::int32_t columns, std::int32_t word,
                       std::int32_t shift, const std::vector<Range>& member_elements, bool last) {
    Piece piece{.columns = columns, .rows = {}, .word = word, .shift = shift, .ends_row = last};
    for (const Range& elements : member_elements) {
      const std::int32_t begin = std::min(elements.begin + local, elements.end);
      piece.rows.push_back({begin, std::min(begin + columns, elements.end)});
    }
    piece.first_step = piece.rows[0].begin / group_rows * job.x->layout.steps_per_part();
    if (job.groups == 1) piece.first_step = 0;
    pieces.push_back(std::move(piece));
  };
  if (job.plan.parts > 1) {
    std::vector<Range> shares =
        job.plan.spread == Spread::kParts
            ? job.plan.shares
            : std::vector<Range>(static_cast<std::size_t>(members()), Range{0, layout.parts});
    std::int32_t most = 0;
    for (Range& share : shares) {
      most = std::max(most, share.size());
      share = {share.begin * layout.part_elements, share.end * layout.part_elements};
    }
    for (std::int32_t part = 0; part < most; ++part) {
      for (std::int32_t s = 0; s < layout.steps_per_part(); ++s) {
        add(part * layout.part_elements + s * layout.step_elements, layout.elements_of(s),
            (part * layout.steps_per_part() + s) * 4, 0, shares, true);
      }
    }
    return pieces;
  }
  std::vector<Range> shares(static_cast<std::size_t>(members()),
                            Range{0, static_cast<std::int32_t>(job.columns)});
  if (job.plan.spread != Spread::kWhole) {
    for (std::size_t m = 0; m < shares.size(); ++m) {
      shares[m] = plan_->ElementsOf(
          job.plan.spread == Spread::kLocal
              ? job.plan.shares[m]
              : Range{WordOf(job.plan.shares[m].begin),
                      job.plan.shares[m].size() == 0 ? WordOf(job.plan.shares[m].begin)
                                                     : WordOf(job.plan.shares[m].end - 1) + 1},
          job.columns);
    }
  }
  std::int32_t most = 0;
  for (const Range& share : shares) most = std::max(most, share.size());
  const std::int32_t planes = floorplan_.planes();
  const std::int32_t count =
      std::min(CeilDiv(most, kGrain), planes * CeilDiv(most, planes * kPieceColumns));
  const bool whole_words = step_elements_ == 4 * word_elements();
  for (std::int32_t i = 0; i < count; ++i) {
    const auto bound = [&](std::int32_t n) {
      return n == count
                 ? most
                 : static_cast<std::int32_t>(std::int64_t{most} * n / count) / kGrain * kGrain;
    };
    std::int32_t begin = bound(i);
    while (begin < bound(i + 1)) {
      std::int32_t end = std::min(bound(i + 1), begin + kPieceColumns);
      if (!whole_words) end = std::min(end, (begin / step_elements_ + 1) * step_elements_);
      const std::int32_t within = begin % step_elements_;
      add(begin, end - begin, WordOf(begin), within % word_elements() * 4, shares, end == most);
      begin = end;
    }
  }
  return pieces;
}

// One tile of a piece.
namespace {
struct TilePlan {
  std::int32_t step = 0, half = 0;  // of the input: a step, and which of its 16-bit words
  std::int32_t first_k = 0, k = 0;  // of the weight's columns
  std::int32_t vectors = 0, words = 0, base = 0;
};
}  // namespace

void Lowering::PlacePieces(LinearJob& job, const std::vector<Piece>& pieces, Tensor& out) {
  const Chip& chip = floorplan_.chip();
  const DType dtype = job.weight->dtype;
  const bool quantised = IsQuantised(dtype);
  const Layout& in = job.x->layout;
  const std::size_t row_bytes = RowBytes(dtype, static_cast<std::size_t>(job.weight->columns));
  const std::int64_t expert_rows = job.weight->rows / job.experts;
  // ---- the tiles of a piece along k
  const auto tiles_of = [&](const Piece& piece) {
    std::vector<TilePlan> tiles;
    const std::int32_t most = isa::PassElements(chip, dtype);
    std::int32_t at = 0;
    const std::int32_t steps = job.groups == 1 ? in.steps() : in.steps_per_part();
    for (std::int32_t s = 0; s < steps; ++s) {
      const std::int32_t elements = in.elements_of(s);
      for (std::int32_t first = 0, half = 0; first < elements; first += most, ++half) {
        TilePlan tile{.step = piece.first_step + s, .half = half, .first_k = at};
        tile.k = std::min(most, elements - first);
        const auto bytes =
            static_cast<std::int32_t>(RowBytes(dtype, static_cast<std::size_t>(tile.k)));
        tile.vectors = CeilDiv(piece.columns * bytes, chip.vector_bytes);
        tile.words = CeilDiv(tile.vectors, chip.mxm.install_streams);
        at += tile.k;
        tiles.push_back(tile);
      }
    }
    return tiles;
  };
  const auto fill = [&](const Piece& piece, const TilePlan& tile) {
    if (job.weight->bytes.empty()) return;
    const std::size_t bytes = RowBytes(dtype, static_cast<std::size_t>(tile.k));
    const std::size_t offset = RowBytes(dtype, static_cast<std::size_t>(tile.first_k));
    for (std::int32_t m = 0; m < kept(); ++m) {
      const Range rows = piece.rows[static_cast<std::size_t>(m)];
      for (std::int32_t e = 0; e < job.experts; ++e) {
        std::vector<std::byte> packed(static_cast<std::size_t>(rows.size()) * bytes);
        for (std::int32_t c = 0; c < rows.size(); ++c) {
          const auto row = static_cast<std::size_t>(e * expert_rows + rows.begin + c);
          std::memcpy(packed.data() + static_cast<std::size_t>(c) * bytes,
                      job.weight->bytes.data() + row * row_bytes + offset, bytes);
        }
        tiles_.Fill(m, piece.plane, tile.base + e * tile.words, std::move(packed));
      }
    }
  };
  // ---- the queue of every plane
  struct Work {
    const Piece* piece;
    TilePlan tile;
    bool first = false, last = false;
    int buffer = 0;
    std::int64_t loaded = 0;
  };
  std::vector<std::vector<Work>> queues(planes_.size());
  std::size_t next_tile = 0;
  for (const Piece& piece : pieces) {
    std::vector<TilePlan> tiles = tiles_of(piece);
    for (std::size_t t = 0; t < tiles.size(); ++t) {
      if (job.tiles != nullptr && next_tile < job.tiles->size()) {
        tiles[t].base = (*job.tiles)[next_tile];
      } else {
        tiles[t].base = tiles_.Allocate(piece.plane, tiles[t].words * job.experts);
        fill(piece, tiles[t]);
        if (job.tiles != nullptr) job.tiles->push_back(tiles[t].base);
      }
      ++next_tile;
      queues[static_cast<std::size_t>(piece.plane)].push_back(
          {&piece, tiles[t], t == 0, t + 1 == tiles.size()});
    }
  }
  // ---- load and pass
  const auto load = [&](std::size_t p, Work& work) {
    PlaneState& state = planes_[p];
    const auto plane = static_cast<std::int32_t>(p);
    work.buffer = state.next_buffer;
    state.next_buffer ^= 1;
    Task task(floorplan_);
    const TilePlan& tile = work.tile;
    for (std::int32_t i = 0; i < chip.mxm.install_streams; ++i) {
      if (i >= tile.vectors) break;
      isa::Read read{.address = {.base = tile.base, .index = job.expert},
                     .count = CeilDiv(tile.vectors - i, chip.mxm.install_streams),
                     .stream = static_cast<std::uint8_t>(floorplan_.install_base(plane) + i),
                     .flow = Flow::kOutward};
      if (job.expert != isa::kNoRegister) read.address.register_stride = tile.words;
      task.Read(floorplan_.plane_side(plane), floorplan_.install_slice(plane, i), read, chip.edge(),
                0);
    }
    isa::Load install{.buffer = static_cast<std::uint8_t>(work.buffer),
                      .base = static_cast<std::uint8_t>(floorplan_.install_base(plane)),
                      .dtype = dtype,
                      .k = static_cast<std::uint16_t>(tile.k),
                      .vectors = tile.vectors};
    const std::int32_t cycles = isa::LoadCycles(chip, tile.vectors);
    const bool same = std::all_of(work.piece->rows.begin(), work.piece->rows.end(),
                                  [&](Range r) { return r.size() == work.piece->columns; });
    if (same) {
      install.columns = static_cast<std::uint16_t>(work.piece->columns);
      task.Load(plane, install, 0, cycles);
    } else {
      for (std::int32_t m = 0; m < members(); ++m) {
        const std::int32_t columns = work.piece->rows[static_cast<std::size_t>(m)].size();
        if (columns == 0) continue;
        install.columns = static_cast<std::uint16_t>(columns);
        install.vectors = CeilDiv(
            columns * static_cast<std::int32_t>(RowBytes(dtype, static_cast<std::size_t>(tile.k))),
            chip.vector_bytes);
        task.SetMember(
            m, columns == work.piece->columns ? Task::Usages::kCount : Task::Usages::kSilent);
        task.Load(plane, install, 0, cycles);
      }
    }
    const std::int64_t ready = std::max(state.buffer_free[work.buffer],
                                        job.ready + chip.edge() + chip.mem.read_latency_cycles);
    work.loaded = section().Place(task, ready) + cycles + chip.mxm.install_latency_cycles;
  };
  std::vector<std::int64_t> chain_free(planes_.size(), 0);
  const auto pass = [&](std::size_t p, Work& work) {
    PlaneState& state = planes_[p];
    const auto plane = static_cast<std::int32_t>(p);
    const Hemisphere side = floorplan_.plane_side(plane);
    const TilePlan& tile = work.tile;
    const isa::PassTiming timing = isa::TimePass(chip, dtype, tile.k);
    if (work.first) {
      state.next_set = (state.next_set + 1) % accumulator_sets();
      chain_free[p] = state.accumulators_free[state.next_set];
    }
    const std::int32_t first_slice = job.x->group * kGroupSlices + (quantised ? 0 : tile.half);
    const std::int32_t reach =
        chip.mem.read_latency_cycles + chip.edge() - chip.slice_position(first_slice);
    std::int64_t ready = std::max(work.loaded, chain_free[p]);
    for (std::int32_t r = 0; r < job.rows; ++r) {
      ready = std::max(ready, job.x->ready_at(job.row + r, tile.step) + reach -
                                  std::int64_t{r} * timing.interval_cycles);
    }
    std::vector<Task> tasks;
    for (std::int32_t slot = chip.streams / 2; slot-- > 0;) {
      Task task(floorplan_);
      const auto base = static_cast<std::uint8_t>(2 * slot);
      for (std::int32_t j = 0; j < (quantised ? 2 : 1); ++j) {
        task.Read(side, first_slice + j,
                  {.address = {.base = job.x->address(job.row, tile.step)},
                   .count = job.rows,
                   .stride = job.x->layout.steps(),
                   .interval = timing.interval_cycles,
                   .stream = static_cast<std::uint8_t>(base + j),
                   .flow = Flow::kOutward},
                  chip.edge(), 0);
      }
      for (std::int32_t m = 0; m < members(); ++m) {
        if (work.piece->rows[static_cast<std::size_t>(m)].size() == 0) continue;
        task.SetMember(m);
        task.Pass(plane,
                  {.buffer = static_cast<std::uint8_t>(work.buffer),
                   .base = base,
                   .begin = work.first ? isa::PassBegin::kZero : isa::PassBegin::kContinue,
                   .accumulator = static_cast<std::uint16_t>(state.next_set * shape_.rows),
                   .count = static_cast<std::uint16_t>(job.rows),
                   .interval = static_cast<std::uint16_t>(timing.interval_cycles)},
                  0);
      }
      tasks.push_back(std::move(task));
    }
    const std::int64_t at = section().PlaceEarliest(tasks, ready).base;
    const std::int64_t last = at + std::int64_t{job.rows} * timing.interval_cycles;
    state.buffer_free[work.buffer] = last;
    chain_free[p] = at + std::max(timing.chain_cycles, timing.interval_cycles);
    if (work.last) {
      PlaceOutput(job, *work.piece, state.next_set, at + timing.latency_cycles, out);
    }
  };
  std::size_t longest = 0;
  for (const auto& queue : queues) longest = std::max(longest, queue.size());
  for (std::size_t i = 0; i <= longest; ++i) {
    for (std::size_t p = 0; p < queues.size(); ++p) {
      if (i < queues[p].size()) load(p, queues[p][i]);
    }
    for (std::size_t p = 0; p < queues.size(); ++p) {
      if (i > 0 && i - 1 < queues[p].size()) pass(p, queues[p][i - 1]);
    }
  }
}

// Emit, add the bias or copy, write to both sides.
void Lowering::PlaceOutput(const LinearJob& job, const Piece& piece, std::int32_t set,
                           std::int64_t ready, Tensor& out) {
  const Chip& chip = floorplan_.chip();
  const Hemisphere side = floorplan_.plane_side(piece.plane);
  const std::int32_t words = CeilDiv(piece.shift + 4 * piece.columns, chip.vector_bytes);
  const Tensor* bias = nullptr;
  std::vector<std::vector<float>> bias_values;
  isa::Vxm vxm{.op = job.bias != nullptr ? VxmOp::kAdd : VxmOp::kCopy,
               .to = isa::ResultSides::kBoth,
               .count = static_cast<std::uint16_t>(job.rows),
               .elements = job.rows * words * word_elements(),
               .step_elements = words * word_elements()};
  if (job.bias != nullptr) {
    const Layout one{.parts = job.experts,
                     .part_elements = words * word_elements(),
                     .step_elements = words * word_elements()};
    if (!job.bias->bytes.empty()) {
      std::vector<float> all(static_cast<std::size_t>(job.bias->rows * job.bias->columns));
      reference::DequantiseRow(job.bias->dtype, job.bias->bytes.data(), all);
      for (std::int32_t m = 0; m < kept(); ++m) {
        std::vector<float> mine(static_cast<std::size_t>(one.elements()), 0.0f);
        const Range rows = piece.rows[static_cast<std::size_t>(m)];
        for (std::int32_t e = 0; e < job.experts; ++e) {
          for (std::int32_t c = 0; c < rows.size(); ++c) {
            mine[static_cast<std::size_t>(e * one.part_elements + piece.shift / 4 + c)] =
                all[static_cast<std::size_t>(e * (job.weight->rows / job.experts) + rows.begin +
                                             c)];
          }
        }
        bias_values.push_back(std::move(mine));
      }
    }
    bias =
        &constants_.Add(fmt::format("{} word {} byte {}", job.bias->name, piece.word, piece.shift),
                        one, bias_values);
  }
  const isa::StepTiming timing = isa::VxmTiming(chip, vxm);
  const std::int32_t at_vxm = chip.mxm.emit_latency_cycles + chip.edge();
  std::int32_t readable = 0;
  const bool alike = out.spread != Spread::kInPlace &&
                     std::all_of(piece.rows.begin(), piece.rows.end(),
                                 [&](Range r) { return r.size() == piece.columns; });
  std::vector<Task> tasks;
  for (std::int32_t chain = 0; chain < chip.vxm.chains; ++chain) {
    const std::uint8_t in = NextInward(4), to = NextOutward(4);
    Task task(floorplan_);
    for (std::int32_t m = 0; m < (alike ? 1 : members()); ++m) {
      const std::int32_t columns = piece.rows[static_cast<std::size_t>(m)].size();
      if (columns == 0) continue;
      if (!alike) task.SetMember(m);
      task.Emit(piece.plane,
                {.accumulator = static_cast<std::uint16_t>(set * shape_.rows),
                 .count = static_cast<std::uint16_t>(job.rows),
                 .columns = static_cast<std::uint16_t>(columns),
                 .shift = static_cast<std::uint16_t>(piece.shift),
                 .interval = static_cast<std::uint16_t>(timing.interval_cycles),
                 .out = {in, static_cast<std::uint8_t>(words)}},
                0);
      vxm.a = isa::Operand{side, {in, static_cast<std::uint8_t>(words)}};
      vxm.out = {to, static_cast<std::uint8_t>(words)};
      if (bias != nullptr) {
        vxm.b = isa::Operand{Hemisphere::kEast,
                             {static_cast<std::uint8_t>((in + 4) % (chip.streams / 4 * 4)),
                              static_cast<std::uint8_t>(words)}};
        for (std::int32_t j = 0; j < words; ++j) {
          isa::Read read{.address = {.base = bias->address(0, 0), .index = job.expert},
                         .count = job.rows,
                         .stride = 0,
                         .interval = timing.interval_cycles,
                         .stream = static_cast<std::uint8_t>(vxm.b->streams.base + j),
                         .flow = Flow::kInward};
          if (job.expert != isa::kNoRegister) read.address.register_stride = 1;
          task.Read(Hemisphere::kEast, kConstantGroup * kGroupSlices + j, read, 0, at_vxm);
        }
      }
      task.Vxm(chain, vxm, at_vxm);
      const std::int32_t own_words = CeilDiv(piece.shift + 4 * columns, chip.vector_bytes);
      for (const Hemisphere to_side : {Hemisphere::kWest, Hemisphere::kEast}) {
        for (std::int32_t j = 0; j < own_words; ++j) {
          const std::int32_t word = FirstWord(out, m) + piece.word + j;
          const std::int32_t slice = out.group * kGroupSlices + word % 4;
          const std::int32_t end = piece.shift + 4 * columns - j * chip.vector_bytes;
          const bool full = end >= chip.vector_bytes || piece.ends_row || columns < piece.columns;
          isa::Write write{
              .address = {.base = out.address(job.row, word / 4)},
              .count = job.rows,
              .stride = out.layout.steps(),
              .interval = timing.interval_cycles,
              .stream = static_cast<std::uint8_t>(to + j),
              .flow = Flow::kOutward,
              .first_byte = static_cast<std::uint16_t>(j == 0 ? piece.shift : 0),
              .end_byte = static_cast<std::uint16_t>(full ? chip.vector_bytes : std::max(0, end)),
              .take = true};
          task.Carry(to_side, Flow::kOutward, to + j, 0, chip.slice_position(slice),
                     at_vxm + timing.latency_cycles, job.rows, timing.interval_cycles);
          readable = std::max(readable,
                              task.Write(to_side, slice, write, 0, at_vxm + timing.latency_cycles));
        }
      }
    }
    tasks.push_back(std::move(task));
  }
  const std::int64_t at = section().PlaceEarliest(tasks, ready).base;
  planes_[static_cast<std::size_t>(piece.plane)].accumulators_free[set] =
      at + std::int64_t{job.rows} * timing.interval_cycles;
  const std::int32_t per_row = static_cast<std::int32_t>(out.ready.size()) / out.rows;
  for (std::int32_t r = 0; r < job.rows; ++r) {
    for (std::int32_t j = 0; j < words; ++j) {
      const std::int32_t index =
          out.spread == Spread::kInPlace ? piece.word + j : (piece.word + j) / 4;
      if (index >= per_row) continue;
      auto& slot = out.ready[static_cast<std::size_t>((job.row + r) * per_row + index)];
      slot = std::max(slot, at + readable + std::int64_t{r} * timing.interval_cycles);
    }
  }
}

Result<Tensor> Lowering::Multiply(LinearJob& job) {
  if (IsQuantised(job.weight->dtype) == false && job.weight->dtype != DType::kF16 &&
      job.weight->dtype != DType::kBF16) {
    return Unsupported(
        "{}: {} is {}, for which there is no matrix unit; quantise the model: millrace quantize IN "
        "OUT Q8_0",
        system_->name, job.weight->name, Name(job.weight->dtype));
  }
  MILLRACE_TRY(Tensor out, NewTensor(job.columns, job.plan, 4, {job.avoid}));
  std::vector<Piece> pieces = CutPieces(job);
  std::vector<std::int64_t> columns(planes_.size(), 0);
  for (Piece& piece : pieces) {  // to the plane that has least to do, and least in its slices
    for (std::int32_t p = 1; p < floorplan_.planes(); ++p) {
      const auto cost = [&](std::int32_t plane) {
        return std::make_pair(columns[static_cast<std::size_t>(plane)], tiles_.used(plane));
      };
      if (cost(p) < cost(piece.plane)) piece.plane = p;
    }
    columns[static_cast<std::size_t>(piece.plane)] += piece.columns;
  }
  PlacePieces(job, pieces, out);
  return out;
}

Result<void> Lowering::Lower(const Linear& op, ValueId id) {
  const Weight& weight = graph_->weight(op.weight);
  if (weight.dtype == DType::kF32) return LowerDot(op, id);
  if (value(op.input).spread != Spread::kWhole) MILLRACE_TRY_VOID(MakeWhole(op.input));
  if (value(op.input).layout.parts != op.groups) MILLRACE_TRY_VOID(Relayout(op.input, op.groups));
  MILLRACE_TRY(const Tensor* x, PreparedInput(op.input, weight.dtype));
  LinearJob job{.weight = &weight,
                .x = x,
                .rows = shape_.rows,
                .columns = graph_->columns[id.index()],
                .plan = plan_->value(id),
                .groups = op.groups,
                .bias = op.bias ? &graph_->weight(*op.bias) : nullptr};
  MILLRACE_TRY(Tensor out, Multiply(job));
  values_.insert_or_assign(id.value, std::move(out));
  return {};
}

}  // namespace millrace::compiler
