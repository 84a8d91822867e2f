#include <algorithm>

#include "parallel.h"
#include "render/raster.h"
#include "render/tile_walk.h"

namespace raster {
namespace {

template <int channels>
struct ForwardTile {
    Compositor compositor;
    Vf color[BLOCKS][channels];

    ForwardTile(const TileLists& lists, int tile) : compositor(lists, tile) {
        for (auto& block : color)
            for (Vf& c : block) c = Vf{};
    }

    template <bool careful>
    BlockBits draw(const Splat& s) {
        return compositor.draw(s, [&](int q, const Step& step) {
            for (int c = 0; c < channels; c++)
                color[q][c] += step.weight * only_drawn<careful>(step, simd::broadcast(s.color[c]));
        });
    }

    bool finite() const { return simd::all_finite(color[0], BLOCKS * channels); }

    void write(int image_width, const Image& out) const {
        const float* t = reinterpret_cast<const float*>(compositor.T);
        const float* c = reinterpret_cast<const float*>(color);
        float background[channels] = {};
        if (out.background) std::copy(out.background, out.background + channels, background);
        compositor.rect.each_pixel(image_width, [&](int at, int64_t pixel) {
            const float* values = c + at / W * W * channels + at % W;
            for (int k = 0; k < channels; k++) out.colors[pixel * channels + k] = values[k * W] + t[at] * background[k];
            out.alphas[pixel] = 1.0f - t[at];
            if (out.transmittance) out.transmittance[pixel] = t[at];
        });
    }
};

// False, and nothing written, where a careful walk is needed.
template <int channels, bool careful>
bool forward_tile(TileLists& lists, int64_t tile, const Image& out) {
    ForwardTile<channels> state(lists, static_cast<int>(tile));
    int64_t entry = lists.tile_start[tile];
    const int64_t end = lists.tile_start[tile + 1];
    for (; entry < end && !state.compositor.finished(); entry++) {
        lists.prefetch(entry, end);
        lists.touched[entry] = state.template draw<careful>(lists.splats[lists.list[entry]]);
    }
    std::fill(lists.touched.begin() + entry, lists.touched.begin() + end, BlockBits{0});
    if (!careful && !state.finite()) return false;
    state.write(lists.width, out);
    return true;
}

template <int channels>
void forward_channels(TileLists& lists, const Image& out) {
    lists.touched.resize(lists.list.size());
    parallel_for(lists.tiles(), lists.threads, 1, [&](int64_t tile, int64_t) {
        if (!forward_tile<channels, false>(lists, tile, out)) forward_tile<channels, true>(lists, tile, out);
    });
}

}  // namespace

void forward(TileLists& lists, const Image& out) {
    switch (out.channels) {
        case 1: return forward_channels<1>(lists, out);
        case 2: return forward_channels<2>(lists, out);
        case 3: return forward_channels<3>(lists, out);
        default: return forward_channels<4>(lists, out);
    }
}

}  // namespace raster
