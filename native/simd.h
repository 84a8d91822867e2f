// Vectors of W floats, W fixed at compile time by the instruction set: 16 with AVX-512, 8 with AVX2, else 4.
//
// Arithmetic is that of the compilers' vector extensions (GCC, Clang): + - * / work between vectors, and between a
// vector and a float. Comparisons yield a Mask through ge/gt/lt, because a mask is a register of bits with AVX-512 and
// a vector of all-ones or all-zeros elsewhere.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace simd {

#if defined(SPLAT_WIDTH)
constexpr int W = SPLAT_WIDTH;
#elif defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

typedef float Vf __attribute__((vector_size(W * 4)));
typedef int32_t Vi __attribute__((vector_size(W * 4)));

inline Vf broadcast(float x) { return Vf{} + x; }
inline Vi broadcast(int32_t x) { return Vi{} + x; }

template <class V, class T>
inline V load_as(const T* p) {
    V v;
    std::memcpy(&v, p, sizeof(V));
    return v;
}
inline Vf load(const float* p) { return load_as<Vf>(p); }
inline Vi load(const int32_t* p) { return load_as<Vi>(p); }
inline void store(float* p, Vf v) { std::memcpy(p, &v, sizeof(v)); }
inline void store(int32_t* p, Vi v) { std::memcpy(p, &v, sizeof(v)); }

// 0, 1, ..., W - 1
inline Vi lane_index() {
    Vi v;
    for (int i = 0; i < W; i++) v[i] = i;
    return v;
}

inline Vi bit_cast_int(Vf v) { return reinterpret_cast<Vi>(v); }
inline Vf bit_cast_float(Vi v) { return reinterpret_cast<Vf>(v); }
inline Vf to_float(Vi v) { return __builtin_convertvector(v, Vf); }
inline Vi truncate(Vf v) { return __builtin_convertvector(v, Vi); }

