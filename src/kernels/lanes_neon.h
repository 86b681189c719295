// Sixteen lanes as four NEON registers (aarch64), with or without the dot product instruction.
// Include only from *_neon.cc and, through lanes_neondot.h, *_neondot.cc. The operations are those
// of lanes_portable.h.
//
// Both forms unpack weights alike; a Products says how sixteen bytes are multiplied and added.
// NEON's own maximum and minimum are not used: they give NaN where the contract wants the second
// operand.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/groups_that_fit.h"
#include "kernels/packed_matrix.h"
#include "numerics/activation.h"

namespace millrace {

// Sixteen bytes of four rows, four columns each: register r of a group belongs to rows 4r..4r+3.
struct NeonBytes {
  uint8x16_t v[4];
};
struct NeonInts {
  int32x4_t v[4];
};

// Column group j of x, the same four bytes for every row.
inline int8x16_t NeonGroup(const ActivationBlock& x, int j) {
  return vreinterpretq_s8_s32(vld1q_dup_s32(reinterpret_cast<const std::int32_t*>(x.q) + j));
}

// Products of bytes by widening multiplications: sums of two in int16, of several column groups
// where they fit (groups_that_fit.h), and one widening addition of neighbours at the end.
struct NeonWideningProducts {
  // first[t] += the products of column groups 0..3, second[t] those of 4..7, with weights(j):
  // signed bytes of magnitude kLargest at most. Both are the same where kSpan is 8, not where it is
  // 4. Unrolled, so that j is a constant.
  template <int kLargest, int kSpan, int T, typename Weights>
  static void Add(Weights weights, const ActivationBlock* const (&x)[T], NeonInts (&first)[T],
                  NeonInts (&second)[T]) {
    constexpr int kTogether = GroupsThatFit(kLargest, kSpan);
    int16x8_t low[T][4], high[T][4];
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      const NeonBytes w = weights(j);
      NeonInts(&acc)[T] = j < 4 ? first : second;
      for (int t = 0; t < T; ++t) {
        const int8x16_t group = NeonGroup(*x[t], j);
        for (int r = 0; r < 4; ++r) {
          const int8x16_t bytes = vreinterpretq_s8_u8(w.v[r]);
          if (j % kTogether == 0) {
            low[t][r] = vmull_s8(vget_low_s8(bytes), vget_low_s8(group));
            high[t][r] = vmull_high_s8(bytes, group);
          } else {
            low[t][r] = vmlal_s8(low[t][r], vget_low_s8(bytes), vget_low_s8(group));
            high[t][r] = vmlal_high_s8(high[t][r], bytes, group);
          }
          if (j % kTogether == kTogether - 1) {
            acc[t].v[r] = vpadalq_s16(acc[t].v[r], vpaddq_s16(low[t][r], high[t][r]));
          }
        }
      }
    }
  }
};

template <typename Products>
struct LanesNeonWith {
  struct F {
    float32x4_t v[4];
  };
  using I = NeonInts;
  static constexpr ByteForm kByteForm = ByteForm::kSigned;
  // Four registers each of integer and binary32 accumulators: 16 of 32 registers.
  static constexpr int kTokens = 2;
  static constexpr int kQueries = 1;  // query heads that share one load of keys and values

