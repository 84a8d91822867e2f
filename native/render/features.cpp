// Compositing of many channels, in chunks. Two ideas keep it near the machine's speed: the forward pass saves up
// several splats per block before it touches the block's channels, and the gradient of a splat's features is summed
// pixel by pixel with the channels across the lanes, so that nothing has to be added up across lanes.
#include <algorithm>
#include <memory>
#include <vector>

#include "parallel.h"
#include "reduce.h"
#include "render/gradient_slots.h"
#include "render/raster.h"
#include "render/tile_walk.h"
#include "scratch.h"

namespace raster {
namespace {

constexpr int CHUNK = 32;   // channels that one walk composites: a tile of them stays in the fast caches
constexpr int SAVED_UP = 8; // splats that a block collects before its channels are updated

// Channels [first, first + size) of rows of `total` channels.
struct Chunk {
    int first, size, total;
};

template <class Body>
void each_chunk(int channels, int step, Body&& body) {
    for (int first = 0; first < channels; first += step) body(Chunk{first, std::min(step, channels - first), channels});
}

// Channels a walk of the backward pass: fewer when their rows for all pairs of tile and Gaussian would take too much
// memory.
int backward_step(const TileLists& lists) {
    constexpr int64_t MAX_FLOATS = int64_t{128} << 20;  // 512 MB
    int step = CHUNK;
    while (step > 8 && lists.entries() * step > MAX_FLOATS) step /= 2;
    return step;
}

// Visits the splats of a tile front to back until all pixels are closed: the first walk finds the blocks that each
// splat reaches, later ones only go there.
template <class Draw>
void walk(TileLists& lists, int64_t tile, bool first_walk, Compositor& compositor, Draw&& draw) {
    int64_t entry = lists.tile_start[tile];
    const int64_t end = lists.tile_start[tile + 1];
    for (; entry < end && !compositor.finished(); entry++) {
        lists.prefetch(entry, end);
        const Splat& s = lists.splats[lists.list[entry]];
        auto each = [&](auto&& visit) {
            if (first_walk)
                lists.touched[entry] = compositor.draw(s, visit);
            else
                compositor.redraw(s, lists.touched[entry], visit);
        };
        draw(entry, s, each);
    }
    if (first_walk) std::fill(lists.touched.begin() + entry, lists.touched.begin() + end, BlockBits{0});
}

// Fetches the features of a splat that comes soon; `prefetch` has fetched the splat itself by now.
void fetch_ahead(const TileLists& lists, int64_t entry, int64_t tile, const float* colors, const Chunk& chunk) {
    constexpr int64_t AHEAD = 3;
    constexpr int LINE = 16;
    if (entry + AHEAD >= lists.tile_start[tile + 1]) return;
    const float* feature = colors + static_cast<int64_t>(lists.splats[lists.list[entry + AHEAD]].id) * chunk.total;
    for (int d = 0; d < chunk.size; d += LINE) __builtin_prefetch(feature + d);
}

// ---- forward

struct FeatureTile {
    Compositor compositor;
    Chunk chunk;
    Vf sums[BLOCKS][CHUNK];
    Vf weights[BLOCKS][SAVED_UP];
    const float* features[BLOCKS][SAVED_UP];
    int saved[BLOCKS] = {};

    FeatureTile(const TileLists& lists, int tile, const Chunk& c) : compositor(lists, tile), chunk(c) {
        for (auto& block : sums) std::fill(block, block + chunk.size, Vf{});
    }

    template <bool careful>
    void add(int q, const Step& step, const float* feature) {
        if constexpr (careful) {
            for (int d = 0; d < chunk.size; d++)
                sums[q][d] += step.weight * only_drawn<true>(step, simd::broadcast(feature[d]));
            return;
        }
        int at = saved[q]++;
        weights[q][at] = step.weight;
        features[q][at] = feature;
        if (saved[q] < SAVED_UP) return;
        Vf w[SAVED_UP];
        std::copy(weights[q], weights[q] + SAVED_UP, w);
        for (int d = 0; d < chunk.size; d++) {
            Vf sum = sums[q][d];
            for (int k = 0; k < SAVED_UP; k++) sum += w[k] * features[q][k][d];
            sums[q][d] = sum;
        }
        saved[q] = 0;
    }

    void flush() {
        for (int q = 0; q < BLOCKS; q++)
            for (int k = 0; k < saved[q]; k++)
                for (int d = 0; d < chunk.size; d++) sums[q][d] += weights[q][k] * features[q][k][d];
    }

