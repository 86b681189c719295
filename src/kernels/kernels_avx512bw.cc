// The kernels of the level "avx512bw".
#include "kernels/lanes_avx512bw.h"
#include "kernels/make_table.h"

namespace millrace::kernels {

extern const KernelTable kAvx512BwTable;
const KernelTable kAvx512BwTable = MakeTable<LanesAvx512Bw>(CpuLevel::kAvx512Bw);

}  // namespace millrace::kernels