  static F Zero() { return Set(0.0f); }
  static F Set(float x) {
    const float32x4_t v = vdupq_n_f32(x);
    return {{v, v, v, v}};
  }
  static F Load(const float* p) {
    return Make([&](int i) { return vld1q_f32(p + 4 * i); });
  }
  static F LoadPart(const float* p, std::size_t count) {
    float lanes[16] = {};
    for (std::size_t i = 0; i < count; ++i) lanes[i] = p[i];
    return Load(lanes);
  }
  static void Store(float* p, F x) {
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, x.v[i]);
  }
  static void StorePart(float* p, F x, std::size_t count) {
    float lanes[16];
    Store(lanes, x);
    for (std::size_t i = 0; i < count; ++i) p[i] = lanes[i];
  }
  static F LoadHalf(const std::uint16_t* p) {
    return Make([&](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))); });
  }
  static void StoreHalf(std::uint16_t* p, F x) {
    for (int i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(x.v[i])));
  }
  static F RoundHalf(F x) {
    return Make([&](int i) { return vcvt_f32_f16(vcvt_f16_f32(x.v[i])); });
  }
  static F RoundBFloat(F x) {
    return Make([&](int i) {
      const uint32x4_t bits = vreinterpretq_u32_f32(x.v[i]);
      const uint32x4_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
      const uint32x4_t kept = vbslq_u32(vceqq_f32(x.v[i], x.v[i]), rounded, bits | 0x400000u);
      return vreinterpretq_f32_u32(kept & 0xffff0000u);
    });
  }
  static F LoadBFloat(const std::uint16_t* p) {
    return Make([&](int i) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)); });
  }
  static I LoadInt8Int(const std::int8_t* p) {
    const int8x16_t bytes = vld1q_s8(p);
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    return {{vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)),
             vmovl_high_s16(high)}};
  }
  static I LoadUInt8Int(const std::uint8_t* p) {
    const uint8x16_t bytes = vld1q_u8(p);
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    const uint32x4_t wide[4] = {vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low),
                                vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high)};
    return MakeInt([&](int i) { return vreinterpretq_s32_u32(wide[i]); });
  }
  static I LoadInt(const std::int32_t* p) {
    return MakeInt([&](int i) { return vld1q_s32(p + 4 * i); });
  }
  static F LoadInt8(const std::int8_t* p) { return ToFloat(LoadInt8Int(p)); }
  static F LoadUInt8(const std::uint8_t* p) { return ToFloat(LoadUInt8Int(p)); }

  static F Add(F a, F b) {
    return Make([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
  }
  static F Sub(F a, F b) {
    return Make([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
  }
  static F Mul(F a, F b) {
    return Make([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
  }
  static F Div(F a, F b) {
    return Make([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
  }
  static F Fma(F a, F b, F c) {
    return Make([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
  }
  static F Neg(F a) {
    return Make([&](int i) { return vnegq_f32(a.v[i]); });
  }
  static F Abs(F a) {
    return Make([&](int i) { return vabsq_f32(a.v[i]); });
  }
  static F Max(F a, F b) {
    return Make([&](int i) { return Max4(a.v[i], b.v[i]); });
  }
  static F Min(F a, F b) {
    return Make([&](int i) { return vbslq_f32(vcltq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]); });
  }
  static F Round(F a) {
    return Make([&](int i) { return vrndnq_f32(a.v[i]); });
  }
  static float ReduceMax(F a) {
    return vmaxvq_f32(Max4(Max4(a.v[0], a.v[1]), Max4(a.v[2], a.v[3])));
  }
  // Lanes i and i + 8, then + 4, + 2, + 1.
  static float TreeSum(F a) {
    const float32x4_t four = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
  }
  static float First(F a) { return vgetq_lane_f32(a.v[0], 0); }
  static F SwapPairs(F a) {
    return Make([&](int i) { return vrev64q_f32(a.v[i]); });
  }

  static I ZeroInt() { return SetInt(0); }
  static I SetInt(std::int32_t x) {
    const int32x4_t v = vdupq_n_s32(x);
    return {{v, v, v, v}};
  }
  static I AddInt(I a, I b) {
    return MakeInt([&](int i) { return vaddq_s32(a.v[i], b.v[i]); });
  }
  static I SubInt(I a, I b) {
    return MakeInt([&](int i) { return vsubq_s32(a.v[i], b.v[i]); });
  }
  static I MulInt(I a, I b) {
    return MakeInt([&](int i) { return vmulq_s32(a.v[i], b.v[i]); });
  }
  static I AndInt(I a, std::int32_t mask) {
    return MakeInt([&](int i) { return vandq_s32(a.v[i], vdupq_n_s32(mask)); });
  }
  static I ShiftRightInt(I a, int count) {  // a negative shift to the left
    const int32x4_t by = vdupq_n_s32(-count);
    return MakeInt(
        [&](int i) { return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a.v[i]), by)); });
  }
  static I ToInt(F a) {
    return MakeInt([&](int i) { return vcvtq_s32_f32(a.v[i]); });
  }
  static F ToFloat(I a) {
    return Make([&](int i) { return vcvtq_f32_s32(a.v[i]); });
  }
  static I HalfInt(I a) {
    return MakeInt([&](int i) { return vshrq_n_s32(a.v[i], 1); });
  }
  static F PowerOfTwo(I exponent) {
    return Make([&](int i) {
      return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(exponent.v[i], vdupq_n_s32(127)), 23));
    });
  }
  static void StoreInt8(std::int8_t* p, I a) {
    const int16x8_t low = vmovn_high_s32(vmovn_s32(a.v[0]), a.v[1]);
    const int16x8_t high = vmovn_high_s32(vmovn_s32(a.v[2]), a.v[3]);
    vst1q_s8(p, vmovn_high_s16(vmovn_s16(low), high));
  }
  static std::int32_t SumInt(I a) {
    return vaddvq_s32(vaddq_s32(vaddq_s32(a.v[0], a.v[1]), vaddq_s32(a.v[2], a.v[3])));
  }

  template <int T>
  static void DotBytes(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    Dot<128, T>([&](int j) { return LoadBytes(w + j * 64); }, x, acc);
  }

  template <int T>
  static void DotNibbles(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    Dot<15, T>([&](int j) { return Nibbles(w, j); }, x, acc);
  }

  template <const std::int8_t (&kCodebook)[16], int T>
  static void DotCodebook(const std::byte* w, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    const uint8x16_t table = vreinterpretq_u8_s8(vld1q_s8(kCodebook));
    const auto weights = [&](int j) {
      const NeonBytes nibbles = Nibbles(w, j);
      return Each([&](int r) { return vqtbl1q_u8(table, nibbles.v[r]); });
    };
    Dot<Largest(kCodebook), T>(weights, x, acc);
  }

  template <int T>
  static void DotFiveBits(const std::byte* low, const std::byte* high,
                          const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    const NeonBytes tops = LoadBytes(high);
    Dot<31, T>([&](int j) { return OnTop(Nibbles(low, j), Bits(tops, j, 1), 4); }, x, acc);
  }

  template <int T>
  static void DotSixBits(const std::byte* low, const std::byte* high,
                         const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    const NeonBytes tops[2] = {LoadBytes(high), LoadBytes(high + 64)};
    DotHalves<63, T>([&](int j) { return OnTop(Nibbles(low, j), Pairs(tops, j), 4); }, x, first,
                     second);
  }

  template <int T>
  static void DotTwoBits(const std::byte* w, const ActivationBlock* const (&x)[T], I (&first)[T],
                         I (&second)[T]) {
    const NeonBytes pairs[2] = {LoadBytes(w), LoadBytes(w + 64)};
    DotHalves<3, T>([&](int j) { return Pairs(pairs, j); }, x, first, second);
  }

  template <int T>
  static void DotThreeBits(const std::byte* low, const std::byte* high,
                           const ActivationBlock* const (&x)[T], I (&first)[T], I (&second)[T]) {
    const NeonBytes pairs[2] = {LoadBytes(low), LoadBytes(low + 64)};
    const NeonBytes tops = LoadBytes(high);
    DotHalves<7, T>([&](int j) { return OnTop(Pairs(pairs, j), Bits(tops, j, 1), 2); }, x, first,
                    second);
  }

 private:
  template <typename Function>
  static F Make(Function function) {
    return {{function(0), function(1), function(2), function(3)}};
  }
  template <typename Function>
  static I MakeInt(Function function) {
    return {{function(0), function(1), function(2), function(3)}};
  }
  template <typename Function>
  static NeonBytes Each(Function function) {
    return {{function(0), function(1), function(2), function(3)}};
  }
  static float32x4_t Max4(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }

  // The weights of column group j, one a byte.
  static NeonBytes LoadBytes(const std::byte* p) {
    return Each([&](int r) { return vld1q_u8(reinterpret_cast<const std::uint8_t*>(p) + 16 * r); });
  }
  static NeonBytes Bits(NeonBytes bytes, int shift, std::uint8_t mask) {
    return Each([&](int r) { return bytes.v[r] >> static_cast<std::uint8_t>(shift) & mask; });
  }
  static NeonBytes Nibbles(const std::byte* w, int j) {
    return Bits(LoadBytes(w + j % 4 * 64), j / 4 * 4, 15);
  }
  static NeonBytes Pairs(const NeonBytes (&bytes)[2], int j) {
    return Bits(bytes[j % 2], j / 2 * 2, 3);
  }
  static NeonBytes OnTop(NeonBytes low, NeonBytes top, int shift) {  // low | top << shift
    return Each([&](int r) { return low.v[r] | top.v[r] << static_cast<std::uint8_t>(shift); });
  }

  template <int kLargest, int T, typename Weights>
  static void Dot(Weights weights, const ActivationBlock* const (&x)[T], I (&acc)[T]) {
    Products::template Add<kLargest, 8, T>(weights, x, acc, acc);
  }
  // Columns 0..15 to first, 16..31 to second.
  template <int kLargest, int T, typename Weights>
  static void DotHalves(Weights weights, const ActivationBlock* const (&x)[T], I (&first)[T],
                        I (&second)[T]) {
    Products::template Add<kLargest, 4, T>(weights, x, first, second);
  }
};

using LanesNeon = LanesNeonWith<NeonWideningProducts>;

}  // namespace millrace
