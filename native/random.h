// Random numbers by counter: what row i gets depends on the seed and on i alone, not on threads or on the vector width.
#pragma once

#include "simd.h"

namespace {

using simd::Vf;
using simd::Vi;
typedef uint32_t Vu __attribute__((vector_size(simd::W * 4)));

// Chris Wellons' "lowbias32" mixer: every input bit flips every output bit with nearly even chances.
inline Vu mix(Vu h) {
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    h ^= h >> 16;
    return h;
}

// Natural logarithm for normal positive x, absolute error below 2e-7 of the result or of 1, whichever is larger.
inline Vf log(Vf x) {
    Vi raw = simd::bit_cast_int(x);
    // Shifting by 1 / sqrt(2) centres the mantissa on 1, where the series is best.
    Vi whole = (raw - 0x3f3504f3) >> 23;
    Vf f = simd::bit_cast_float(raw - (whole << 23));
    Vf t = (f - 1.0f) / (f + 1.0f), tt = t * t;  // log f = 2 atanh t, |t| < 0.172
    Vf series = 2.0f * t * (1.0f + tt * (1.0f / 3 + tt * (1.0f / 5 + tt * (1.0f / 7 + tt * (1.0f / 9)))));
    return series + simd::to_float(whole) * 0.69314718f;
}

// sin and cos of 2 pi x for x in [0, 1), error below 1e-6.
inline void sin_cos_turn(Vf x, Vf& sine, Vf& cosine) {
    Vf quarter = simd::round(4.0f * x);
    Vf a = (x - 0.25f * quarter) * 6.28318531f, aa = a * a;  // |a| <= pi / 4
    Vf s = a * (1.0f + aa * (-1.0f / 6 + aa * (1.0f / 120 + aa * (-1.0f / 5040 + aa * (1.0f / 362880)))));
    Vf c = 1.0f + aa * (-0.5f + aa * (1.0f / 24 + aa * (-1.0f / 720 + aa * (1.0f / 40320))));
    const Vf q = quarter;  // 0 to 4
    simd::Mask odd =
        simd::mask_or(simd::gt(0.5f - simd::abs(q - 1.0f), Vf{}), simd::gt(0.5f - simd::abs(q - 3.0f), Vf{}));
    Vf first = simd::select(odd, c, s), second = simd::select(odd, s, c);
    simd::Mask lower = simd::mask_and(simd::gt(q, simd::broadcast(1.5f)), simd::lt(q, simd::broadcast(3.5f)));
    simd::Mask left = simd::mask_and(simd::gt(q, simd::broadcast(0.5f)), simd::lt(q, simd::broadcast(2.5f)));
    sine = simd::select(lower, -first, first);
    cosine = simd::select(left, -second, second);
}

// Three independent standard normal numbers for each of the rows first ... first + W - 1 (Box and Muller).
inline void counter_normals(uint64_t seed, int64_t first, Vf out[3]) {
    const uint32_t low = static_cast<uint32_t>(seed), high = static_cast<uint32_t>(seed >> 32);
    Vu row = reinterpret_cast<Vu>(simd::lane_index()) + static_cast<uint32_t>(first);
    Vu key = mix(row ^ low) + high + static_cast<uint32_t>(static_cast<uint64_t>(first) >> 32) * 0x9e3779b9u;
    Vf uniform[4];
    for (uint32_t k = 0; k < 4; k++) {
        Vu h = mix(mix(key + k * 0x9e3779b9u) ^ (high + k));
        // 24 bits; the half keeps the logarithm's argument away from 0.
        uniform[k] = (simd::to_float(reinterpret_cast<Vi>(h >> 8)) + 0.5f) * (1.0f / 16777216.0f);
    }
    Vf one_radius = simd::sqrt(-2.0f * log(uniform[0])), other_radius = simd::sqrt(-2.0f * log(uniform[2]));
    Vf sine, cosine, other_sine, other_cosine;
    sin_cos_turn(uniform[1], sine, cosine);
    sin_cos_turn(uniform[3], other_sine, other_cosine);
    out[0] = one_radius * cosine;
    out[1] = one_radius * sine;
    out[2] = other_radius * other_cosine;
}

}  // namespace
