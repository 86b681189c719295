#include "kernels/kernel_table.h"

#include "base/check.h"

namespace millrace {
namespace kernels {

extern const KernelTable kPortableTable;
#if defined(__x86_64__)
extern const KernelTable kAvx2Table;
extern const KernelTable kAvx512Table;
#endif

}  // namespace kernels

const KernelTable& KernelsFor(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable:
      return kernels::kPortableTable;
#if defined(__x86_64__)
    case CpuLevel::kAvx2:
      return kernels::kAvx2Table;
    case CpuLevel::kAvx512:
      return kernels::kAvx512Table;
#else
    case CpuLevel::kAvx2:
    case CpuLevel::kAvx512:
      break;
#endif
  }
  MILLRACE_CHECK(false);
  return kernels::kPortableTable;
}

}  // namespace millrace