    bool finite() const {
        for (const auto& block : sums)
            if (!simd::all_finite(block, chunk.size)) return false;
        return true;
    }

    void write(int image_width, const Image& out) const {
        const float* t = reinterpret_cast<const float*>(compositor.T);
        const float* values = reinterpret_cast<const float*>(sums);
        compositor.rect.each_pixel(image_width, [&](int at, int64_t pixel) {
            float* color = out.colors + pixel * chunk.total + chunk.first;
            const float* value = values + at / W * W * CHUNK + at % W;
            for (int d = 0; d < chunk.size; d++) {
                float background = out.background ? out.background[chunk.first + d] : 0.0f;
                color[d] = value[d * W] + t[at] * background;
            }
            if (chunk.first > 0) return;
            out.alphas[pixel] = 1.0f - t[at];
            if (out.transmittance) out.transmittance[pixel] = t[at];
        });
    }
};

// One chunk of a tile. False, and nothing written, where a careful walk is needed.
template <bool careful>
bool forward_tile(TileLists& lists, int64_t tile, const float* colors, const Chunk& chunk, const Image& out) {
    auto state = std::make_unique<FeatureTile>(lists, static_cast<int>(tile), chunk);
    walk(lists, tile, chunk.first == 0, state->compositor, [&](int64_t entry, const Splat& s, auto&& each) {
        const float* feature = colors + static_cast<int64_t>(s.id) * chunk.total + chunk.first;
        fetch_ahead(lists, entry, tile, colors + chunk.first, chunk);
        each([&](int q, const Step& step) { state->template add<careful>(q, step, feature); });
    });
    state->flush();
    if (!careful && !state->finite()) return false;
    state->write(lists.width, out);
    return true;
}

// ---- backward

// The pixels' gradients with the channels across the lanes: [pixel of the tile][channels, padded with zeros].
struct PixelGradients {
    Vf rows[TILE * TILE][CHUNK / W];
    int vectors;
    bool finite = true;

    PixelGradients(const TileLists& lists, const TileRect& rect, const Chunk& chunk, const float* gradient)
        : vectors((chunk.size + W - 1) / W) {
        for (auto& row : rows) std::fill(row, row + vectors, Vf{});
        rect.each_pixel(lists.width, [&](int at, int64_t pixel) {
            const float* from = gradient + pixel * chunk.total + chunk.first;
            std::copy(from, from + chunk.size, reinterpret_cast<float*>(rows[at]));
        });
        for (const auto& row : rows) finite &= simd::all_finite(row, vectors);
    }
};

// Weights of one splat on the blocks that it reached.
struct SplatWeights {
    alignas(64) float weight[BLOCKS][W];
    int block[BLOCKS];
    int count = 0;

    void add(int q, Vf w) {
        simd::store(weight[count], w);
        block[count++] = q;
    }

    // out[channel] = sum over the pixels of weight * gradient
    void dot(const PixelGradients& gradients, int size, float* out) const {
        gradients.finite ? dot_all<false>(gradients, size, out) : dot_all<true>(gradients, size, out);
    }

private:
    template <bool careful>
    void dot_all(const PixelGradients& gradients, int size, float* out) const {
        int v = 0;
        for (; v + 2 <= gradients.vectors; v += 2) dot_vectors<2, careful>(gradients, v, size, out);
        if (v < gradients.vectors) dot_vectors<1, careful>(gradients, v, size, out);
    }

    // Channels [first * W, (first + n) * W).
    template <int n, bool careful>
    void dot_vectors(const PixelGradients& gradients, int first, int size, float* out) const {
        // All lanes, drawn or not: picking them would take longer. Several sums hide the latency of the additions.
        Vf sums[4][n] = {};
        for (int i = 0; i < count; i++) {
            const float* rows = reinterpret_cast<const float*>(gradients.rows[block[i] * W] + first);
            const float* w = weight[i];
            for (int lane = 0; lane < W; lane++) {
                if (careful && w[lane] == 0.0f) continue;
                for (int k = 0; k < n; k++) sums[lane % 4][k] += simd::load(rows + lane * CHUNK + k * W) * w[lane];
            }
        }
        for (int k = 0; k < n; k++) {
            Vf sum = (sums[0][k] + sums[1][k]) + (sums[2][k] + sums[3][k]);
            const int at = (first + k) * W;
            if (at + W <= size)
                simd::store(out + at, sum);
            else
                for (int lane = 0; at + lane < size; lane++) out[at + lane] = sum[lane];
        }
    }
};

// The pixels' gradients with the pixels across the lanes, for all channels, and the remainders of `alpha_gradient`.
struct BlockGradients {
    int channels;
    std::unique_ptr<Vf[]> gradient;  // [BLOCKS][channels]
    Vf rest[BLOCKS];

