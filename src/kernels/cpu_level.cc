#include "kernels/cpu_level.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace millrace {
namespace {

constexpr CpuLevel kAllLevels[] = {CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512};

#if defined(__x86_64__)
// CPUID leaf 1, ECX bit 29; __builtin_cpu_supports of clang 14 does not know this one.
bool HasF16c() {
  unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx >> 29 & 1u) != 0;
}
#endif

bool IsAvailable(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable:
      return true;
#if defined(__x86_64__)
    case CpuLevel::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && HasF16c();
    case CpuLevel::kAvx512:
      return IsAvailable(CpuLevel::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
#else
    case CpuLevel::kAvx2:
    case CpuLevel::kAvx512:
      return false;
#endif
  }
  return false;
}

}  // namespace

std::string_view Name(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable:
      return "portable";
    case CpuLevel::kAvx2:
      return "avx2";
    case CpuLevel::kAvx512:
      return "avx512";
  }
  MILLRACE_CHECK(false);
  return "";
}

std::vector<CpuLevel> AvailableLevels() {
  std::vector<CpuLevel> levels;
  for (const CpuLevel level : kAllLevels) {
    if (IsAvailable(level)) levels.push_back(level);
  }
  return levels;
}

Result<CpuLevel> ChooseLevel(std::string_view forced) {
  if (forced.empty()) return AvailableLevels().back();
  for (const CpuLevel level : kAllLevels) {
    if (Name(level) != forced) continue;
    if (IsAvailable(level)) return level;
    return Unsupported("MILLRACE_CPU={}: this machine does not have these instructions", forced);
  }
  return Invalid("MILLRACE_CPU={}: no such level, wanted portable, avx2 or avx512", forced);
}

}  // namespace millrace
