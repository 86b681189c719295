#include "kernels/kernel_table.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace millrace {
namespace kernels {

extern const KernelTable kPortableTable;
#if defined(__x86_64__)
extern const KernelTable kAvx2Table;
extern const KernelTable kAvx512BwTable;
extern const KernelTable kAvx512Table;
#elif defined(__aarch64__)
extern const KernelTable kNeonTable;
extern const KernelTable kNeonDotTable;
#endif

}  // namespace kernels

const KernelTable& KernelsFor(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable:
      return kernels::kPortableTable;
#if defined(__x86_64__)
    case CpuLevel::kAvx2:
      return kernels::kAvx2Table;
    case CpuLevel::kAvx512Bw:
      return kernels::kAvx512BwTable;
    case CpuLevel::kAvx512:
      return kernels::kAvx512Table;
#else
    case CpuLevel::kAvx2:
    case CpuLevel::kAvx512Bw:
    case CpuLevel::kAvx512:
      break;
#endif
#if defined(__aarch64__)
    case CpuLevel::kNeon:
      return kernels::kNeonTable;
    case CpuLevel::kNeonDot:
      return kernels::kNeonDotTable;
#else
    case CpuLevel::kNeon:
    case CpuLevel::kNeonDot:
      break;
#endif
  }
  MILLRACE_CHECK(false);
  return kernels::kPortableTable;
}

void StartAttention(const AttentionState& state, std::size_t queries, std::size_t value_dim,
                    const float* sinks, std::size_t group) {
  for (std::size_t i = 0; i < queries; ++i) {
    state.max[i] = sinks == nullptr ? -std::numeric_limits<float>::infinity() : sinks[i % group];
    state.sum[i] = sinks == nullptr ? 0.0f : 1.0f;
  }
  std::fill_n(state.acc, queries * PaddedHeadDim(value_dim), 0.0f);
}

}  // namespace millrace