    BlockGradients(const TileLists& lists, const TileRect& rect, const ImageGradients& in)
        : channels(in.channels), gradient(new Vf[static_cast<size_t>(BLOCKS) * in.channels]()) {
        std::fill(rest, rest + BLOCKS, Vf{});
        float* g = reinterpret_cast<float*>(gradient.get());
        float* r = reinterpret_cast<float*>(rest);
        rect.each_pixel(lists.width, [&](int at, int64_t pixel) {
            float* values = g + static_cast<int64_t>(at / W) * W * channels + at % W;
            const float *color = in.image + pixel * channels, *from = in.colors + pixel * channels;
            float sum = in.alphas ? -in.alphas[pixel] * in.transmittance[pixel] : 0.0f;
            for (int d = 0; d < channels; d++) {
                values[d * W] = from[d];
                sum += color[d] * from[d];
            }
            r[at] = sum;
        });
    }

    // As in BackwardTile.
    bool sound() const { return simd::all_below(rest, BLOCKS, GRADIENT_MAX); }

    Vf along(int q, const float* feature) const {
        const Vf* g = gradient.get() + q * channels;
        Vf sums[4] = {};
        int d = 0;
        for (; d + 4 <= channels; d += 4)
            for (int k = 0; k < 4; k++) sums[k] += g[d + k] * feature[d + k];
        for (; d < channels; d++) sums[0] += g[d] * feature[d];
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
};

// Where the sums of one splat stand in its row: those of the geometry, with the first chunk, before those of the
// channels.
template <bool absolute>
struct Layout {
    static constexpr int GEOMETRY = MOMENTS + (absolute ? 2 : 0);
    bool geometry;
    int before, stride;
    explicit Layout(const Chunk& chunk)
        : geometry(chunk.first == 0), before(geometry ? padded(GEOMETRY) : 0), stride(padded(before + chunk.size)) {}
};

// One chunk of a tile. False where a careful walk is needed.
template <bool absolute, bool careful>
bool backward_tile(const TileLists& lists, int64_t tile, const float* colors, const Chunk& chunk,
                   const ImageGradients& in, const PixelGradients& pixels, float* rows) {
    const Layout<absolute> at(chunk);
    Compositor compositor(lists, static_cast<int>(tile));
    std::unique_ptr<BlockGradients> blocks;
    std::unique_ptr<UsablePixels> usable;
    if (at.geometry) {
        blocks = std::make_unique<BlockGradients>(lists, compositor.rect, in);
        if (!careful && !blocks->sound()) return false;
        if (careful) usable = std::make_unique<UsablePixels>(lists, compositor.rect, in);
    }
    const int64_t end = lists.tile_start[tile + 1];
    for (int64_t entry = lists.tile_start[tile]; entry < end; entry++) {
        lists.prefetch(entry, end);
        if (!lists.touched[entry]) continue;
        const Splat& s = lists.splats[lists.list[entry]];
        const float* feature = colors + static_cast<int64_t>(s.id) * chunk.total;
        float* row = rows + entry * at.stride;
        SplatWeights weights;
        if (at.geometry) {
            fetch_ahead(lists, entry, tile, colors, Chunk{0, in.channels, in.channels});
            Vf sums[Layout<absolute>::GEOMETRY] = {};
            compositor.redraw(s, lists.touched[entry], [&](int q, const Step& step) {
                Vf along = blocks->along(q, feature);
                Vf g = alpha_gradient<careful>(step, along, blocks->rest[q]);
                if constexpr (careful) g = usable->sound(q, g);
                add_moments<absolute>(s, step, g, sums);
                weights.add(q, step.weight);
            });
            simd::sum_lanes(sums, row);
        } else {
            compositor.redraw(s, lists.touched[entry], [&](int q, const Step& step) { weights.add(q, step.weight); });
        }
        std::fill(row + at.before + chunk.size, row + at.stride, 0.0f);
        weights.dot(pixels, chunk.size, row + at.before);
    }
    return careful || !blocks || blocks->sound();
}

// Gradients of one chunk's colours and, with the first chunk, of the geometry, to which all channels contribute.
template <bool absolute>
void backward_chunk(const TileLists& lists, const float* colors, const Chunk& chunk, const ImageGradients& in,
                    const SplatGradients& out) {
    const Layout<absolute> at(chunk);
    const Scratch rows(static_cast<size_t>(lists.entries()) * at.stride);
    parallel_for(lists.tiles(), lists.threads, 1, [&](int64_t tile, int64_t) {
        if (lists.tile_start[tile] == lists.tile_start[tile + 1]) return;
        auto pixels =
            std::make_unique<PixelGradients>(lists, TileRect(lists, static_cast<int>(tile)), chunk, in.colors);
        if (!backward_tile<absolute, false>(lists, tile, colors, chunk, in, *pixels, rows.data()))
            backward_tile<absolute, true>(lists, tile, colors, chunk, in, *pixels, rows.data());
    });
    gather(lists, rows.data(), at.stride, [&](int64_t id, const Splat* splat, const float* sums) {
        if (at.geometry) store_geometry(id, splat, sums, absolute, out);
        std::copy(sums + at.before, sums + at.before + chunk.size, out.colors + id * chunk.total + chunk.first);
    });
}

void load_pixel_weights(const TileLists& lists, const TileRect& rect, const float* weights, Vf* out) {
    for (int q = 0; q < BLOCKS; q++) out[q] = simd::broadcast(weights ? 0.0f : 1.0f);
    if (!weights) return;
    float* values = reinterpret_cast<float*>(out);
    rect.each_pixel(lists.width, [&](int at, int64_t pixel) { values[at] = weights[pixel]; });
}

}  // namespace

void forward_features(TileLists& lists, const float* colors, const Image& out) {
    lists.touched.resize(lists.list.size());
    each_chunk(out.channels, CHUNK, [&](const Chunk& chunk) {
        parallel_for(lists.tiles(), lists.threads, 1, [&](int64_t tile, int64_t) {
            if (!forward_tile<false>(lists, tile, colors, chunk, out))
                forward_tile<true>(lists, tile, colors, chunk, out);
        });
    });
}

void backward_features(const TileLists& lists, const float* colors, const ImageGradients& in,
                       const SplatGradients& out) {
    each_chunk(in.channels, backward_step(lists), [&](const Chunk& chunk) {
        if (out.absolute)
            backward_chunk<true>(lists, colors, chunk, in, out);
        else
            backward_chunk<false>(lists, colors, chunk, in, out);
    });
}

void backward_colors(TileLists& lists, const PixelFeatures& in, float* sums, float* weight_sums) {
    lists.touched.resize(lists.list.size());
    each_chunk(in.channels, backward_step(lists), [&](const Chunk& chunk) {
        // The sum of the weights stands behind the channels.
        const int stride = padded(chunk.size + 1);
        const Scratch rows(static_cast<size_t>(lists.entries()) * stride);
        parallel_for(lists.tiles(), lists.threads, 1, [&](int64_t tile, int64_t) {
            if (lists.tile_start[tile] == lists.tile_start[tile + 1]) return;
            Compositor compositor(lists, static_cast<int>(tile));
            auto pixels = std::make_unique<PixelGradients>(lists, compositor.rect, chunk, in.features);
            Vf pixel_weights[BLOCKS];
            load_pixel_weights(lists, compositor.rect, in.weights, pixel_weights);
            walk(lists, tile, chunk.first == 0, compositor, [&](int64_t entry, const Splat&, auto&& each) {
                float* row = rows.data() + entry * stride;
                SplatWeights weights;
                Vf sum{};
                each([&](int q, const Step& step) {
                    Vf weight = simd::keep(step.drawn, step.weight * pixel_weights[q]);
                    weights.add(q, weight);
                    sum += weight;
                });
                if (weights.count == 0) return;
                std::fill(row + chunk.size, row + stride, 0.0f);
                weights.dot(*pixels, chunk.size, row);
                row[chunk.size] = simd::sum(sum);
            });
        });
        gather(lists, rows.data(), stride, [&](int64_t id, const Splat*, const float* total) {
            std::copy(total, total + chunk.size, sums + id * chunk.total + chunk.first);
            if (weight_sums && chunk.first == 0) weight_sums[id] = total[chunk.size];
        });
    });
}

}  // namespace raster
