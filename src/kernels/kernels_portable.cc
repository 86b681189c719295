// The kernels of the level "portable".
#include "kernels/lanes_portable.h"
#include "kernels/make_table.h"

namespace millrace::kernels {

extern const KernelTable kPortableTable;
const KernelTable kPortableTable = MakeTable<LanesPortable>(CpuLevel::kPortable);

}  // namespace millrace::kernels
