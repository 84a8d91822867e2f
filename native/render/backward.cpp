#include <algorithm>
#include <memory>

#include "parallel.h"
#include "reduce.h"
#include "render/gradient_slots.h"
#include "render/raster.h"
#include "render/tile_walk.h"
#include "scratch.h"

namespace raster {
namespace {

// Sums of one splat over the pixels of a tile: moments, then colours.
template <int channels, bool absolute>
struct Sums {
    static constexpr int GEOMETRY = MOMENTS + (absolute ? 2 : 0);
    static constexpr int COUNT = GEOMETRY + channels;
    Vf v[COUNT];
    Sums() {
        for (int k = 0; k < COUNT; k++) v[k] = Vf{};
    }
};

template <int channels, bool absolute>
struct BackwardTile {
    Compositor compositor;
    Vf rest[BLOCKS];  // S, including what lies behind all splats
    Vf gradient[BLOCKS][channels];

    BackwardTile(const TileLists& lists, int tile, const ImageGradients& in) : compositor(lists, tile) {
        for (int q = 0; q < BLOCKS; q++) {
            rest[q] = Vf{};
            for (Vf& g : gradient[q]) g = Vf{};
        }
        float* g = reinterpret_cast<float*>(gradient);
        float* s = reinterpret_cast<float*>(rest);
        compositor.rect.each_pixel(lists.width, [&](int at, int64_t pixel) {
            float* values = g + at / W * W * channels + at % W;
            float sum = in.alphas ? -in.alphas[pixel] * in.transmittance[pixel] : 0.0f;
            for (int c = 0; c < channels; c++) {
                values[c * W] = in.colors[pixel * channels + c];
                sum += in.image[pixel * channels + c] * in.colors[pixel * channels + c];
            }
            s[at] = sum;
        });
    }

    // `usable` is for careful walks; null otherwise.
    template <bool careful>
    void draw(const Splat& s, BlockBits blocks, const UsablePixels* usable, float* row) {
        Sums<channels, absolute> sums;
        compositor.redraw(s, blocks, [&](int q, const Step& step) {
            Vf along = gradient[q][0] * s.color[0];
            for (int c = 1; c < channels; c++) along += gradient[q][c] * s.color[c];
            for (int c = 0; c < channels; c++)
                sums.v[sums.GEOMETRY + c] += step.weight * only_drawn<careful>(step, gradient[q][c]);
            Vf g = alpha_gradient<careful>(step, along, rest[q]);
            if constexpr (careful) g = usable->sound(q, g);
            add_moments<absolute>(s, step, g, sums.v);
        });
        simd::sum_lanes(sums.v, row);
    }

    // Whatever is not finite, of the image, its gradient or a colour on its way, ends up in the remainders.
    bool sound() const { return simd::all_below(rest, BLOCKS, GRADIENT_MAX); }
};

// False where a careful walk is needed.
template <int channels, bool absolute, bool careful>
bool backward_tile(const TileLists& lists, int64_t tile, const ImageGradients& in, float* rows, int stride) {
    BackwardTile<channels, absolute> state(lists, static_cast<int>(tile), in);
    if (!careful && !state.sound()) return false;
    std::unique_ptr<UsablePixels> usable;
    if (careful) usable = std::make_unique<UsablePixels>(lists, state.compositor.rect, in);
    const int64_t end = lists.tile_start[tile + 1];
    for (int64_t entry = lists.tile_start[tile]; entry < end; entry++) {
        lists.prefetch(entry, end);
        if (BlockBits blocks = lists.touched[entry])
            state.template draw<careful>(lists.splats[lists.list[entry]], blocks, usable.get(), rows + entry * stride);
    }
    return careful || state.sound();
}

template <int channels, bool absolute>
void backward_channels(const TileLists& lists, const ImageGradients& in, const SplatGradients& out) {
    constexpr int COUNT = Sums<channels, absolute>::COUNT, GEOMETRY = Sums<channels, absolute>::GEOMETRY;
    constexpr int stride = padded(COUNT);
    const Scratch rows(static_cast<size_t>(lists.entries()) * stride);
    parallel_for(lists.tiles(), lists.threads, 1, [&](int64_t tile, int64_t) {
        if (lists.tile_start[tile] == lists.tile_start[tile + 1]) return;
        if (!backward_tile<channels, absolute, false>(lists, tile, in, rows.data(), stride))
            backward_tile<channels, absolute, true>(lists, tile, in, rows.data(), stride);
    });
    gather<stride>(lists, rows.data(), stride, [&](int64_t id, const Splat* splat, const float* sums) {
        store_geometry(id, splat, sums, absolute, out);
        for (int c = 0; c < channels; c++) out.colors[id * channels + c] = sums[GEOMETRY + c];
    });
}

template <int channels>
void backward_absolute(const TileLists& lists, const ImageGradients& in, const SplatGradients& out) {
    if (out.absolute)
        backward_channels<channels, true>(lists, in, out);
    else
        backward_channels<channels, false>(lists, in, out);
}

}  // namespace

void backward(const TileLists& lists, const ImageGradients& in, const SplatGradients& out) {
    switch (in.channels) {
        case 1: return backward_absolute<1>(lists, in, out);
        case 2: return backward_absolute<2>(lists, in, out);
        case 3: return backward_absolute<3>(lists, in, out);
        default: return backward_absolute<4>(lists, in, out);
    }
}

}  // namespace raster
