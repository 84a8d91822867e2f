#include "render/tiles.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "parallel.h"

namespace raster {
namespace {

constexpr int64_t GRAIN = 1024;  // Gaussians a chunk

// Slack in pixels for the tile test, which must not lose a pixel to rounding.
constexpr float SLACK = 0.01f;

struct Key {
    uint32_t depth, splat;
};

// Sorts front to back; equal depths keep their order. Positive floats order like their bits.
void sort_by_depth(std::vector<Key>& keys) {
    std::vector<Key> other(keys.size());
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
}

Splat make_splat(const Footprints& in, int64_t id) {
    const float* white = in.white + 3 * id;
    const float across = WHITE_TO_LOG2 * white[0], along = WHITE_TO_LOG2 * white[2];
    Splat s;
    s.x = in.means2d[2 * id];
    s.y = in.means2d[2 * id + 1];
    s.p = across;
    s.q = -across * white[1];
    s.c = along * along;
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

// Tiles from which and up to which a coordinate reaches; at worst one too many, where it falls between pixel centres.
// Clamped to the image before the conversion, because a float beyond int's range would be undefined.
int first_tile(float pixel, int tiles) {
    return static_cast<int>(std::min(std::max(pixel - 0.5f, 0.0f), static_cast<float>(tiles * TILE))) / TILE;
}
int last_tile(float pixel, int tiles) {
    return static_cast<int>(std::min(std::max(pixel - 0.5f, -1.0f), static_cast<float>(tiles * TILE - 1)) + TILE) /
               TILE -
           1;
}

// The tiles in which a splat's alpha reaches ALPHA_MIN: in each row of tiles a range without gaps, because the set is
// an ellipse, (p x + q y)^2 + c y^2 <= r^2 around the centre. At height y it spans -(q / p) y -+ (r / p) sqrt(1 - y^2 /
// ey^2).
class TileRows {
public:
    TileRows(const Splat& s, int tiles_x, int tiles_y) : s_(s), tiles_x_(tiles_x) {
        first = first_tile(s.y0, tiles_y), last = last_tile(s.y1, tiles_y);
        left_ = first_tile(s.x0, tiles_x), right_ = last_tile(s.x1, tiles_x);
        if (right_ < left_) last = first - 1;
        // Gaussians too large for float32 are the same everywhere in their box.
        box_ = (left_ == right_ && first == last) || !(s.p > 1e-30f && std::abs(s.q) < 1e30f);
        if (box_) return;
        const float reach = std::sqrt(std::max(s.log_opacity - constants::LOG_ALPHA_MIN, 0.0f));
        const float extent_x = s.x1 - s.x;
        slope_ = -s.q / s.p;
        half_ = reach / s.p;
        inverse_height_ = 1.0f / std::max(s.y1 - s.y, 1e-6f);
        y_rightmost_ = -s.q * s.p * extent_x / (s.q * s.q + s.c);
    }

    int first, last;  // rows

    struct Range {
        int from, to;  // columns, inclusive; empty when from > to
    };
    Range columns(int row) const {
        if (box_) return {left_, right_};
        const float above = static_cast<float>(row * TILE) + 0.5f - s_.y, below = above + (TILE - 1);
        const float from = s_.x + edge(clamp(-y_rightmost_, above, below), -half_) - SLACK;
        const float to = s_.x + edge(clamp(y_rightmost_, above, below), half_) + SLACK;
        return {std::max(left_, first_tile(from, tiles_x_)), std::min(right_, last_tile(to, tiles_x_))};
    }

private:
    static float clamp(float v, float low, float high) { return std::min(std::max(v, low), high); }
    float edge(float y, float half) const {
        float t = y * inverse_height_;
        return slope_ * y + half * std::sqrt(std::max(1.0f - t * t, 0.0f));
    }

    const Splat& s_;
    int tiles_x_, left_, right_;
    bool box_;  // every tile from the first row and column to the last
    float slope_ = 0, half_ = 0, inverse_height_ = 0, y_rightmost_ = 0;
};

// The same tiles, remembered: bit 8 * row + column from (x, y). Larger sets are found anew each time.
struct Reach {
    static constexpr int SIDE = 8;
    uint64_t bits = 0;
    int16_t x = 0, y = 0;
    int32_t first_slot = 0;

    // Returns the number of tiles.
    int find(const Splat& s, int tiles_x, int tiles_y) {
        const TileRows rows(s, tiles_x, tiles_y);
        const int height = rows.last - rows.first + 1;
        TileRows::Range ranges[SIDE];
        int left = tiles_x, right = -1, count = 0;
        for (int i = 0; i < height; i++) {
            const TileRows::Range range = rows.columns(rows.first + i);
            if (i < SIDE) ranges[i] = range;
            if (range.from > range.to) continue;
            left = std::min(left, range.from);
            right = std::max(right, range.to);
            count += range.to - range.from + 1;
        }
        if (count == 0 || height > SIDE || right - left >= SIDE) return count;
        x = static_cast<int16_t>(left), y = static_cast<int16_t>(rows.first);
        for (int i = 0; i < height; i++) {
            if (ranges[i].from > ranges[i].to) continue;
            const uint64_t row = (uint64_t{2} << (ranges[i].to - left)) - (uint64_t{1} << (ranges[i].from - left));
            bits |= row << (SIDE * i);
        }
        return count;
    }

    template <class Visit>
    void each(const Splat& s, int tiles_x, int tiles_y, Visit&& visit) const {
        if (bits) {
            const int corner = y * tiles_x + x;
            for (uint64_t b = bits; b; b &= b - 1) {
                const int at = __builtin_ctzll(b);
                visit(corner + at / SIDE * tiles_x + at % SIDE);
            }
            return;
        }
        const TileRows rows(s, tiles_x, tiles_y);
        for (int row = rows.first; row <= rows.last; row++) {
            const TileRows::Range range = rows.columns(row);
            for (int column = range.from; column <= range.to; column++) visit(row * tiles_x + column);
        }
    }
};

bool is_drawn(const Footprints& in, int64_t i) { return in.radii[2 * i] > 0 && in.radii[2 * i + 1] > 0; }

// Fills rank and returns the number of splats.
int64_t number_splats(const Footprints& in, int threads, std::vector<int32_t>& rank) {
    std::vector<int32_t> start(static_cast<size_t>(chunk_count(in.count, GRAIN)));
    parallel_chunks(in.count, threads, GRAIN, [&](int64_t chunk, int64_t begin, int64_t end) {
        int32_t drawn = 0;
        for (int64_t i = begin; i < end; i++) drawn += is_drawn(in, i);
        start[chunk] = drawn;
    });
    int32_t sum = 0;
    for (int32_t& value : start) {
        int32_t size = value;
        value = sum;
        sum += size;
    }
    rank.resize(static_cast<size_t>(in.count));
    parallel_chunks(in.count, threads, GRAIN, [&](int64_t chunk, int64_t begin, int64_t end) {
        int32_t next = start[chunk];
        for (int64_t i = begin; i < end; i++) rank[i] = is_drawn(in, i) ? next++ : -1;
    });
    return sum;
}

// Fills tile_start, list and slots. Each part of the splats, front to back, counts its entries per tile; then it knows
// where in each tile's list to write them.
void fill_lists(const std::vector<Key>& order, const std::vector<Reach>& reaches, TileLists& lists) {
    const int64_t visible = static_cast<int64_t>(order.size()), tile_count = lists.tiles();
    const int64_t grain = std::max<int64_t>(256, chunk_count(visible, 4 * lists.threads));
    const int64_t parts = chunk_count(visible, grain);
    std::vector<int32_t> at(static_cast<size_t>(parts * tile_count), 0);
    auto each_entry = [&](int64_t begin, int64_t end, auto&& visit) {
        constexpr int64_t AHEAD = 16;
        for (int64_t k = begin; k < end; k++) {
            if (k + AHEAD < end) __builtin_prefetch(&reaches[order[k + AHEAD].splat]);
            const int32_t i = static_cast<int32_t>(order[k].splat);
            int64_t slot = reaches[i].first_slot;
            reaches[i].each(lists.splats[i], lists.tiles_x, lists.tiles_y, [&](int tile) { visit(tile, i, slot++); });
        }
    };
    parallel_chunks(visible, lists.threads, grain, [&](int64_t part, int64_t begin, int64_t end) {
        int32_t* counts = at.data() + part * tile_count;
        each_entry(begin, end, [&](int tile, int32_t, int64_t) { counts[tile]++; });
    });
    lists.tile_start.resize(static_cast<size_t>(tile_count + 1));
    int64_t sum = 0;
    for (int64_t tile = 0; tile < tile_count; tile++) {
        lists.tile_start[tile] = sum;
        for (int64_t part = 0; part < parts; part++) {
            int32_t size = at[part * tile_count + tile];
            at[part * tile_count + tile] = static_cast<int32_t>(sum);
            sum += size;
        }
    }
    lists.tile_start[tile_count] = sum;
    lists.list.resize(static_cast<size_t>(sum));
    lists.slots.resize(static_cast<size_t>(sum));
    parallel_chunks(visible, lists.threads, grain, [&](int64_t part, int64_t begin, int64_t end) {
        int32_t* next = at.data() + part * tile_count;
        each_entry(begin, end, [&](int tile, int32_t i, int64_t slot) {
            lists.list[next[tile]] = i;
            lists.slots[slot] = next[tile]++;
        });
    });
}

}  // namespace

void TileLists::build(const Footprints& in, int image_width, int image_height, int num_threads) {
    width = image_width, height = image_height, threads = num_threads, count = in.count;
    tiles_x = (width + TILE - 1) / TILE, tiles_y = (height + TILE - 1) / TILE;
    if (std::max(tiles_x, tiles_y) > INT16_MAX) throw std::length_error("image too large");
    const int64_t visible = number_splats(in, threads, rank);
    splats.resize(static_cast<size_t>(visible));
    first_slot.assign(static_cast<size_t>(visible + 1), 0);
    std::vector<Reach> reaches(static_cast<size_t>(visible));
    std::vector<Key> order(static_cast<size_t>(visible));
    parallel_for(count, threads, GRAIN, [&](int64_t begin, int64_t end) {
        for (int64_t id = begin; id < end; id++) {
            const int32_t i = rank[id];
            if (i < 0) continue;
            splats[i] = make_splat(in, id);
            first_slot[i + 1] = reaches[i].find(splats[i], tiles_x, tiles_y);
            order[i].splat = static_cast<uint32_t>(i);
            std::memcpy(&order[i].depth, in.depths + id, sizeof(uint32_t));
        }
    });
    for (int64_t i = 0; i < visible; i++) {
        reaches[i].first_slot = static_cast<int32_t>(first_slot[i]);
        first_slot[i + 1] += first_slot[i];
        if (first_slot[i + 1] > INT32_MAX) throw std::length_error("more than 2^31 pairs of tile and Gaussian");
    }
    sort_by_depth(order);
    fill_lists(order, reaches, *this);
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

int64_t TileLists::evaluated_pairs() const {
    int64_t blocks = 0;
    for (BlockBits bits : touched) blocks += __builtin_popcountll(bits);
    return blocks * BLOCK_W * BLOCK_H;
}

}  // namespace raster
