// Sixteen lanes as one AVX-512 register on processors without VNNI: the dots by maddubs. Include
// only from *_avx512bw.cc. The operations are those of lanes_portable.h.
#pragma once

#include "kernels/groups_that_fit.h"
#include "kernels/lanes_avx512.h"

namespace millrace {

// Every Dot of LanesAvx512 has its own form here: what it lacked would not compile, because these
// sources are compiled without VNNI.
//
// maddubs takes unsigned times signed and adds neighbours in int16, where sums of several groups of
// columns wait (groups_that_fit.h) before madd widens them.
struct LanesAvx512Bw : LanesAvx512 {
  static constexpr ByteForm kByteForm = ByteForm::kSigned;

  template <int T>
  static void DotBytes(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    Dot<128, kSigned>([&](int j) { return LoadBytes(w + j * 64); }, x, acc);
  }

  template <int T>
  static void DotNibbles(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    Dot<15, kUnsigned>([&](int j) { return Nibbles(w, j); }, x, acc);
  }

  template <const std::int8_t (&kCodebook)[16], int T>
  static void DotCodebook(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    const I table =
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kCodebook)));
    Dot<Largest(kCodebook), kSigned>(
        [&](int j) { return _mm512_shuffle_epi8(table, Nibbles(w, j)); }, x, acc);
  }

  template <int T>
  static void DotFiveBits(const std::byte* low, const std::byte* high,
                          const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    const I tops = LoadBytes(high);
    Dot<31, kUnsigned>([&](int j) { return OnTop(Nibbles(low, j), Bits(tops, j, 1), 4); }, x, acc);
  }

  template <int T>
  static void DotSixBits(const std::byte* low, const std::byte* high,
                         const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    const I tops[2] = {LoadBytes(high), LoadBytes(high + 64)};
    DotHalves<63>([&](int j) { return OnTop(Nibbles(low, j), Pairs(tops, j), 4); }, x, first,
                  second);
  }

  template <int T>
  static void DotTwoBits(const std::byte* w, const ActivationBlock* const (&x)[T], I (&first)[T],
                         I (&second)[T]) {
    const I pairs[2] = {LoadBytes(w), LoadBytes(w + 64)};
    DotHalves<3>([&](int j) { return Pairs(pairs, j); }, x, first, second);
  }

  template <int T>
  static void DotThreeBits(const std::byte* low, const std::byte* high,
                           const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    const I pairs[2] = {LoadBytes(low), LoadBytes(low + 64)};
    const I tops = LoadBytes(high);
    DotHalves<7>([&](int j) { return OnTop(Pairs(pairs, j), Bits(tops, j, 1), 2); }, x, first,
                 second);
  }

 private:
  enum Sign { kUnsigned, kSigned };

  // The weights of column group j, one a byte.
  static I Bits(I bytes, int shift, int mask) {
    return _mm512_and_si512(_mm512_srli_epi16(bytes, static_cast<unsigned>(shift)),
                            _mm512_set1_epi8(static_cast<char>(mask)));
  }
  static I Nibbles(const std::byte* w, int j) {
    return Bits(LoadBytes(w + j % 4 * 64), j / 4 * 4, 15);
  }
  static I Pairs(const I (&bytes)[2], int j) { return Bits(bytes[j % 2], j / 2 * 2, 3); }
  // low | top << shift, where no bit leaves its byte
  static I OnTop(I low, I top, int shift) {
    return _mm512_or_si512(low, _mm512_slli_epi16(top, static_cast<unsigned>(shift)));
  }

  // acc[t] += the products of all columns with weights(j), of magnitude kLargest at most.
  template <int kLargest, Sign kSign, int T, typename Weights>
  static void Dot(Weights weights, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    AddGroups<GroupsThatFit(kLargest, 8), kSign>(weights, x, acc, acc);
  }
  // Columns 0..15 to first, 16..31 to second.
  template <int kLargest, int T, typename Weights>
  static void DotHalves(Weights weights, const ActivationBlock* const (&x)[T], I (&first)[T],
                        I (&second)[T]) {
    AddGroups<GroupsThatFit(kLargest, 4), kUnsigned>(weights, x, first, second);
  }

  // Of kTogether groups the products are added as int16. A sign moves over to x: |w| * (sign(w) *
  // x); x holds no -128. Unrolled, so that j is a constant: a shift by a variable costs twice.
  template <int kTogether, Sign kSign, int T, typename Weights>
  static void AddGroups(Weights weights, const ActivationBlock* const (&x)[T], I (&first)[T],
                        I (&second)[T]) {
    I words[T];
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      const I w = weights(j);
      const I magnitude = kSign == kSigned ? _mm512_abs_epi8(w) : w;
      const __mmask64 negative = kSign == kSigned ? _mm512_movepi8_mask(w) : 0;
      I(&acc)[T] = j < 4 ? first : second;
      for (int t = 0; t < T; ++t) {
        I group = Group(*x[t], j);
        if constexpr (kSign == kSigned) {
          group = _mm512_mask_sub_epi8(group, negative, ZeroInt(), group);
        }
        const I products = _mm512_maddubs_epi16(magnitude, group);
        words[t] = j % kTogether == 0 ? products : _mm512_add_epi16(words[t], products);
        if (j % kTogether == kTogether - 1) {
          acc[t] = AddInt(acc[t], _mm512_madd_epi16(words[t], _mm512_set1_epi16(1)));
        }
      }
    }
  }
};

}  // namespace millrace
