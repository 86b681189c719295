// The kernels of the level "avx512".
#include "kernels/lanes_avx512.h"
#include "kernels/make_table.h"

namespace millrace::kernels {

extern const KernelTable kAvx512Table;
const KernelTable kAvx512Table = MakeTable<LanesAvx512>(CpuLevel::kAvx512);

}  // namespace millrace::kernels
