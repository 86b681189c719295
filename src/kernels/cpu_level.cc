#include "kernels/cpu_level.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace millrace {
namespace {

constexpr CpuLevel kAllLevels[] = {CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512Bw,
                                   CpuLevel::kAvx512,   CpuLevel::kNeon, CpuLevel::kNeonDot};

#if defined(__x86_64__)
// CPUID leaf 1, ECX bit 29; __builtin_cpu_supports of clang 14 does not know this one.
bool HasF16c() {
  unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx >> 29 & 1u) != 0;
}

bool IsAvailable(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable:
      return true;
    case CpuLevel::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && HasF16c();
    case CpuLevel::kAvx512Bw:
      return IsAvailable(CpuLevel::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq");
    case CpuLevel::kAvx512:
      return IsAvailable(CpuLevel::kAvx512Bw) && __builtin_cpu_supports("avx512vnni");
    case CpuLevel::kNeon:
    case CpuLevel::kNeonDot:
      return false;
  }
  return false;
}
#elif defined(__aarch64__)
bool IsAvailable(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable:
    case CpuLevel::kNeon:
      return true;
    case CpuLevel::kNeonDot:
      return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
    case CpuLevel::kAvx2:
    case CpuLevel::kAvx512Bw:
    case CpuLevel::kAvx512:
      return false;
  }
  return false;
}
#else
bool IsAvailable(CpuLevel level) { return level == CpuLevel::kPortable; }
#endif

std::string AllNames() {
  std::string names;
  for (const CpuLevel level : kAllLevels) {
    if (!names.empty()) names += level == std::end(kAllLevels)[-1] ? " or " : ", ";
    names += Name(level);
  }
  return names;
}

}  // namespace

std::string_view Name(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable:
      return "portable";
    case CpuLevel::kAvx2:
      return "avx2";
    case CpuLevel::kAvx512Bw:
      return "avx512bw";
    case CpuLevel::kAvx512:
      return "avx512";
    case CpuLevel::kNeon:
      return "neon";
    case CpuLevel::kNeonDot:
      return "neondot";
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
  return Invalid("MILLRACE_CPU={}: no such level, wanted {}", forced, AllNames());
}

}  // namespace millrace
