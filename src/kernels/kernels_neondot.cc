// The kernels of the level "neondot".
#include "kernels/lanes_neondot.h"
#include "kernels/make_table.h"

namespace millrace::kernels {

extern const KernelTable kNeonDotTable;
const KernelTable kNeonDotTable = MakeTable<LanesNeonDot>(CpuLevel::kNeonDot);

}  // namespace millrace::kernels
