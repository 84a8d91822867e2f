// Which Gaussians each tile of the image sees, front to back.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "render/constants.h"
#include "simd.h"

namespace raster {

using constants::TILE;

// Tiles are walked in blocks of W pixels, one a lane: 4x4, 4x2 or 2x2. Compact blocks waste fewer lanes on small
// Gaussians than rows do.
constexpr int BLOCK_W = simd::W >= 8 ? 4 : 2;
constexpr int BLOCK_H = simd::W / BLOCK_W;
constexpr int BLOCKS_X = TILE / BLOCK_W;
constexpr int BLOCKS_Y = TILE / BLOCK_H;
constexpr int BLOCKS = BLOCKS_X * BLOCKS_Y;
// One bit for each block of a tile.
using BlockBits = std::conditional_t<BLOCKS <= 16, uint16_t, std::conditional_t<BLOCKS <= 32, uint32_t, uint64_t>>;
inline BlockBits block_bit(int block) { return static_cast<BlockBits>(BlockBits{1} << block); }

// sqrt(log2(e) / 2): turns the exponent's factors into those of log2(alpha).
constexpr float WHITE_TO_LOG2 = 0.8493218002880191f;

// Channels that travel inside Splat; more of them take the path for features.
constexpr int INLINE_CHANNELS = 4;

// A 2D Gaussian as the inner loops want it: log2(alpha) = log_opacity - (p dx + q dy)^2 - c dy^2.
struct alignas(64) Splat {
    float x, y;                  // centre in pixels
    float p, q, c, log_opacity;
    float x0, x1, y0, y1;        // box outside of which alpha stays below ALPHA_MIN
    float color[INLINE_CHANNELS];
    float inverse_opacity;
    int32_t id;                  // index of the Gaussian
};
static_assert(sizeof(Splat) == 64, "one cache line");

// 2D Gaussians of one camera; [N, ...].
struct Footprints {
    int64_t count;
    const float *means2d, *white, *opacities, *depths, *extents;
    const int32_t* radii;  // both positive where the Gaussian counts
};

struct TileLists {
    int width = 0, height = 0, tiles_x = 0, tiles_y = 0, threads = 1;
    int64_t count = 0;                 // N
    std::vector<Splat> splats;         // the visible Gaussians, by index
    std::vector<int64_t> tile_start;   // [tiles + 1], into `list`
    std::vector<int32_t> list;         // indices into splats, tile after tile, front to back within each
    std::vector<int64_t> first_slot;   // [splats + 1], into `slots`
    std::vector<int32_t> slots;        // for each splat the places in `list` where it stands, by tile
    std::vector<int32_t> rank;         // [N] index into splats, or -1
    std::vector<BlockBits> touched;    // for each entry of `list`: blocks to which the forward pass drew it

    int tiles() const { return tiles_x * tiles_y; }
    int64_t entries() const { return static_cast<int64_t>(list.size()); }
    // Pairs of pixel and Gaussian that the backward pass evaluates: every lane of the blocks that the forward pass
    // reached.
    int64_t evaluated_pairs() const;

    // Fetches the splat of an entry that comes soon: the lists jump about in memory.
    void prefetch(int64_t entry, int64_t end) const {
        constexpr int64_t AHEAD = 6;
        if (entry + AHEAD < end) __builtin_prefetch(&splats[list[entry + AHEAD]]);
    }

    // Throws std::length_error when there are more than 2^31 entries.
    void build(const Footprints& in, int image_width, int image_height, int num_threads);
    // Copies colours [N, channels], channels <= INLINE_CHANNELS, into the splats.
    void set_colors(const float* colors, int channels);
    // Writes to out [N] how many tiles each Gaussian touches.
    void count_tiles(int32_t* out) const;
};

}  // namespace raster
