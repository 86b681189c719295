// Any floats through every quantiser: blocks whose scales are numbers, and for those that are
// searched (quantise_closely.h) no error above that of the plain block.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/check.h"
#include "numerics/dtype.h"
#include "numerics/quantise.h"
#include "numerics/quantise_closely.h"
#include "numerics/reference.h"

namespace millrace {
namespace {

// Mode 0: the bytes are the floats, with all their NaNs. Otherwise each two bytes make one float:
// a mantissa, and an exponent near that of the first, as weights have.
std::vector<float> Values(std::span<const std::uint8_t> data) {
  std::vector<float> values(256 * (1 + (data.size() > 600)));
  const int mode = data[0] % 3, exponent = data[1] - 128;
  data = data.subspan(2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (mode == 0 && 4 * i + 4 <= data.size()) std::memcpy(&values[i], &data[4 * i], 4);
    if (mode != 0 && 2 * i + 2 <= data.size()) {
      const auto mantissa = static_cast<float>(static_cast<std::int8_t>(data[2 * i]));
      const int spread = mode == 1 ? data[2 * i + 1] % 4 : data[2 * i + 1] % 64;
      values[i] = std::ldexp(mantissa, exponent - spread);
    }
  }
  return values;
}

double SquaredError(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum;
}

std::vector<float> Back(DType dtype, std::span<const float> row,
                        void (*quantise)(DType, std::span<const float>, std::span<std::byte>)) {
  std::vector<std::byte> bytes(RowBytes(dtype, row.size()));
  quantise(dtype, row, bytes);
  std::vector<float> values(row.size());
  reference::DequantiseRow(dtype, bytes.data(), values);
  return values;
}

void Try(DType dtype, std::span<const float> row) {
  const auto plain = Back(dtype, row, QuantiseRow), close = Back(dtype, row, QuantiseRowClosely);
  if (!IsQuantised(dtype)) return;
  for (std::size_t i = 0; i < row.size(); ++i)
    MILLRACE_CHECK(std::isfinite(plain[i]) && std::isfinite(close[i]));
  const std::size_t block = BlockElements(dtype);
  for (std::size_t at = 0; at < row.size(); at += block) {
    const auto values = row.subspan(at, block);
    const double limit = SquaredError(values, std::span(plain).subspan(at, block));
    if (!std::isfinite(limit)) continue;  // the row has a NaN or an infinity
    // Squares of differences below 2^-63 are denormal or nothing in binary32, where the search
    // adds; so are those of a block of this size.
    MILLRACE_CHECK(SquaredError(values, std::span(close).subspan(at, block)) <=
                   limit * (1 + 1e-4) + 256 * 0x1p-126);
  }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::vector<float> row = millrace::Values({data, size});
  for (const millrace::DType dtype : millrace::kAllDTypes) millrace::Try(dtype, row);
  return 0;
}
