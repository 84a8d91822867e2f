#include "render/tiles.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "parallel.h"

namespace raster {
namespace {

// Slack in log2(alpha) for the tile test, which must not lose a pixel to rounding.
constexpr float TILE_SLACK = 0.01f;

struct Key {
    uint32_t depth, id;
};

// Gaussians to draw, front to back; equal depths by index. Positive floats order like their bits.
std::vector<Key> sort_by_depth(const Footprints& in) {
    std::vector<Key> keys, other;
    keys.reserve(static_cast<size_t>(in.count));
    for (int64_t i = 0; i < in.count; i++) {
        if (in.radii[2 * i] <= 0 || in.radii[2 * i + 1] <= 0) continue;
        uint32_t depth;
        std::memcpy(&depth, in.depths + i, sizeof(depth));
        keys.push_back({depth, static_cast<uint32_t>(i)});
    }
    other.resize(keys.size());
    constexpr int BITS = 11, BUCKETS = 1 << BITS;
    std::vector<uint32_t> start(3 * BUCKETS, 0);
    for (const Key& key : keys)
        for (int pass = 0; pass < 3; pass++) start[pass * BUCKETS + ((key.depth >> (BITS * pass)) & (BUCKETS - 1))]++;
    for (int pass = 0; pass < 3; pass++) {
        uint32_t* bucket = start.data() + pass * BUCKETS;
        uint32_t sum = 0;
        for (int b = 0; b < BUCKETS; b++) {
            uint32_t size = bucket[b];
            bucket[b] = sum;
            sum += size;
        }
        for (const Key& key : keys) other[bucket[(key.depth >> (BITS * pass)) & (BUCKETS - 1)]++] = key;
        keys.swap(other);
    }
    return keys;
}

Splat make_splat(const Footprints& in, int64_t id) {
    const float LOG2E = 1.4426950408889634f;
    Splat s;
    s.x = in.means2d[2 * id];
    s.y = in.means2d[2 * id + 1];
    s.a = -0.5f * LOG2E * in.conics[3 * id];
    s.b = -LOG2E * in.conics[3 * id + 1];
    s.c = -0.5f * LOG2E * in.conics[3 * id + 2];
    s.log_opacity = std::log2(in.opacities[id]);
    s.x0 = s.x - in.extents[2 * id];
    s.x1 = s.x + in.extents[2 * id];
    s.y0 = s.y - in.extents[2 * id + 1];
    s.y1 = s.y + in.extents[2 * id + 1];
    std::fill(s.color, s.color + INLINE_CHANNELS, 0.0f);
    s.inverse_opacity = 1.0f / in.opacities[id];
    s.id = static_cast<int32_t>(id);
    return s;
}

// Highest log2(alpha) over the pixel centres' rectangle [xa, xb] x [ya, yb], relative to the splat's centre: at the
// centre if that lies inside, else somewhere on the border.
float highest(const Splat& s, float xa, float xb, float ya, float yb) {
    if (xa <= 0 && xb >= 0 && ya <= 0 && yb >= 0) return s.log_opacity;
    auto value = [&](float x, float y) { return (s.a * x + s.b * y) * x + s.c * y * y; };
    float best = -1e30f;
    for (float x : {xa, xb}) best = std::max(best, value(x, std::min(yb, std::max(ya, -s.b * x / (2 * s.c)))));
    for (float y : {ya, yb}) best = std::max(best, value(std::min(xb, std::max(xa, -s.b * y / (2 * s.a))), y));
    return best + s.log_opacity;
}

struct TileRange {
    int x0, x1, y0, y1;  // inclusive
};

// Converts through a clamp, because a float beyond int's range would be undefined.
int tile_of(float pixel, int tiles) {
    return static_cast<int>(std::floor(std::min(std::max(pixel, 0.0f), static_cast<float>(tiles) * TILE) / TILE));
}

TileRange tile_range(const Splat& s, int tiles_x, int tiles_y) {
    TileRange r;
    r.x0 = tile_of(s.x0, tiles_x);
    r.x1 = s.x1 < 0 ? -1 : std::min(tiles_x - 1, tile_of(s.x1, tiles_x));
    r.y0 = tile_of(s.y0, tiles_y);
    r.y1 = s.y1 < 0 ? -1 : std::min(tiles_y - 1, tile_of(s.y1, tiles_y));
    return r;
}

// Calls visit(tile) for the tiles in which the splat's alpha reaches ALPHA_MIN at some pixel, row by row.
template <class Visit>
void visit_tiles(const Splat& s, int tiles_x, int tiles_y, Visit&& visit) {
    const float threshold = std::log2(constants::ALPHA_MIN) - TILE_SLACK;
    TileRange r = tile_range(s, tiles_x, tiles_y);
    const bool line = r.x0 == r.x1 || r.y0 == r.y1;  // the box is as good as the ellipse
    for (int ty = r.y0; ty <= r.y1; ty++) {
        float ya = ty * TILE + 0.5f - s.y, yb = ya + (TILE - 1);
        for (int tx = r.x0; tx <= r.x1; tx++) {
            float xa = tx * TILE + 0.5f - s.x;
            if (line || highest(s, xa, xa + (TILE - 1), ya, yb) >= threshold) visit(ty * tiles_x + tx);
        }
    }
}

}  // namespace

void TileLists::build(const Footprints& in, int image_width, int image_height, int num_threads) {
    width = image_width, height = image_height, threads = num_threads, count = in.count;
    tiles_x = (width + TILE - 1) / TILE, tiles_y = (height + TILE - 1) / TILE;
    const std::vector<Key> order = sort_by_depth(in);
    const int64_t visible = static_cast<int64_t>(order.size());
    splats.resize(order.size());
    first_slot.assign(order.size() + 1, 0);
    rank.assign(static_cast<size_t>(count), -1);
    // Each part of the splats counts its entries per tile; then it knows where in each tile's list to write them.
    const int64_t grain = std::max<int64_t>(256, chunk_count(visible, 4 * threads));
    const int64_t parts = chunk_count(visible, grain), tile_count = tiles();
    std::vector<int32_t> at(static_cast<size_t>(parts * tile_count), 0);
    parallel_chunks(visible, threads, grain, [&](int64_t part, int64_t begin, int64_t end) {
        int32_t* counts = at.data() + part * tile_count;
        for (int64_t i = begin; i < end; i++) {
            splats[i] = make_splat(in, order[i].id);
            rank[order[i].id] = static_cast<int32_t>(i);
            int64_t touches = 0;
            visit_tiles(splats[i], tiles_x, tiles_y, [&](int tile) {
                counts[tile]++;
                touches++;
            });
            first_slot[i + 1] = touches;
        }
    });
    for (int64_t i = 0; i < visible; i++) first_slot[i + 1] += first_slot[i];
    const int64_t total = first_slot[visible];
    if (total > INT32_MAX) throw std::length_error("more than 2^31 pairs of tile and Gaussian");
    tile_start.assign(static_cast<size_t>(tile_count + 1), 0);
    int64_t sum = 0;
    for (int64_t tile = 0; tile < tile_count; tile++) {
        tile_start[tile] = sum;
        for (int64_t part = 0; part < parts; part++) {
            int32_t size = at[part * tile_count + tile];
            at[part * tile_count + tile] = static_cast<int32_t>(sum);
            sum += size;
        }
    }
    tile_start[tile_count] = sum;
    list.resize(static_cast<size_t>(total));
    slots.resize(static_cast<size_t>(total));
    parallel_chunks(visible, threads, grain, [&](int64_t part, int64_t begin, int64_t end) {
        int32_t* next = at.data() + part * tile_count;
        int64_t slot = first_slot[begin];
        for (int64_t i = begin; i < end; i++)
            visit_tiles(splats[i], tiles_x, tiles_y, [&](int tile) {
                list[next[tile]] = static_cast<int32_t>(i);
                slots[slot++] = next[tile]++;
            });
    });
}

void TileLists::set_colors(const float* colors, int channels) {
    parallel_for(static_cast<int64_t>(splats.size()), threads, 4096, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            for (int c = 0; c < channels; c++)
                splats[i].color[c] = colors[static_cast<int64_t>(splats[i].id) * channels + c];
    });
}

void TileLists::count_tiles(int32_t* out) const {
    for (int64_t i = 0; i < count; i++)
        out[i] = rank[i] < 0 ? 0 : static_cast<int32_t>(first_slot[rank[i] + 1] - first_slot[rank[i]]);
}

}  // namespace raster
