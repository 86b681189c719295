// The kernels of the level "neon".
#include "kernels/lanes_neon.h"
#include "kernels/make_table.h"

namespace millrace::kernels {

extern const KernelTable kNeonTable;
const KernelTable kNeonTable = MakeTable<LanesNeon>(CpuLevel::kNeon);

}  // namespace millrace::kernels
