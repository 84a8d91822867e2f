// What the loops over a tile's blocks and pixels share.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "render/tiles.h"
#include "simd.h"

namespace raster {

using simd::Mask;
using simd::Vf;
using simd::W;

constexpr BlockBits ALL_BLOCKS = static_cast<BlockBits>(~BlockBits{0});
static_assert(sizeof(BlockBits) * 8 == BLOCKS, "a bit for every block");

// Offsets of a block's pixel centres from the block's corner, one pixel a lane.
struct LaneOffsets {
    Vf x, y;
    LaneOffsets() {
        for (int i = 0; i < W; i++) {
            x[i] = static_cast<float>(i % BLOCK_W) + 0.5f;
            y[i] = static_cast<float>(i / BLOCK_W) + 0.5f;
        }
    }
};

// Calls visit(lane position in tile order block * W + lane, pixel index in the image) for the tile's pixels.
struct TileRect {
    int x, y, width, height;
    TileRect(const TileLists& lists, int tile)
        : x(tile % lists.tiles_x * TILE),
          y(tile / lists.tiles_x * TILE),
          width(std::min(TILE, lists.width - x)),
          height(std::min(TILE, lists.height - y)) {}

    template <class Visit>
    void each_pixel(int image_width, Visit&& visit) const {
        for (int row = 0; row < height; row++) {
            int64_t pixel = static_cast<int64_t>(y + row) * image_width + x;
            int at = row / BLOCK_H * BLOCKS_X * W + row % BLOCK_H * BLOCK_W;
            for (int column = 0; column < width; column++)
                visit(at + column / BLOCK_W * W + column % BLOCK_W, pixel + column);
        }
    }
};

// The pixels of a tile that are still open, block by block.
struct OpenPixels {
    Mask open[BLOCKS];
    BlockBits closed = 0;  // blocks without an open pixel

    explicit OpenPixels(const TileRect& rect) {
        LaneOffsets lanes;
        for (int by = 0; by < BLOCKS_Y; by++)
            for (int bx = 0; bx < BLOCKS_X; bx++) {
                Mask inside = simd::mask_and(simd::lt(lanes.x + static_cast<float>(bx * BLOCK_W),
                                                      simd::broadcast(static_cast<float>(rect.width))),
                                             simd::lt(lanes.y + static_cast<float>(by * BLOCK_H),
                                                      simd::broadcast(static_cast<float>(rect.height))));
                open[by * BLOCKS_X + bx] = inside;
                if (!simd::any(inside)) closed |= block_bit(by * BLOCKS_X + bx);
            }
    }
};

// Blocks that the splat's box overlaps, inclusive. Only called for tiles that the box touches, which keeps the
// conversions to int in range.
struct BlockRange {
    int x0, x1, y0, y1;
    BlockRange(const Splat& s, const TileRect& rect)
        : x0(first(s.x0 - static_cast<float>(rect.x)) / BLOCK_W),
          x1(last(s.x1 - static_cast<float>(rect.x), rect.width) / BLOCK_W),
          y0(first(s.y0 - static_cast<float>(rect.y)) / BLOCK_H),
          y1(last(s.y1 - static_cast<float>(rect.y), rect.height) / BLOCK_H) {
        if (x1 < 0 || y1 < 0) y1 = -1, y0 = 0;
    }

private:
    // First pixel whose centre is at least v, last one whose centre is at most v; truncation instead of a call of
    // floor.
    static int first(float v) { return TILE - static_cast<int>(static_cast<float>(TILE) - std::max(v - 0.5f, 0.0f)); }
    static int last(float v, int size) {
        float pixel = std::min(v - 0.5f, static_cast<float>(size - 1));
        return pixel < 0.0f ? -BLOCK_W * BLOCK_H : static_cast<int>(pixel);
    }
};

// One splat on the pixels of one block.
struct Step {
    Vf t, dy;       // p dx + q dy, and dy, of the pixel centre minus the splat's
    Vf raw, alpha;  // before and after the bounds; alpha is 0 where the splat does not count
    Vf weight;      // alpha times the transmittance in front of it
    Mask drawn;     // lanes in which it counts
};

// Lanes that a step does not draw have weight 0, which is all that keeps them apart from what it draws, unless a colour
// or a gradient is not finite: 0 times that is NaN. Passes therefore look at what a tile came to, and walk it once more
// where that is not finite, careful to leave out those lanes; so one bad value spoils no pixel and no Gaussian that it
// does not touch, and the others cost nothing. It is a factor that is left out, not the product, so that both walks
// round alike.
template <bool careful>
inline Vf only_drawn(const Step& step, Vf v) {
    if constexpr (careful) return simd::keep(step.drawn, v);
    return v;
}

// The compositing state of one tile, walked front to back. Forward and backward passes share it, and with it the
// expressions that decide which pixels count.
struct Compositor {
    Vf T[BLOCKS];  // transmittance
    TileRect rect;
    OpenPixels pixels;
    const LaneOffsets lanes;

