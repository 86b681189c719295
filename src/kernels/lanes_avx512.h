// Sixteen lanes as one AVX-512 register. Include only from *_avx512.cc. The operations are those of
// lanes_portable.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/packed_matrix.h"
#include "numerics/activation.h"

namespace millrace {

struct LanesAvx512 {
  using F = __m512;
  using I = __m512i;
  static constexpr ByteForm kByteForm = ByteForm::kOffset;
  static constexpr int kTokens =
      8;  // 8 integer and 8 binary32 accumulators, weights and scales: 32 registers
  static constexpr int kQueries = 4;  // query heads that share one load of keys and values

  static F Zero() { return _mm512_setzero_ps(); }
  static F Set(float x) { return _mm512_set1_ps(x); }
  static F Load(const float* p) { return _mm512_loadu_ps(p); }
  static F LoadPart(const float* p, std::size_t count) {
    return _mm512_maskz_loadu_ps(Mask(count), p);
  }
  static void Store(float* p, F x) { _mm512_storeu_ps(p, x); }
  static void StorePart(float* p, F x, std::size_t count) {
    _mm512_mask_storeu_ps(p, Mask(count), x);
  }
  static F LoadHalf(const std::uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static void StoreHalf(std::uint16_t* p, F x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), ToHalf(x));
  }
  static F RoundHalf(F x) { return _mm512_cvtph_ps(ToHalf(x)); }
  static F RoundBFloat(F x) {
    const I bits = _mm512_castps_si512(x);
    const I odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), SetInt(1));
    const I rounded = AddInt(AddInt(bits, SetInt(0x7fff)), odd);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const I kept = _mm512_mask_or_epi32(rounded, nan, bits, SetInt(0x400000));
    return _mm512_castsi512_ps(_mm512_and_si512(kept, SetInt(static_cast<int>(0xffff0000u))));
  }
  static F LoadBFloat(const std::uint16_t* p) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static F LoadInt8(const std::int8_t* p) { return _mm512_cvtepi32_ps(LoadInt8Int(p)); }
  static I LoadInt8Int(const std::int8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static F LoadUInt8(const std::uint8_t* p) { return _mm512_cvtepi32_ps(LoadUInt8Int(p)); }
  static I LoadUInt8Int(const std::uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static I LoadInt(const std::int32_t* p) { return _mm512_loadu_si512(p); }

  static F Add(F a, F b) { return _mm512_add_ps(a, b); }
  static F Sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F Mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F Div(F a, F b) { return _mm512_div_ps(a, b); }
  static F Fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F Neg(F a) {
    return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a), SignBits()));
  }
  static F Abs(F a) {
    return _mm512_castsi512_ps(_mm512_andnot_si512(SignBits(), _mm512_castps_si512(a)));
  }
  static F Max(F a, F b) { return _mm512_max_ps(a, b); }  // b if either is NaN
  static F Min(F a, F b) { return _mm512_min_ps(a, b); }  // b if either is NaN
  static F Round(F a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static float ReduceMax(F a) { return _mm512_reduce_max_ps(a); }
  // Lanes i and i + 8, then + 4, + 2, + 1.
  static float TreeSum(F a) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static float First(F a) { return _mm512_cvtss_f32(a); }
  static F SwapPairs(F a) { return _mm512_permute_ps(a, 0xb1); }

  static I ZeroInt() { return _mm512_setzero_si512(); }
  static I SetInt(std::int32_t x) { return _mm512_set1_epi32(x); }
  static I AddInt(I a, I b) { return _mm512_add_epi32(a, b); }
  static I SubInt(I a, I b) { return _mm512_sub_epi32(a, b); }
  static I MulInt(I a, I b) { return _mm512_mullo_epi32(a, b); }
  static I AndInt(I a, std::int32_t mask) { return _mm512_and_si512(a, SetInt(mask)); }
  static I ShiftRightInt(I a, int count) { return _mm512_srl_epi32(a, _mm_cvtsi32_si128(count)); }
  static I ToInt(F a) { return _mm512_cvtps_epi32(a); }
  static F ToFloat(I a) { return _mm512_cvtepi32_ps(a); }
  static I HalfInt(I a) { return _mm512_srai_epi32(a, 1); }
  static F PowerOfTwo(I exponent) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(exponent, SetInt(127)), 23));
  }
  static void StoreInt8(std::int8_t* p, I a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a));
  }
  static std::int32_t SumInt(I a) { return _mm512_reduce_add_epi32(a); }

  // acc[t] += the products of 32 columns of 16 rows with x[t], weights being signed bytes in Offset
  // form.
  template <int T>
  static void DotBytes(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    for (int t = 0; t < T; ++t) acc[t] = SubInt(acc[t], _mm512_slli_epi32(SetInt(x[t]->sum), 7));
    if constexpr (T == 1) {  // two chains: a single one would wait for the latency of vpdpbusd
      I odd = ZeroInt();
      for (int j = 0; j < 8; j += 2) {
        acc[0] = _mm512_dpbusd_epi32(acc[0], LoadBytes(w + j * 64), Group(*x[0], j));
        odd = _mm512_dpbusd_epi32(odd, LoadBytes(w + j * 64 + 64), Group(*x[0], j + 1));
      }
      acc[0] = AddInt(acc[0], odd);
    } else {
      for (int j = 0; j < 8; ++j) {
        const I bytes = LoadBytes(w + j * 64);
        for (int t = 0; t < T; ++t) acc[t] = _mm512_dpbusd_epi32(acc[t], bytes, Group(*x[t], j));
      }
    }
  }

  // The same for weights that are nibbles 0..15.
  template <int T>
  static void DotNibbles(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    const I mask = _mm512_set1_epi8(15);
    I high[T];
    for (int t = 0; t < T; ++t) high[t] = ZeroInt();
    for (int j = 0; j < 4; ++j) {
      const I bytes = LoadBytes(w + j * 64);
      const I low_nibbles = _mm512_and_si512(bytes, mask);
      const I high_nibbles = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask);
      for (int t = 0; t < T; ++t) {
        acc[t] = _mm512_dpbusd_epi32(acc[t], low_nibbles, Group(*x[t], j));
        if constexpr (T == 1) {
          high[t] = _mm512_dpbusd_epi32(high[t], high_nibbles, Group(*x[t], j + 4));
        } else {
          acc[t] = _mm512_dpbusd_epi32(acc[t], high_nibbles, Group(*x[t], j + 4));
        }
      }
    }
    if constexpr (T == 1) acc[0] = AddInt(acc[0], high[0]);
  }

  // The same for six-bit weights 0..63; columns 0..15 to first, 16..31 to second.
  template <int T>
  static void DotSixBits(const std::byte* low, const std::byte* high,
                         const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    const I mask = _mm512_set1_epi8(15);
    const I top = _mm512_set1_epi8(0x30);
    const I tops[2] = {LoadBytes(high), LoadBytes(high + 64)};
    for (int j = 0; j < 4; ++j) {
      const I bytes = LoadBytes(low + j * 64);
      // Bits 2n, 2n + 1 of the top byte, n = j / 2 (first half) or j / 2 + 2 (second half), moved
      // to bits 4 and 5.
      const I upper = tops[j % 2];
      const I top_first = j / 2 == 0 ? _mm512_slli_epi16(upper, 4) : _mm512_slli_epi16(upper, 2);
      const I top_second = j / 2 == 0 ? upper : _mm512_srli_epi16(upper, 2);
      const I w_first =
          _mm512_or_si512(_mm512_and_si512(bytes, mask), _mm512_and_si512(top_first, top));
      const I w_second = _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask),
                                         _mm512_and_si512(top_second, top));
      for (int t = 0; t < T; ++t) {
        first[t] = _mm512_dpbusd_epi32(first[t], w_first, Group(*x[t], j));
        second[t] = _mm512_dpbusd_epi32(second[t], w_second, Group(*x[t], j + 4));
      }
    }
  }

  // The same for weights that the codebook has for their nibble; it is looked up 128 higher.
  template <const std::int8_t (&kCodebook)[16], int T>
  static void DotCodebook(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    const I mask = _mm512_set1_epi8(15);
    const I table = _mm512_xor_si512(
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kCodebook))),
        _mm512_set1_epi8(-128));
    I high[T];
    for (int t = 0; t < T; ++t) {
      acc[t] = SubInt(acc[t], SetInt(x[t]->sum * 128));
      high[t] = ZeroInt();
    }
    for (int j = 0; j < 4; ++j) {
      const I bytes = LoadBytes(w + j * 64);
      const I low_weights = _mm512_shuffle_epi8(table, _mm512_and_si512(bytes, mask));
      const I high_weights =
          _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask));
      for (int t = 0; t < T; ++t) {
        acc[t] = _mm512_dpbusd_epi32(acc[t], low_weights, Group(*x[t], j));
        I& other = T == 1 ? high[t] : acc[t];
        other = _mm512_dpbusd_epi32(other, high_weights, Group(*x[t], j + 4));
      }
    }
    if constexpr (T == 1) acc[0] = AddInt(acc[0], high[0]);
  }

  // The same for weights 0..31: a nibble block, and one bit on top.
  template <int T>
  static void DotFiveBits(const std::byte* low, const std::byte* high,
                          const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    const I mask = _mm512_set1_epi8(15), top = _mm512_set1_epi8(16);
    const I tops = LoadBytes(high);
    I other[T];
    for (int t = 0; t < T; ++t) other[t] = ZeroInt();
    for (unsigned j = 0; j < 4; ++j) {
      const I bytes = LoadBytes(low + j * 64);
      // Bits j and j + 4 of the top byte, moved to bit 4.
      const I low_weights = Join(bytes, mask, _mm512_slli_epi16(tops, 4 - j), top);
      const I high_weights =
          Join(_mm512_srli_epi16(bytes, 4), mask, _mm512_srli_epi16(tops, j), top);
      const int group = static_cast<int>(j);
      for (int t = 0; t < T; ++t) {
        acc[t] = _mm512_dpbusd_epi32(acc[t], low_weights, Group(*x[t], group));
        I& second = T == 1 ? other[t] : acc[t];
        second = _mm512_dpbusd_epi32(second, high_weights, Group(*x[t], group + 4));
      }
    }
    if constexpr (T == 1) acc[0] = AddInt(acc[0], other[0]);
  }

  // Weights 0..3, columns 0..15 to first, 16..31 to second.
  template <int T>
  static void DotTwoBits(const std::byte* w, const ActivationBlock* const (&x)[T], I (&first)[T],
                         I (&second)[T]) {
    const I mask = _mm512_set1_epi8(3);
    const I pairs[2] = {LoadBytes(w), LoadBytes(w + 64)};
    for (unsigned j = 0; j < 4; ++j) {
      const I w_first = _mm512_and_si512(_mm512_srli_epi16(pairs[j % 2], j / 2 * 2), mask);
      const I w_second = _mm512_and_si512(_mm512_srli_epi16(pairs[j % 2], j / 2 * 2 + 4), mask);
      AddHalves<T>(w_first, w_second, static_cast<int>(j), x, first, second);
    }
  }

  // Weights 0..7: two bits, and one bit on top.
  template <int T>
  static void DotThreeBits(const std::byte* low, const std::byte* high,
                           const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    const I mask = _mm512_set1_epi8(3), top = _mm512_set1_epi8(4);
    const I pairs[2] = {LoadBytes(low), LoadBytes(low + 64)};
    const I tops = LoadBytes(high);
    for (unsigned j = 0; j < 4; ++j) {
      // Bits j and j + 4 of the top byte, moved to bit 2.
      const I top_first = j < 2 ? _mm512_slli_epi16(tops, 2 - j) : _mm512_srli_epi16(tops, j - 2);
      const I w_first = Join(_mm512_srli_epi16(pairs[j % 2], j / 2 * 2), mask, top_first, top);
      const I w_second = Join(_mm512_srli_epi16(pairs[j % 2], j / 2 * 2 + 4), mask,
                              _mm512_srli_epi16(tops, j + 2), top);
      AddHalves<T>(w_first, w_second, static_cast<int>(j), x, first, second);
    }
  }

 protected:
  static __mmask16 Mask(std::size_t count) { return static_cast<__mmask16>((1u << count) - 1u); }
  static I SignBits() { return _mm512_set1_epi32(static_cast<int>(0x80000000u)); }
  static __m256i ToHalf(F x) {
    return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static I LoadBytes(const std::byte* p) { return _mm512_loadu_si512(p); }
  // (a & a_mask) | (b & b_mask)
  static I Join(I a, I a_mask, I b, I b_mask) {
    constexpr int kOrAnd = 0xf8;  // x | (y & z)
    return _mm512_ternarylogic_epi32(_mm512_and_si512(a, a_mask), b, b_mask, kOrAnd);
  }
  // Column groups j to first and j + 4 to second.
  template <int T>
  static void AddHalves(I w_first, I w_second, int j, const ActivationBlock* const (&x)[T],
                        I (&first)[T], I (&second)[T]) {
    for (int t = 0; t < T; ++t) {
      first[t] = _mm512_dpbusd_epi32(first[t], w_first, Group(*x[t], j));
      second[t] = _mm512_dpbusd_epi32(second[t], w_second, Group(*x[t], j + 4));
    }
  }
  // Columns 4j..4j+3 of x in every lane.
  static I Group(const ActivationBlock& x, int j) {
    return _mm512_set1_epi32(reinterpret_cast<const std::int32_t*>(x.q)[j]);
  }
};

}  // namespace millrace
