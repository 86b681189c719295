// The kernels of the level "avx2".
#include "kernels/lanes_avx2.h"
#include "kernels/make_table.h"

namespace millrace::kernels {

extern const KernelTable kAvx2Table;
const KernelTable kAvx2Table = MakeTable<LanesAvx2>(CpuLevel::kAvx2);

}  // namespace millrace::kernels
