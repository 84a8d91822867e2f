// Sums over the lanes of several vectors at once: transposing while adding takes half the work of one sum at a time.
#pragma once

#include "simd.h"

namespace simd {

typedef float Four __attribute__((vector_size(16)));

#if defined(__SSE2__)
inline Four low_pairs(Four a, Four b) { return (Four)_mm_unpacklo_ps((__m128)a, (__m128)b); }   // a0 b0 a1 b1
inline Four high_pairs(Four a, Four b) { return (Four)_mm_unpackhi_ps((__m128)a, (__m128)b); }  // a2 b2 a3 b3
inline Four low_halves(Four a, Four b) { return (Four)_mm_movelh_ps((__m128)a, (__m128)b); }    // a0 a1 b0 b1
inline Four high_halves(Four a, Four b) { return (Four)_mm_movehl_ps((__m128)b, (__m128)a); }   // a2 a3 b2 b3
#else
inline Four low_pairs(Four a, Four b) { return Four{a[0], b[0], a[1], b[1]}; }
inline Four high_pairs(Four a, Four b) { return Four{a[2], b[2], a[3], b[3]}; }
inline Four low_halves(Four a, Four b) { return Four{a[0], a[1], b[0], b[1]}; }
inline Four high_halves(Four a, Four b) { return Four{a[2], a[3], b[2], b[3]}; }
#endif

// {sum a, sum b, sum c, sum d}
inline Four sum_four(Four a, Four b, Four c, Four d) {
    Four ab = low_pairs(a, b) + high_pairs(a, b), cd = low_pairs(c, d) + high_pairs(c, d);
    return low_halves(ab, cd) + high_halves(ab, cd);
}

#if defined(__AVX512F__) && !defined(SPLAT_WIDTH)
// One vector of four 128-bit lanes; each lane holds four partial sums of one of the arguments.
inline __m512 fold_four(Vf a, Vf b, Vf c, Vf d) {
    __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4((__m512)a, (__m512)b, 0x44),
                              _mm512_shuffle_f32x4((__m512)a, (__m512)b, 0xee));
    __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4((__m512)c, (__m512)d, 0x44),
                              _mm512_shuffle_f32x4((__m512)c, (__m512)d, 0xee));
    return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}
inline Four sum_four(Vf a, Vf b, Vf c, Vf d) {
    __m512 f = fold_four(a, b, c, d);
    return sum_four((Four)_mm512_extractf32x4_ps(f, 0), (Four)_mm512_extractf32x4_ps(f, 1),
                    (Four)_mm512_extractf32x4_ps(f, 2), (Four)_mm512_extractf32x4_ps(f, 3));
}
#elif defined(__AVX__)
inline Four fold(Vf a) {
    return (Four)_mm_add_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
}
inline Four sum_four(Vf a, Vf b, Vf c, Vf d) { return sum_four(fold(a), fold(b), fold(c), fold(d)); }
#endif

// out[k] = sum over the lanes of values[k]; writes `count` rounded up to a multiple of 4 floats.
template <int count>
inline void sum_lanes(const Vf (&values)[count], float* out) {
#if defined(__AVX512F__) && !defined(SPLAT_WIDTH)
    if constexpr (count > 8) {
        const Vf zero{};
        auto at = [&](int k) { return k < count ? values[k] : zero; };
        static_assert(count <= 16, "at most 16 sums at once");
        __m512 f[4];
        for (int k = 0; k < 4; k++)  // argument k of every group of four, so that the results come out in order
            f[k] = fold_four(at(k), at(4 + k), at(8 + k), at(12 + k));
        __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(f[0], f[1]), _mm512_unpackhi_ps(f[0], f[1]));
        __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(f[2], f[3]), _mm512_unpackhi_ps(f[2], f[3]));
        __m512 all = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
        constexpr int rounded = (count + 3) / 4 * 4;
        _mm512_mask_storeu_ps(out, static_cast<__mmask16>((1u << rounded) - 1u), all);
        return;
    }
#endif
    const Vf zero{};
    for (int k = 0; k < count; k += 4) {
        Four s = sum_four(values[k], k + 1 < count ? values[k + 1] : zero, k + 2 < count ? values[k + 2] : zero,
                          k + 3 < count ? values[k + 3] : zero);
        std::memcpy(out + k, &s, sizeof(s));
    }
}

}  // namespace simd
