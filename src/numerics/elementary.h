// exp, silu, tanh and gelu as the contract defines them: fixed sequences of binary32 operations,
// the same in scalar and SIMD code.
//
//   Exp   error at most 0.94 ulp over all of binary32, denormal results included
//   Silu  error at most 2.4 ulp for x >= -88 (that of Exp, of 1 + Exp and of the division); below
//         that the result is within 3e-37 of the true one
//   Tanh  error at most 2.5 ulp
//   Gelu  error at most 3 ulp for x >= -1; below that the result is within 1e-7 of the true one
// (measured over every binary32 value by elementary_test.cc)
#pragma once

namespace millrace {

// The constants of Exp, shared by the reference and the SIMD forms: n = rne(x * kLog2E), r = x - n
// ln 2 in two steps (the high part has 9 trailing zero bits, so n * kLn2High is exact), then the
// Taylor polynomial of degree 7 in r by Horner's rule. |r| <= 0.3466, so the truncation error is
// below r^8 / 8! < 6e-9, a twentieth of a unit in the last place.
inline constexpr float kExpLowest = -105.0f;  // exp of it rounds to 0
inline constexpr float kExpHighest = 89.0f;   // exp of it overflows to infinity
inline constexpr float kLog2E = 1.44269504f;
inline constexpr float kLn2High = 0.693359375f;
inline constexpr float kLn2Low = -2.12194440e-4f;
inline constexpr float kExpCoefficients[8] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24,
                                              1.0f / 6,    1.0f / 2,   1.0f,       1.0f};

// Tanh is em1 / (em1 + 2) with the sign of x, em1 = exp(2 |x|) - 1 = 2^n (exp(r) - 1) + (2^n - 1) with the same
// reduction to n and r as above: nothing cancels for small x, where n is 0. exp(r) - 1 = r + r^2
// s(r); the Taylor polynomial s of degree 6 is off by |r|^9 / 9!, a thousandth of a unit in the
// last place of r. Beyond kTanhHighest the result rounds to 1.
inline constexpr float kTanhHighest = 10.0f;
inline constexpr float kTanhCoefficients[7] = {1.0f / 40320, 1.0f / 5040, 1.0f / 720, 1.0f / 120,
                                               1.0f / 24,    1.0f / 6,    1.0f / 2};

// Gelu in its tanh form, 0.5 x (1 + tanh(u)) with u = sqrt(2 / pi) (x + 0.044715 x^3), is x / (1 +
// exp(-2 u)): the same number, without the cancellation of 1 + tanh.
inline constexpr float kGeluLinear = 1.5957691216057308f;  // 2 sqrt(2 / pi)
inline constexpr float kGeluCubic = 0.07135481282553653f;  // 0.044715 of it

float Exp(float x);
float Silu(float x);  // x / (1 + Exp(-x))
float Tanh(float x);
float Gelu(float x);  // x / (1 + Exp(-(x * fma(kGeluCubic, x * x, kGeluLinear))))

}  // namespace millrace
