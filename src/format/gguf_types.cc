#include "format/gguf_types.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace millrace::gguf {
namespace {

constexpr std::string_view kTypeNames[] = {
    "F32",     "F16",    "Q4_0",    "Q4_1",  "",       "",      "Q5_0",  "Q5_1",
    "Q8_0",    "Q8_1",   "Q2_K",    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K",  "Q8_K",
    "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS",
    "I8",      "I16",    "I32",     "I64",   "F64",    "IQ1_M", "BF16",  "",
    "",        "",       "TQ1_0",   "TQ2_0", "",       "",      "",      "MXFP4"};

}  // namespace

std::uint32_t TypeNumber(DType dtype) {
  const auto* found = std::find(std::begin(kTypeNames), std::end(kTypeNames), Name(dtype));
  MILLRACE_CHECK(found != std::end(kTypeNames));
  return static_cast<std::uint32_t>(found - std::begin(kTypeNames));
}

std::string_view TypeName(std::uint32_t number) {
  return number < std::size(kTypeNames) ? kTypeNames[number] : std::string_view();
}

}  // namespace millrace::gguf
