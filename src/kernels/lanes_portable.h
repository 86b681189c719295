// Sixteen lanes in plain C++: what a level has to offer to the kernels, and the form for machines
// without one of its own.
//
// The kernels (linear.h, vectors.h, attention.h) are templates over such a struct;
// kernels_<level>.cc instantiates them. F is sixteen binary32 lanes, I sixteen int32 lanes. A new
// instruction set is a new lanes_<level>.h and nothing else.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/packed_matrix.h"
#include "numerics/activation.h"
#include "numerics/half.h"

namespace millrace {

struct LanesPortable {
  struct F {
    float v[16];
  };
  struct I {
    std::int32_t v[16];
  };
  static constexpr ByteForm kByteForm = ByteForm::kSigned;  // how Q8_0 bytes are packed
  static constexpr int kTokens = 4;   // tokens a matrix-matrix tile works on at once
  static constexpr int kQueries = 1;  // query heads that share one load of keys and values

  static F Zero() { return F{}; }
  static F Set(float x) {
    return Make([&](int) { return x; });
  }
  static F Load(const float* p) {
    return Make([&](int i) { return p[i]; });
  }
  // The first `count` < 16 lanes; the others are zero.
  static F LoadPart(const float* p, std::size_t count) {
    return Make([&](int i) { return static_cast<std::size_t>(i) < count ? p[i] : 0.0f; });
  }
  static void Store(float* p, F x) {
    for (int i = 0; i < 16; ++i) p[i] = x.v[i];
  }
  static void StorePart(float* p, F x, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) p[i] = x.v[i];
  }
  static F LoadHalf(const std::uint16_t* p) {
    return Make([&](int i) { return HalfToFloat(p[i]); });
  }
  static void StoreHalf(std::uint16_t* p, F x) {
    for (int i = 0; i < 16; ++i) p[i] = FloatToHalf(x.v[i]);
  }
  static F RoundHalf(F x) {
    return Make([&](int i) { return RoundToHalf(x.v[i]); });
  }
  static F RoundBFloat(F x) {
    return Make([&](int i) { return millrace::RoundToBFloat(x.v[i]); });
  }
  static F LoadBFloat(const std::uint16_t* p) {
    return Make([&](int i) { return BFloatToFloat(p[i]); });
  }
  static I LoadInt8Int(const std::int8_t* p) {
    return MakeInt([&](int i) { return p[i]; });
  }
  static I LoadUInt8Int(const std::uint8_t* p) {
    return MakeInt([&](int i) { return p[i]; });
  }
  static I LoadInt(const std::int32_t* p) {
    return MakeInt([&](int i) { return p[i]; });
  }
  static F LoadInt8(const std::int8_t* p) {
    return Make([&](int i) { return static_cast<float>(p[i]); });
  }
  static F LoadUInt8(const std::uint8_t* p) {
    return Make([&](int i) { return static_cast<float>(p[i]); });
  }

