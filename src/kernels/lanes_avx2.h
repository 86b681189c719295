// Sixteen lanes as two AVX2 registers. Include only from *_avx2.cc. The operations are those of
// lanes_portable.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/groups_that_fit.h"
#include "kernels/packed_matrix.h"
#include "numerics/activation.h"

namespace millrace {

struct LanesAvx2 {
  struct F {
    __m256 low, high;
  };
  struct I {
    __m256i low, high;
  };
  static constexpr ByteForm kByteForm = ByteForm::kSigned;
  static constexpr int kTokens =
      2;  // two halves each of integer and binary32 accumulators: 8 of 16 registers
  static constexpr int kQueries = 1;  // query heads that share one load of keys and values

  static F Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F Set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static F LoadPart(const float* p, std::size_t count) {
    alignas(32) float lanes[16] = {};
    for (std::size_t i = 0; i < count; ++i) lanes[i] = p[i];
    return Load(lanes);
  }
  static void Store(float* p, F x) {
    _mm256_storeu_ps(p, x.low);
    _mm256_storeu_ps(p + 8, x.high);
  }
  static void StorePart(float* p, F x, std::size_t count) {
    alignas(32) float lanes[16];
    Store(lanes, x);
    for (std::size_t i = 0; i < count; ++i) p[i] = lanes[i];
  }
  static F LoadHalf(const std::uint16_t* p) {
    return {_mm256_cvtph_ps(Load128(p)), _mm256_cvtph_ps(Load128(p + 8))};
  }
  static void StoreHalf(std::uint16_t* p, F x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), ToHalf(x.low));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), ToHalf(x.high));
  }
  static F RoundHalf(F x) {
    return {_mm256_cvtph_ps(ToHalf(x.low)), _mm256_cvtph_ps(ToHalf(x.high))};
  }
  static F RoundBFloat(F x) { return {RoundBFloat256(x.low), RoundBFloat256(x.high)}; }
  static F LoadBFloat(const std::uint16_t* p) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(Load128(p)), 16)),
            _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(Load128(p + 8)), 16))};
  }
  static I LoadInt8Int(const std::int8_t* p) {
    const __m128i bytes = Load128(p);
    return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))};
  }
  static F LoadInt8(const std::int8_t* p) { return ToFloat(LoadInt8Int(p)); }
  static F LoadUInt8(const std::uint8_t* p) { return ToFloat(LoadUInt8Int(p)); }
  static I LoadUInt8Int(const std::uint8_t* p) {
    const __m128i bytes = Load128(p);
    return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
  }
  static I LoadInt(const std::int32_t* p) {
    return LoadBytes(reinterpret_cast<const std::byte*>(p));
  }

  static F Add(F a, F b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
  static F Sub(F a, F b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
  static F Mul(F a, F b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
  static F Div(F a, F b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
  static F Fma(F a, F b, F c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  static F Neg(F a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_xor_ps(a.low, sign), _mm256_xor_ps(a.high, sign)};
  }
  static F Abs(F a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
  }
  static F Max(F a, F b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
  static F Min(F a, F b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
  static F Round(F a) {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(a.low, kNearest), _mm256_round_ps(a.high, kNearest)};
  }
  static float ReduceMax(F a) {
    const __m256 eight = _mm256_max_ps(a.low, a.high);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
  static float TreeSum(F a) {
    const __m256 eight = _mm256_add_ps(a.low, a.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static float First(F a) { return _mm256_cvtss_f32(a.low); }
  static F SwapPairs(F a) {
    return {_mm256_permute_ps(a.low, 0xb1), _mm256_permute_ps(a.high, 0xb1)};
  }

  static I ZeroInt() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static I SetInt(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static I AddInt(I a, I b) {
    return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
  }
  static I SubInt(I a, I b) {
    return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
  }
  static I MulInt(I a, I b) {
    return {_mm256_mullo_epi32(a.low, b.low), _mm256_mullo_epi32(a.high, b.high)};
  }
  static I AndInt(I a, std::int32_t mask) { return And(a, _mm256_set1_epi32(mask)); }
  static I ShiftRightInt(I a, int count) {
    const __m128i by = _mm_cvtsi32_si128(count);
    return {_mm256_srl_epi32(a.low, by), _mm256_srl_epi32(a.high, by)};
  }
  static I ToInt(F a) { return {_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)}; }
  static F ToFloat(I a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
  static I HalfInt(I a) { return {_mm256_srai_epi32(a.low, 1), _mm256_srai_epi32(a.high, 1)}; }
  static F PowerOfTwo(I exponent) {
    const I bits = AddInt(exponent, SetInt(127));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(bits.low, 23)),
            _mm256_castsi256_ps(_mm256_slli_epi32(bits.high, 23))};
  }
  static void StoreInt8(std::int8_t* p, I a) {
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.low, a.high), 0xd8);
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(p),
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  static std::int32_t SumInt(I a) {
    const __m256i eight = _mm256_add_epi32(a.low, a.high);
    const __m128i four =
        _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    const __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
  }

  // maddubs takes unsigned times signed and adds neighbours in int16, so the sign of w moves over
  // to x: |w| * (sign(w) * x). Two products are at most 2 * 128 * 127 = 32512: no saturation, as x
  // holds no -128.
  template <int T>
  static void DotBytes(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    for (int j = 0; j < 8; ++j) {
      const I bytes = LoadBytes(w + j * 64);
      const I magnitude = {_mm256_abs_epi8(bytes.low), _mm256_abs_epi8(bytes.high)};
      for (int t = 0; t < T; ++t) {
        const __m256i group = Group(*x[t], j);
        acc[t].low = AddPairs(
            acc[t].low, _mm256_maddubs_epi16(magnitude.low, _mm256_sign_epi8(group, bytes.low)));
        acc[t].high = AddPairs(
            acc[t].high, _mm256_maddubs_epi16(magnitude.high, _mm256_sign_epi8(group, bytes.high)));
      }
    }
  }

  // Eight sums of two products of at most 15 * 127 are at most 30480: they fit in int16 lanes.
  template <int T>
  static void DotNibbles(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    const __m256i mask = _mm256_set1_epi8(15);
    I words[T];
    for (int t = 0; t < T; ++t) words[t] = ZeroInt();
    for (int j = 0; j < 4; ++j) {
      const I bytes = LoadBytes(w + j * 64);
      const I low = {_mm256_and_si256(bytes.low, mask), _mm256_and_si256(bytes.high, mask)};
      const I high = {_mm256_and_si256(_mm256_srli_epi16(bytes.low, 4), mask),
                      _mm256_and_si256(_mm256_srli_epi16(bytes.high, 4), mask)};
      for (int t = 0; t < T; ++t) {
        words[t] = AddWords(words[t], MultiplyWords(low, Group(*x[t], j)));
        words[t] = AddWords(words[t], MultiplyWords(high, Group(*x[t], j + 4)));
      }
    }
    for (int t = 0; t < T; ++t) {
      acc[t] = {AddPairs(acc[t].low, words[t].low), AddPairs(acc[t].high, words[t].high)};
    }
  }

  // Signs as in DotBytes.
  template <const std::int8_t (&kCodebook)[16], int T>
  static void DotCodebook(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    constexpr int kTogether = GroupsThatFit(Largest(kCodebook), 8);
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i table = _mm256_broadcastsi128_si256(Load128(kCodebook));
    const auto multiply = [](I weights, __m256i group) {
      return I{
          _mm256_maddubs_epi16(_mm256_abs_epi8(weights.low), _mm256_sign_epi8(group, weights.low)),
          _mm256_maddubs_epi16(_mm256_abs_epi8(weights.high),
                               _mm256_sign_epi8(group, weights.high))};
    };
    AddGroups<kTogether, T>(
        [&](int j) {
          const I nibbles = And(ShiftWords(LoadBytes(w + j % 4 * 64), j / 4 * 4), mask);
          return I{_mm256_shuffle_epi8(table, nibbles.low),
                   _mm256_shuffle_epi8(table, nibbles.high)};
        },
        multiply, x, acc, acc);
  }

  // Four sums of two products of at most 31 * 127 are at most 31496: they fit in int16 lanes.
  template <int T>
  static void DotFiveBits(const std::byte* low, const std::byte* high,
                          const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    const __m256i mask = _mm256_set1_epi8(15), top = _mm256_set1_epi8(16);
    const I tops = LoadBytes(high);
    AddGroups<4, T>(
        [&](int j) {
          return Join(And(ShiftWords(LoadBytes(low + j % 4 * 64), j / 4 * 4), mask),
                      And(ShiftWords(tops, j - 4), top));
        },
        MultiplyWords, x, acc, acc);
  }

  // Two sums of two products of at most 63 * 127 are at most 32004: they fit in int16 lanes.
  template <int T>
  static void DotSixBits(const std::byte* low, const std::byte* high,
                         const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    const __m256i mask = _mm256_set1_epi8(15), top = _mm256_set1_epi8(0x30);
    const I tops[2] = {LoadBytes(high), LoadBytes(high + 64)};
    AddGroups<2, T>(
        [&](int j) {
          return Join(And(ShiftWords(LoadBytes(low + j % 4 * 64), j / 4 * 4), mask),
                      And(ShiftWords(tops[j % 2], j / 2 * 2 - 4), top));
        },
        MultiplyWords, x, first, second);
  }

  // Four sums of two products of at most 7 * 127 fit in int16 lanes by far, here and below.
  template <int T>
  static void DotTwoBits(const std::byte* w, const ActivationBlock* const (&x)[T], I (&first)[T],
                         I (&second)[T]) {
    const __m256i mask = _mm256_set1_epi8(3);
    const I pairs[2] = {LoadBytes(w), LoadBytes(w + 64)};
    AddGroups<4, T>([&](int j) { return And(ShiftWords(pairs[j % 2], j / 2 * 2), mask); },
                    MultiplyWords, x, first, second);
  }

  template <int T>
  static void DotThreeBits(const std::byte* low, const std::byte* high,
                           const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    const __m256i mask = _mm256_set1_epi8(3), top = _mm256_set1_epi8(4);
    const I pairs[2] = {LoadBytes(low), LoadBytes(low + 64)};
    const I tops = LoadBytes(high);
    AddGroups<4, T>(
        [&](int j) {
          return Join(And(ShiftWords(pairs[j % 2], j / 2 * 2), mask),
                      And(ShiftWords(tops, j - 2), top));
        },
        MultiplyWords, x, first, second);
  }

 private:
  static __m128i Load128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  static __m128i ToHalf(__m256 x) {
    return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static __m256 RoundBFloat256(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256 kept = _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet),
                                         _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_and_ps(kept,
                         _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static I LoadBytes(const std::byte* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  static __m256i Group(const ActivationBlock& x, int j) {
    return _mm256_set1_epi32(reinterpret_cast<const std::int32_t*>(x.q)[j]);
  }
  static __m256i AddPairs(__m256i acc, __m256i words) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
  }
  static I AddPairs(I acc, I words) {
    return {AddPairs(acc.low, words.low), AddPairs(acc.high, words.high)};
  }
  static I And(I a, __m256i mask) {
    return {_mm256_and_si256(a.low, mask), _mm256_and_si256(a.high, mask)};
  }
  static I ShiftWords(I a, int count) {  // to the right; to the left if negative
    if (count == 0) return a;
    if (count < 0) return {_mm256_slli_epi16(a.low, -count), _mm256_slli_epi16(a.high, -count)};
    return {_mm256_srli_epi16(a.low, count), _mm256_srli_epi16(a.high, count)};
  }
  static I Join(I a, I b) {
    return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
  }
  // The products of column groups 0..3 to first and 4..7 to second, which may be the same.
  // multiply(weights(j), group j of x) gives int16 lanes, of which kTogether can be added.
  // Unrolled, so that j is a constant: a shift by a variable costs twice.
  template <int kTogether, int T, typename Weights, typename Multiply>
  static void AddGroups(Weights weights, Multiply multiply, const ActivationBlock* const (&x)[T],
                        I (&first)[T], I (&second)[T]) {
    I words[T];
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      const I w = weights(j);
      I(&acc)[T] = j < 4 ? first : second;
      for (int t = 0; t < T; ++t) {
        const I products = multiply(w, Group(*x[t], j));
        words[t] = j % kTogether == 0 ? products : AddWords(words[t], products);
        if (j % kTogether == kTogether - 1) acc[t] = AddPairs(acc[t], words[t]);
      }
    }
  }
  static I AddWords(I a, I b) {
    return {_mm256_add_epi16(a.low, b.low), _mm256_add_epi16(a.high, b.high)};
  }
  static I MultiplyWords(I w, __m256i x) {
    return {_mm256_maddubs_epi16(w.low, x), _mm256_maddubs_epi16(w.high, x)};
  }
};

}  // namespace millrace
