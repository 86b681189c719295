// The instruction sets that kernels exist for, and the choice between them, made once at start.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace {

enum class CpuLevel {
  kPortable,  // plain C++: any machine
  kAvx2,      // x86-64 with AVX2, FMA and F16C (Haswell, Zen and later)
  kAvx512Bw,  // x86-64 with AVX-512 F, BW, VL and DQ (Skylake-X and later)
  kAvx512,    // the same with VNNI (Ice Lake, Zen 4 and later)
  kNeon,      // aarch64: any (Cortex-A53, A72 and later)
  kNeonDot,   // aarch64 with the dot product of ARMv8.2 (Cortex-A76, Neoverse N1 and later)
};

std::string_view Name(CpuLevel level);  // "portable", "avx2", "avx512bw", "avx512", ...

// The levels that this machine can run and this build contains, the fastest last. Never empty.
std::vector<CpuLevel> AvailableLevels();

// The level to use: `forced` (the value of MILLRACE_CPU) if not empty, else the fastest available.
// kInvalid if `forced` is no level's name; kUnsupported if this machine cannot run it.
Result<CpuLevel> ChooseLevel(std::string_view forced);

}  // namespace millrace