  static F Add(F a, F b) {
    return Make([&](int i) { return a.v[i] + b.v[i]; });
  }
  static F Sub(F a, F b) {
    return Make([&](int i) { return a.v[i] - b.v[i]; });
  }
  static F Mul(F a, F b) {
    return Make([&](int i) { return a.v[i] * b.v[i]; });
  }
  static F Div(F a, F b) {
    return Make([&](int i) { return a.v[i] / b.v[i]; });
  }
  static F Fma(F a, F b, F c) {
    return Make([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
  }
  static F Neg(F a) {
    return Make([&](int i) { return -a.v[i]; });
  }
  static F Abs(F a) {
    return Make([&](int i) { return std::fabs(a.v[i]); });
  }
  // b if either is NaN, as x86 has it.
  static F Max(F a, F b) {
    return Make([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  static F Min(F a, F b) {
    return Make([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  static F Round(F a) {  // to the nearest integer, ties to even
    return Make([&](int i) { return std::nearbyint(a.v[i]); });
  }
  static float ReduceMax(F a) {
    float max = a.v[0];
    for (int i = 1; i < 16; ++i) max = a.v[i] > max ? a.v[i] : max;
    return max;
  }
  // Lanes i and i + 8, then + 4, + 2, + 1.
  static float TreeSum(F a) {
    for (int width = 8; width > 0; width /= 2) {
      for (int i = 0; i < width; ++i) a.v[i] += a.v[i + width];
    }
    return a.v[0];
  }
  static float First(F a) { return a.v[0]; }
  static F SwapPairs(F a) {  // lanes 1, 0, 3, 2, ...
    return Make([&](int i) { return a.v[i ^ 1]; });
  }

  static I ZeroInt() { return I{}; }
  static I SetInt(std::int32_t x) {
    return MakeInt([&](int) { return x; });
  }
  static I AddInt(I a, I b) {
    return MakeInt([&](int i) { return a.v[i] + b.v[i]; });
  }
  static I SubInt(I a, I b) {
    return MakeInt([&](int i) { return a.v[i] - b.v[i]; });
  }
  static I MulInt(I a, I b) {
    return MakeInt([&](int i) { return a.v[i] * b.v[i]; });
  }
  static I AndInt(I a, std::int32_t mask) {
    return MakeInt([&](int i) { return a.v[i] & mask; });
  }
  static I ShiftRightInt(I a, int count) {  // zeros come in
    return MakeInt([&](int i) {
      return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v[i]) >> count);
    });
  }
  static I ToInt(F a) {  // of integral values within int32; what it gives for NaN is not used
    return MakeInt([&](int i) { return a.v[i] == a.v[i] ? static_cast<std::int32_t>(a.v[i]) : 0; });
  }
  static F ToFloat(I a) {
    return Make([&](int i) { return static_cast<float>(a.v[i]); });
  }
  static I HalfInt(I a) {  // rounded down
    return MakeInt([&](int i) { return a.v[i] >> 1; });
  }
  static F PowerOfTwo(I exponent) {  // -126..127
    return Make([&](int i) {
      return std::bit_cast<float>(static_cast<std::uint32_t>(exponent.v[i] + 127) << 23);
    });
  }
  static void StoreInt8(std::int8_t* p, I a) {
    for (int i = 0; i < 16; ++i) p[i] = static_cast<std::int8_t>(a.v[i]);
  }
  static std::int32_t SumInt(I a) {
    std::int32_t sum = 0;
    for (int i = 0; i < 16; ++i) sum += a.v[i];
    return sum;
  }

  // acc[t] += the products of 32 columns of 16 rows with x[t]. w: a byte block of a packed tile.
  template <int T>
  static void DotBytes(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    for (int t = 0; t < T; ++t) {
      for (int k = 0; k < 32; ++k) {
        for (int r = 0; r < 16; ++r) {
          acc[t].v[r] += static_cast<std::int8_t>(w[k / 4 * 64 + r * 4 + k % 4]) * x[t]->q[k];
        }
      }
    }
  }

  // The same for a nibble block, weights being 0..15.
  template <int T>
  static void DotNibbles(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    Dot<T>([&](int r, int k) { return Nibble(w, r, k); }, x, acc, acc);
  }

  // The same for weights that the codebook has for their nibble.
  template <const std::int8_t (&kCodebook)[16], int T>
  static void DotCodebook(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    Dot<T>([&](int r, int k) { return kCodebook[Nibble(w, r, k)]; }, x, acc, acc);
  }

  // The same for weights 0..31: a nibble block, and one bit on top.
  template <int T>
  static void DotFiveBits(const std::byte* low, const std::byte* high,
                          const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    Dot<T>([&](int r, int k) { return Nibble(low, r, k) | OneBit(high, r, k) << 4; }, x, acc, acc);
  }

  // The same for weights 0..63: a nibble block, and two bits on top. Here and below columns 0..15
  // go to first, 16..31 to second.
  template <int T>
  static void DotSixBits(const std::byte* low, const std::byte* high,
                         const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    Dot<T>([&](int r, int k) { return Nibble(low, r, k) | TwoBits(high, r, k) << 4; }, x, first,
           second);
  }

  // Weights 0..3.
  template <int T>
  static void DotTwoBits(const std::byte* w, const ActivationBlock* const (&x)[T], I (&first)[T],
                         I (&second)[T]) {
    Dot<T>([&](int r, int k) { return TwoBits(w, r, k); }, x, first, second);
  }

  // Weights 0..7: two bits, and one bit on top.
  template <int T>
  static void DotThreeBits(const std::byte* low, const std::byte* high,
                           const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    Dot<T>([&](int r, int k) { return TwoBits(low, r, k) | OneBit(high, r, k) << 2; }, x, first,
           second);
  }

 private:
  template <typename Function>
  static F Make(Function function) {
    F result;
    for (int i = 0; i < 16; ++i) result.v[i] = function(i);
    return result;
  }
  template <typename Function>
  static I MakeInt(Function function) {
    I result;
    for (int i = 0; i < 16; ++i) result.v[i] = function(i);
    return result;
  }
  // The products of 32 columns with weight(row, column), columns 0..15 into first, 16..31 into
  // second, which may be the same.
  template <int T, typename Weight>
  static void Dot(Weight weight, const ActivationBlock* const (&x)[T], I (&first)[T],
                  I (&second)[T]) {
    for (int t = 0; t < T; ++t) {
      for (int k = 0; k < 32; ++k) {
        I& sum = (k < 16 ? first : second)[t];
        for (int r = 0; r < 16; ++r) sum.v[r] += weight(r, k) * x[t]->q[k];
      }
    }
  }
  static int OneBit(const std::byte* w, int row, int column) {
    return static_cast<int>(w[row * 4 + column % 4]) >> (column / 4) & 1;
  }
  static int TwoBits(const std::byte* w, int row, int column) {
    return static_cast<int>(w[column % 8 / 4 * 64 + row * 4 + column % 4]) >> (2 * (column / 8)) &
           3;
  }
  static int Nibble(const std::byte* w, int row, int column) {
    const int byte = static_cast<int>(w[column % 16 / 4 * 64 + row * 4 + column % 4]);
    return column < 16 ? byte & 15 : byte >> 4;
  }
};

}  // namespace millrace
