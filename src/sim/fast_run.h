// One step of the fast simulator: the happenings of a dataflow, one after the other.
//
// Passes are put off until their sums are wanted. If there is much to compute by then, all threads
// do, each whole chains of passes or its part of the columns; the rest is the first thread's.
#pragma once

#include <vector>

#include "base/team.h"
#include "kernels/kernel_table.h"
#include "numerics/activation.h"
#include "sim/dataflow.h"

namespace millrace::sim {

class FastRun {
 public:
  FastRun(SystemState& state, PackedTileStore& tiles, Dataflow& flow, const KernelTable& kernels,
          Team& team, std::span<const std::int64_t> registers);

  void Run();

 private:
  // A pass that waits. Sums begin at 0, or at from * factor.
  struct Waiting {
    const PackedMatrix* matrix = nullptr;
    const float* from = nullptr;  // null: 0
    float factor = 1;
    bool scales = false;  // whether factor applies
    float* to = nullptr;
    std::size_t columns = 0;                  // of `from` and `to`
    std::size_t chain = 0;                    // number among those that wait
    const ActivationBlock* blocks = nullptr;  // own_blocks, or those of another
    std::size_t block_count = 0;
    std::vector<ActivationBlock> own_blocks;
    std::vector<float> values;
  };

  void Prefetch(std::size_t at) const;
  void Happen(const Happening& happening);
  void Serve(int thread);  // the part of threads other than the first
  void Compute(int thread);
  void Flush();
  // Tiles of 16 columns.
  void ComputePart(const Waiting& pass, std::size_t begin_tile, std::size_t end_tile) const;
  void Prepare(const isa::Load& tile, const std::byte* const* sources, Waiting& waiting);
  const Waiting* Computes(const float* sums) const;
  bool IsInUse(const float* sums, const Waiting* before) const;

  void Do(const Operation& operation, const isa::Read& read, std::int32_t step);
  void Do(const Operation& operation, const isa::Write& write, std::int32_t step);
  void Do(const Operation& operation, const isa::Load& load, std::int32_t step);
  void Do(const Operation& operation, const isa::Pass& pass, std::int32_t step);
  void Do(const Operation& operation, const isa::Emit& emit, std::int32_t step);
  void Do(const Operation& operation, const isa::Vxm& vxm, std::int32_t step);
  void Do(const Operation& operation, const isa::Shift& shift, std::int32_t step);
  void Do(const Operation&, const isa::Send&, std::int32_t) {}
  void Do(const Operation&, const isa::Receive&, std::int32_t) {}
  void BeginWork(const Operation& operation, VxmWork& work);
  void FinishWork(const Operation& operation, VxmWork& work);
  std::span<const float> Gather(const std::byte* const* sources, std::size_t width,
                                std::vector<float>& into) const;
  std::int64_t WordOf(const Operation& operation, std::int32_t step) const;

  ChipState& chip_state(const Operation& operation) {
    return state_.chips[static_cast<std::size_t>(operation.chip)];
  }
  std::size_t vector_bytes() const { return static_cast<std::size_t>(chip_.vector_bytes); }
  const std::byte* const* SourcesOf(const Operation& operation, std::int32_t step) const {
    return flow_.sources.data() + operation.sources +
           static_cast<std::size_t>(step) * static_cast<std::size_t>(operation.source_count);
  }

  SystemState& state_;
  PackedTileStore& tiles_;
  Dataflow& flow_;
  const KernelTable& kernels_;
  Team& team_;
  const Chip& chip_;
  std::span<const std::uint32_t> due_;                // of flow_.happenings
  std::vector<std::vector<std::int64_t>> registers_;  // by chip
  std::vector<Waiting> waiting_;
  std::size_t waiting_count_ = 0, chains_ = 0, waiting_bytes_ = 0;
  std::vector<float> a_, b_;
  bool done_ = false;
};

// StepVxm with kernels where there are some.
void StepVxmFast(const KernelTable& kernels, VxmWork& work, std::int64_t step,
                 std::span<const float> a, std::span<const float> b, std::span<std::byte> out);
// FinishVxm with kernels where there are some.
void FinishVxmFast(const KernelTable& kernels, VxmWork& work);

}  // namespace millrace::sim