    Compositor(const TileLists& lists, int tile) : rect(lists, tile), pixels(rect) {
        for (Vf& t : T) t = simd::broadcast(1.0f);
    }

    bool finished() const { return pixels.closed == ALL_BLOCKS; }

    // Draws the splat on every block that its box overlaps: visit(block, step). Returns the blocks that it reached.
    template <class Visit>
    BlockBits draw(const Splat& s, Visit&& visit) {
        const BlockRange range(s, rect);
        const float x = s.x - static_cast<float>(rect.x), y = s.y - static_cast<float>(rect.y);
        BlockBits reached = 0;
        for (int by = range.y0; by <= range.y1; by++) {
            Step step;
            step.dy = lanes.y + (static_cast<float>(by * BLOCK_H) - y);
            Vf linear = step.dy * s.q, constant = s.log_opacity - step.dy * step.dy * s.c;
            for (int bx = range.x0; bx <= range.x1; bx++) {
                const int q = by * BLOCKS_X + bx;
                if (pixels.closed >> q & 1) continue;
                step.t = (lanes.x + (static_cast<float>(bx * BLOCK_W) - x)) * s.p + linear;
                Mask m = advance(q, constant, step);
                reached |= static_cast<BlockBits>(BlockBits{simd::any(m)} << q);
                visit(q, step);
            }
        }
        return reached;
    }

    // Draws the splat on the given blocks, known from an earlier walk.
    template <class Visit>
    void redraw(const Splat& s, BlockBits blocks, Visit&& visit) {
        const float x = s.x - static_cast<float>(rect.x), y = s.y - static_cast<float>(rect.y);
        for (; blocks; blocks = static_cast<BlockBits>(blocks & (blocks - 1))) {
            const int q = __builtin_ctzll(blocks);
            Step step;
            step.dy = lanes.y + (static_cast<float>(q / BLOCKS_X * BLOCK_H) - y);
            step.t = (lanes.x + (static_cast<float>(q % BLOCKS_X * BLOCK_W) - x)) * s.p + step.dy * s.q;
            advance(q, s.log_opacity - step.dy * step.dy * s.c, step);
            visit(q, step);
        }
    }

private:
    // No branch on whether any lane counts: a wrong guess would cost more than the work it saves.
    Mask advance(int q, Vf constant, Step& step) {
        Vf exponent = constant - step.t * step.t;
        Mask m = simd::mask_and(simd::ge(exponent, simd::broadcast(constants::LOG_ALPHA_MIN)), pixels.open[q]);
        step.raw = simd::exp2(exponent);
        step.alpha = simd::keep(m, simd::min(step.raw, simd::broadcast(constants::ALPHA_MAX)));
        Vf t = T[q], next = t - t * step.alpha;
        // A pixel closes before the splat that would make it opaque; lanes without the splat keep next == t.
        Mask lasting = simd::gt(next, simd::broadcast(constants::TRANSMITTANCE_MIN));
        step.drawn = simd::mask_and(m, lasting);
        step.weight = simd::keep(lasting, step.alpha * t);
        T[q] = simd::select(lasting, next, t);
        Mask open = simd::mask_and(pixels.open[q], lasting);
        pixels.open[q] = open;
        pixels.closed |= static_cast<BlockBits>(BlockBits{!simd::any(open)} << q);
        return m;
    }
};

}  // namespace raster
