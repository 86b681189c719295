// The end of a piece: its sums leave the plane, pass the VXM (a copy, or the bias), and are written
// to both hemispheres.
#include <algorithm>

#include "base/ceil_div.h"
#include "compiler/linear_job.h"
#include "numerics/reference.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;
using isa::VxmOp;

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
      for (std::int32_t m = 0; m < kept_values(); ++m) {
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
    const std::uint8_t in = NextInward(), to = NextOutward();
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

}  // namespace millrace::compiler
