// One row of floats for each (tile, Gaussian) pair, which the backward pass fills tile by tile, and their sum for each
// Gaussian: no atomics, and the same sum in the same order every time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "parallel.h"
#include "reduce.h"
#include "render/raster.h"
#include "render/tile_walk.h"

namespace raster {

using simd::Four;

// Places within a row. The moments are sums over the pixels of g = dL/d(log alpha) times powers of t and dy.
enum Moment { M0, MT, MY, MTT, MTY, MYY, ABS_X, ABS_Y };
constexpr int MOMENTS = 6;

constexpr int padded(int floats) { return (floats + 3) / 4 * 4; }

// Gradients beyond this are nobody's wish: what they are multiplied with on their way would overflow.
constexpr float GRADIENT_MAX = 1e25f;

// dL/d(log alpha) of one step. `along` is the splat's colour dotted with the gradient of the pixel, `rest` the same for
// all that lies behind (sum of weight * colour, background and alpha included), which the step brings up to date:
// dL/dalpha = T along - rest / (1 - alpha). None where alpha is held at its maximum.
template <bool careful>
inline Vf alpha_gradient(const Step& step, Vf along, Vf& rest) {
    along = only_drawn<careful>(step, along);
    rest = simd::minus_product(rest, step.weight, along);
    Mask moving = simd::mask_and(step.drawn, simd::le(step.raw, simd::broadcast(constants::ALPHA_MAX)));
    return simd::keep(moving, simd::product_minus(step.weight, along, step.alpha * rest / (1.0f - step.alpha)));
}

// Pixels whose gradient, as it arrives, is fit for use. Where it is and the gradient of a Gaussian's alpha is not, the
// colour of another Gaussian is to blame, and the pixel says nothing of the shapes drawn there.
struct UsablePixels {
    Mask usable[BLOCKS];

    UsablePixels(const TileLists& lists, const TileRect& rect, const ImageGradients& in) {
        Vf size[BLOCKS] = {};
        float* s = reinterpret_cast<float*>(size);
        rect.each_pixel(lists.width, [&](int at, int64_t pixel) {
            float sum = in.alphas ? std::abs(in.alphas[pixel]) : 0.0f;
            for (int c = 0; c < in.channels; c++) sum += std::abs(in.colors[pixel * in.channels + c]);
            s[at] = sum;
        });
        for (int q = 0; q < BLOCKS; q++) usable[q] = simd::below(size[q], GRADIENT_MAX * 1e-6f);
    }

    Vf sound(int q, Vf gradient) const {
        Mask lost = simd::mask_and(usable[q], simd::mask_not(simd::below(gradient, GRADIENT_MAX)));
        return simd::keep(simd::mask_not(lost), gradient);
    }
};

template <bool absolute>
inline void add_moments(const Splat& s, const Step& step, Vf g, Vf* sums) {
    Vf gt = g * step.t, gy = g * step.dy;
    sums[M0] += g;
    sums[MT] += gt;
    sums[MY] += gy;
    sums[MTT] += gt * step.t;
    sums[MTY] += gt * step.dy;
    sums[MYY] += gy * step.dy;
    if constexpr (absolute) {
        sums[ABS_X] += simd::abs(gt);
        sums[ABS_Y] += simd::abs(gt * s.q + gy * s.c);
    }
}

// Calls emit(id, splat or null, sums) for each Gaussian, in the order of their index. The stride is a multiple of 4;
// given as a template argument, the sums stay in registers.
template <int fixed_stride = 0, class Emit>
void gather(const TileLists& lists, const float* rows, int dynamic_stride, Emit&& emit) {
    const int stride = fixed_stride ? fixed_stride : dynamic_stride;
    const int64_t entries = lists.entries();
    constexpr int64_t AHEAD = 12;
    parallel_for(lists.count, lists.threads, 1024, [&](int64_t begin, int64_t end) {
        constexpr int MAX_FOURS = fixed_stride ? fixed_stride / 4 : 16;
        Four sums[MAX_FOURS];
        for (int64_t id = begin; id < end; id++) {
            const int32_t i = lists.rank[id];
            for (int j = 0; j < stride / 4; j++) sums[j] = Four{};
            if (i >= 0)
                for (int64_t k = lists.first_slot[i]; k < lists.first_slot[i + 1]; k++) {
                    // The rows lie far apart: fetch early.
                    if (k + AHEAD < entries)
                        __builtin_prefetch(rows + static_cast<int64_t>(lists.slots[k + AHEAD]) * stride);
                    const int64_t entry = lists.slots[k];
                    if (!lists.touched[entry]) continue;
                    const float* row = rows + entry * stride;
                    for (int j = 0; j < stride / 4; j++) sums[j] += simd::load_as<Four>(row + 4 * j);
                }
            emit(id, i >= 0 ? &lists.splats[i] : nullptr, reinterpret_cast<const float*>(sums));
        }
    });
}

// From moments to the gradients of centre, factors (p, m, s) and opacity. With k = WHITE_TO_LOG2 a splat's p is k p,
// its q -k p m and its c (k s)^2, and log alpha = log opacity - (p^2 (dx - m dy)^2 + s^2 dy^2) / 2, with dx = pixel -
// x.
inline void store_geometry(int64_t id, const Splat* splat, const float* m, bool absolute, const SplatGradients& out) {
    float values[8] = {};
    if (splat) {
        using constants::TWO_LN2;  // 1 / k^2
        const Splat& s = *splat;
        values[0] = TWO_LN2 * s.p * m[MT];
        values[1] = TWO_LN2 * (s.q * m[MT] + s.c * m[MY]);
        values[2] = -m[MTT] / (WHITE_TO_LOG2 * s.p);
        values[3] = TWO_LN2 * s.p * m[MTY];
        values[4] = -std::sqrt(s.c) / WHITE_TO_LOG2 * m[MYY];
        values[5] = m[M0] * s.inverse_opacity;
        if (absolute) values[6] = TWO_LN2 * s.p * m[ABS_X], values[7] = TWO_LN2 * m[ABS_Y];
    }
    std::copy(values, values + 2, out.means2d + 2 * id);
    std::copy(values + 2, values + 5, out.white + 3 * id);
    out.opacities[id] = values[5];
    if (absolute) std::copy(values + 6, values + 8, out.absolute + 2 * id);
}

}  // namespace raster
