// The tiles of a matrix on the planes: installed one after the other, each while the one before is
// multiplied.
//
// A piece is a row of tiles along k, whose sums go on in the same accumulators. The load of tile
// i + 1 is placed before the pass on tile i: a pass slips into the streams that the last cycle of a
// load leaves free, a load would have to wait for a pass.
#include <algorithm>
#include <cstring>

#include "base/ceil_div.h"
#include "compiler/linear_job.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;

// Along k, in the steps of the input.
std::vector<Lowering::TilePlan> Lowering::TilesOf(const LinearJob& job, const Piece& piece) const {
  const Chip& chip = floorplan_.chip();
  const DType dtype = job.weight->dtype;
  const Layout& in = job.x->layout;
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
}

// The bytes of a tile of every expert, in the images of the members.
void Lowering::FillTile(const LinearJob& job, const Piece& piece, const TilePlan& tile) {
  const DType dtype = job.weight->dtype;
  const std::size_t row_bytes = RowBytes(dtype, static_cast<std::size_t>(job.weight->columns));
  const std::int64_t expert_rows = job.weight->rows / job.experts;
  if (job.weight->bytes.empty()) return;
  const std::size_t bytes = RowBytes(dtype, static_cast<std::size_t>(tile.k));
  const std::size_t offset = RowBytes(dtype, static_cast<std::size_t>(tile.first_k));
  for (std::int32_t m = 0; m < kept_values(); ++m) {
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
}

void Lowering::LoadTile(const LinearJob& job, TileWork& work) {
  const Chip& chip = floorplan_.chip();
  const DType dtype = job.weight->dtype;
  const std::int32_t plane = work.piece->plane;
  PlaneState& state = planes_[static_cast<std::size_t>(plane)];
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
      task.SetMember(m,
                     columns == work.piece->columns ? Task::Usages::kCount : Task::Usages::kSilent);
      task.Load(plane, install, 0, cycles);
    }
  }
  const std::int64_t ready = std::max(state.buffer_free[work.buffer],
                                      job.ready + chip.edge() + chip.mem.read_latency_cycles);
  work.loaded = section().Place(task, ready) + cycles + chip.mxm.install_latency_cycles;
}

void Lowering::PassTile(const LinearJob& job, const TileWork& work, Tensor& out) {
  const Chip& chip = floorplan_.chip();
  const DType dtype = job.weight->dtype;
  const bool quantised = IsQuantised(dtype);
  const std::int32_t plane = work.piece->plane;
  PlaneState& state = planes_[static_cast<std::size_t>(plane)];
  const Hemisphere side = floorplan_.plane_side(plane);
  const TilePlan& tile = work.tile;
  const isa::PassTiming timing = isa::TimePass(chip, dtype, tile.k);
  if (work.first) {
    state.next_set = (state.next_set + 1) % accumulator_sets();
    state.chain_free = state.accumulators_free[state.next_set];
  }
  const std::int32_t first_slice = job.x->group * kGroupSlices + (quantised ? 0 : tile.half);
  const std::int32_t reach =
      chip.mem.read_latency_cycles + chip.edge() - chip.slice_position(first_slice);
  std::int64_t ready = std::max(work.loaded, state.chain_free);
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
  state.chain_free = at + std::max(timing.chain_cycles, timing.interval_cycles);
  if (work.last) {
    PlaceOutput(job, *work.piece, state.next_set, at + timing.latency_cycles, out);
  }
}

void Lowering::PlacePieces(LinearJob& job, const std::vector<Piece>& pieces, Tensor& out) {
  std::vector<std::vector<TileWork>> queues(planes_.size());
  std::size_t next_tile = 0;
  for (const Piece& piece : pieces) {
    std::vector<TilePlan> tiles = TilesOf(job, piece);
    for (std::size_t t = 0; t < tiles.size(); ++t, ++next_tile) {
      if (job.tiles != nullptr && next_tile < job.tiles->size()) {
        tiles[t].base = (*job.tiles)[next_tile];
      } else {
        tiles[t].base = tiles_.Allocate(piece.plane, tiles[t].words * job.experts);
        FillTile(job, piece, tiles[t]);
        if (job.tiles != nullptr) job.tiles->push_back(tiles[t].base);
      }
      queues[static_cast<std::size_t>(piece.plane)].push_back(
          {&piece, tiles[t], t == 0, t + 1 == tiles.size()});
    }
  }
  std::size_t longest = 0;
  for (const auto& queue : queues) longest = std::max(longest, queue.size());
  for (std::size_t i = 0; i <= longest; ++i) {
    for (auto& queue : queues) {
      if (i < queue.size()) LoadTile(job, queue[i]);
    }
    for (auto& queue : queues) {
      if (i > 0 && i - 1 < queue.size()) PassTile(job, queue[i - 1], out);
    }
  }
}

}  // namespace millrace::compiler