#if defined(__AVX512F__) && !defined(SPLAT_WIDTH)
// ---- AVX-512: masks are 16 bits in a mask register
typedef __mmask16 Mask;
inline Mask ge(Vf a, Vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ); }
inline Mask gt(Vf a, Vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ); }
inline Mask lt(Vf a, Vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ); }
inline Mask le(Vf a, Vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ); }
inline Mask mask_and(Mask a, Mask b) { return static_cast<Mask>(a & b); }
inline Mask mask_or(Mask a, Mask b) { return static_cast<Mask>(a | b); }
inline Mask mask_not(Mask a) { return static_cast<Mask>(~a); }
inline Mask no_lanes() { return 0; }
inline bool any(Mask m) { return m != 0; }
inline uint32_t bits(Mask m) { return m; }
inline Mask from_bits(uint32_t b) { return static_cast<Mask>(b); }
inline Vf select(Mask m, Vf a, Vf b) { return (Vf)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a); }
inline Vf keep(Mask m, Vf a) { return (Vf)_mm512_maskz_mov_ps(m, (__m512)a); }  // a where m, else 0
inline Vf min(Vf a, Vf b) { return (Vf)_mm512_min_ps((__m512)a, (__m512)b); }
inline Vf max(Vf a, Vf b) { return (Vf)_mm512_max_ps((__m512)a, (__m512)b); }
inline Vf sqrt(Vf a) { return (Vf)_mm512_sqrt_ps((__m512)a); }
inline Vf abs(Vf a) { return (Vf)_mm512_abs_ps((__m512)a); }
inline Vf ceil(Vf a) { return (Vf)_mm512_roundscale_ps((__m512)a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
inline Vf round(Vf a) { return (Vf)_mm512_roundscale_ps((__m512)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline Vf gather(const float* base, Vi index) {
    // The masked form, since GCC warns about the undefined source of the plain one.
    return (Vf)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), 0xffff, (__m512i)index, base, 4);
}
#else
// ---- everywhere else: masks are vectors
typedef Vi Mask;
inline Mask ge(Vf a, Vf b) { return a >= b; }
inline Mask gt(Vf a, Vf b) { return a > b; }
inline Mask lt(Vf a, Vf b) { return a < b; }
inline Mask le(Vf a, Vf b) { return a <= b; }
inline Mask mask_and(Mask a, Mask b) { return a & b; }
inline Mask mask_or(Mask a, Mask b) { return a | b; }
inline Mask mask_not(Mask a) { return ~a; }
inline Mask no_lanes() { return Mask{}; }
inline Vf select(Mask m, Vf a, Vf b) { return bit_cast_float((bit_cast_int(a) & m) | (bit_cast_int(b) & ~m)); }
inline Vf keep(Mask m, Vf a) { return bit_cast_float(bit_cast_int(a) & m); }  // a where m, else 0
inline Vf abs(Vf a) { return bit_cast_float(bit_cast_int(a) & 0x7fffffff); }
inline uint32_t bits(Mask m) {
#if defined(__AVX__)
    if constexpr (W == 8) return static_cast<uint32_t>(_mm256_movemask_ps((__m256)bit_cast_float(m)));
#elif defined(__SSE2__)
    if constexpr (W == 4) return static_cast<uint32_t>(_mm_movemask_ps((__m128)bit_cast_float(m)));
#endif
    uint32_t b = 0;
    for (int i = 0; i < W; i++) b |= (m[i] ? 1u : 0u) << i;
    return b;
}
inline Mask from_bits(uint32_t b) {
    Vi lane{};
    for (int i = 0; i < W; i++) lane[i] = 1 << i;
    return (lane & static_cast<int32_t>(b)) != 0;
}
inline bool any(Mask m) {
#if defined(__AVX__) || defined(__SSE2__)
    return bits(m) != 0;
#else
    typedef int64_t Halves __attribute__((vector_size(W * 4)));
    Halves h = reinterpret_cast<Halves>(m);
    int64_t all = 0;
    for (int i = 0; i < W / 2; i++) all |= h[i];
    return all != 0;
#endif
}
#if defined(__AVX__)
inline Vf min(Vf a, Vf b) { return (Vf)_mm256_min_ps((__m256)a, (__m256)b); }
inline Vf max(Vf a, Vf b) { return (Vf)_mm256_max_ps((__m256)a, (__m256)b); }
inline Vf sqrt(Vf a) { return (Vf)_mm256_sqrt_ps((__m256)a); }
inline Vf ceil(Vf a) { return (Vf)_mm256_ceil_ps((__m256)a); }
inline Vf round(Vf a) { return (Vf)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
#else
inline Vf min(Vf a, Vf b) { return select(lt(a, b), a, b); }
inline Vf max(Vf a, Vf b) { return select(gt(a, b), a, b); }
inline Vf sqrt(Vf a) {
#if defined(__SSE2__)
    return (Vf)_mm_sqrt_ps((__m128)a);
#else
    for (int i = 0; i < W; i++) a[i] = std::sqrt(a[i]);
    return a;
#endif
}
// Adding and taking away 1.5 * 2^23 rounds to the nearest integer, for |a| < 2^22.
inline Vf round(Vf a) {
    const Vf magic = broadcast(12582912.0f);
    Vf shifted = a + magic;
    return shifted - magic;
}
// From 2^23 on every float is whole, and from 2^31 on none is an int.
inline Vf ceil(Vf a) {
    Vf r = to_float(truncate(a));
    return select(lt(abs(a), broadcast(8388608.0f)), select(lt(r, a), r + 1.0f, r), a);
}
#endif
inline Vf gather(const float* base, Vi index) {
#if defined(__AVX2__)
    if constexpr (W == 8) return (Vf)_mm256_i32gather_ps(base, (__m256i)index, 4);
#endif
    Vf v;
    for (int i = 0; i < W; i++) v[i] = base[index[i]];
    return v;
}
#endif

// a * b - c and c - a * b, rounded once where the machine can: where two places must round alike, this is not left to
// the compiler.
#if defined(__AVX512F__) && !defined(SPLAT_WIDTH)
inline Vf product_minus(Vf a, Vf b, Vf c) { return (Vf)_mm512_fmsub_ps((__m512)a, (__m512)b, (__m512)c); }
inline Vf minus_product(Vf c, Vf a, Vf b) { return (Vf)_mm512_fnmadd_ps((__m512)a, (__m512)b, (__m512)c); }
#elif defined(__AVX__) && defined(__FMA__)
inline Vf product_minus(Vf a, Vf b, Vf c) { return (Vf)_mm256_fmsub_ps((__m256)a, (__m256)b, (__m256)c); }
inline Vf minus_product(Vf c, Vf a, Vf b) { return (Vf)_mm256_fnmadd_ps((__m256)a, (__m256)b, (__m256)c); }
#else
inline Vf product_minus(Vf a, Vf b, Vf c) { return a * b - c; }
inline Vf minus_product(Vf c, Vf a, Vf b) { return c - a * b; }
#endif

// NaN stays NaN: `min` and `max` return their second argument where one of them is.
inline Vf clamp(Vf v, float low, float high) { return min(broadcast(high), max(broadcast(low), v)); }

inline Mask below(Vf v, float limit) { return lt(abs(v), broadcast(limit)); }  // false for NaN
inline Mask finite(Vf v) { return below(v, std::numeric_limits<float>::infinity()); }

inline float sum(Vf v) {
    float half[W];
    store(half, v);
    for (int n = W / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) half[i] += half[i + n];
    return half[0];
}

// Whether all lanes of n vectors are finite: NaN and infinity times 0 are NaN, which no sum loses.
inline bool all_finite(const Vf* v, int n) {
    Vf sum{};
    for (int i = 0; i < n; i++) sum += v[i] * 0.0f;
    return !any(mask_not(ge(sum, Vf{})));
}

// Whether all lanes of n vectors are nearer to 0 than `limit`.
inline bool all_below(const Vf* v, int n, float limit) {
    Mask far = no_lanes();
    for (int i = 0; i < n; i++) far = mask_or(far, mask_not(below(v[i], limit)));
    return !any(far);
}

// 2^x for x in [-126, 127], relative error below 2e-7 (minimax polynomial). Beyond that the result is meaningless.
inline Vf exp2(Vf x) {
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
    const float magic = 12582912.0f;
    Vf shifted = x + magic;
    Vf f = x - (shifted - magic);
    Vf p = f * 1.32647261e-3f + 9.67151299e-3f;
    p = p * f + 5.55073358e-2f;
    p = p * f + 2.40222424e-1f;
    p = p * f + 6.93147004e-1f;
    p = p * f + 1.0f;
    return bit_cast_float(bit_cast_int(p) + (bit_cast_int(shifted) << 23));
}

// e^x for |x| < 87, relative error below 4e-7.
inline Vf exp(Vf x) {
    x = clamp(x, -87.0f, 87.0f);
    Vf whole = round(x * 1.44269504f);
    // x - whole * ln 2 in two steps keeps the error of the large product out of the small difference.
    Vf r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    Vf p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return bit_cast_float(bit_cast_int(p) + (truncate(whole) << 23));
}

// Logarithm to base 2 of a positive, normal x, absolute error below 2e-7 * max(1, |result|).
inline Vf log2(Vf x) {
    Vi raw = bit_cast_int(x);
    // Split x = 2^exponent * m with m in [sqrt(1/2), sqrt(2)), then use the fast series of atanh((m - 1) / (m + 1)).
    Vi exponent = (raw - 0x3f3504f3) >> 23;
    Vf m = bit_cast_float(raw - (exponent << 23));
    Vf s = (m - 1.0f) / (m + 1.0f), s2 = s * s;
    Vf series = s2 * (2.0f / 9.0f) + (2.0f / 7.0f);
    series = series * s2 + (2.0f / 5.0f);
    series = series * s2 + (2.0f / 3.0f);
    series = series * s2 + 2.0f;
    return to_float(exponent) + series * s * 1.44269504f;
}

}  // namespace simd
