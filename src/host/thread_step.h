// What one thread has at hand in a step, and the operations that all parts of a layer share.
#pragma once

#include <cstddef>

#include "base/team.h"
#include "host/batch_rows.h"
#include "host/host_plan.h"

namespace millrace {

class ThreadStep {
 public:
  ThreadStep(HostPlan& its_plan, Team& its_team, const BatchRows& its_batch, int thread)
      : plan(its_plan),
        team(its_team),
        batch(its_batch),
        kernels(plan.kernels()),
        cache(plan.cache_kernels()),
        shape(plan.shape()),
        share(plan.shares[static_cast<std::size_t>(thread)]),
        own(plan.scratch[static_cast<std::size_t>(thread)]),
        buffers(plan.buffers),
        tokens(batch.size()),
        thread_(static_cast<std::size_t>(thread)) {}

  // The part of [0, n) that this thread does where tokens are divided.
  Range OwnPart(std::size_t n) const {
    return Part(n, 1, thread_, static_cast<std::size_t>(team.threads()));
  }

  // y[t * stride + r] = the packed rows times the first `count` rows of input from `first` on, plus
  // the bias. Padding rows are written too, where they are part of a tile.
  void Linear(const PackedRows& rows, const PreparedInput& input, std::size_t count, float* y,
              std::size_t stride, std::size_t first = 0) const;

  // The same into columns [rows.first_row, ...) of a matrix of `width` columns that other threads
  // write beside it, so without padding. first_column: of first_row, where that is not itself.
  void LinearInto(const PackedRows& rows, const PreparedInput& input, float* matrix,
                  std::size_t width, std::size_t first_column) const;

  // x = x / rms * weight, in place.
  void Normalise(const Norm& norm, float* x, std::size_t n) const {
    kernels.rms_norm(x, plan.vector(norm.weight), norm.eps, n, x);
  }

  // Rotates one head by the position.
  void Rotate(const Rope& rope, std::size_t position, float* head) const;

  // residual += branch, or += norm(branch). A row each.
  void AddBranch(const std::optional<Norm>& post_norm, const float* branch, float* residual) const;

  HostPlan& plan;
  Team& team;
  const BatchRows& batch;
  const KernelTable& kernels;
  const CacheKernels& cache;
  const HostShape& shape;
  const ThreadShare& share;
  ThreadScratch& own;
  SharedBuffers& buffers;
  const std::size_t tokens;

 private:
  std::size_t thread_;
};

}  // namespace millrace
