// The photometric loss (1 - lambda) L1 + lambda (1 - SSIM) and its gradient, in one pass over tiles of the image.
//
// SSIM: Wang et al. 2004, 11 x 11 Gaussian window, zeros outside. The formulas are written in the difference d = x - t
// of render and target, so that nothing cancels where the two are nearly equal. With windowed means u = E[x], v = E[t],
// e = E[d] = u - v, s = E[d^2] - e^2 (variance of d), c = E[xt] - uv:
//     A1 = 2uv + C1,  B1 = A1 + e^2,  A2 = 2c + C2,  B2 = A2 + s,   1 - SSIM = (A1 s + e^2 B2) / (B1 B2)
// The gradient at a pixel is G*(dS/du) + 2d G*(dS/dE[d^2]) + t G*(dS/dE[xt]), G* being the same blur.
//
// A tile walks down its rows with the last 11 rows of every field in rings, so that it works in the cache: the newest
// input row is y, statistics are complete at y - 5, the gradient at y - 10. Colours stay interleaved: a step to the
// next pixel is a step by 3 floats.
#include "bindings.h"
#include "parallel.h"
#include "simd.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace {

using simd::load;
using simd::store;
using simd::Vf;
using simd::W;

constexpr int R = 5, TAPS = 2 * R + 1, CHANNELS = 3;
constexpr float C1 = 0.01f * 0.01f, C2 = 0.03f * 0.03f;
constexpr int64_t TILE_WIDTH = 512, TILE_HEIGHT = 96;

struct Window {
    float weight[R + 1];  // by distance from the centre
    Window() {
        double total = 0, raw[R + 1];
        for (int i = 0; i <= R; i++) {
            raw[i] = std::exp(-i * i / (2 * 1.5 * 1.5));
            total += (i == 0 ? 1 : 2) * raw[i];
        }
        for (int i = 0; i <= R; i++) weight[i] = static_cast<float>(raw[i] / total);
    }
};
const Window window;

struct Job {
    int64_t height, width;
    const float* render;  // [H, W, 3]
    const float* target;  // [H, W, 3] or null
    const uint8_t* target_bytes;  // [H, W, 3] or null
    const uint8_t* mask;  // [H, W] 0 or 1, or null
    float* gradient;  // [H, W, 3] or null
    float l1_weight, ssim_weight;  // of one channel of one pixel
};

struct Sums {
    double absolute = 0, dissimilarity = 0;
};

// Eleven rows of one field, found by their number.
class Ring {
public:
    void reset(int64_t length) {
        length_ = length;
        data_.assign(static_cast<size_t>(length * TAPS), 0.0f);
    }
    float* row(int64_t y) { return data_.data() + ((y % TAPS + TAPS) % TAPS) * length_; }

private:
    int64_t length_ = 0;
    std::vector<float> data_;
};

void blur_along_row(const float* in, float* out, int64_t n) {
    const Vf g0 = simd::broadcast(window.weight[0]), g1 = simd::broadcast(window.weight[1]);
    const Vf g2 = simd::broadcast(window.weight[2]), g3 = simd::broadcast(window.weight[3]);
    const Vf g4 = simd::broadcast(window.weight[4]), g5 = simd::broadcast(window.weight[5]);
    for (int64_t i = 0; i < n; i += W) {
        const float* p = in + i + CHANNELS * R;
        Vf a = g0 * load(p);
        a += g1 * (load(p - 3) + load(p + 3));
        a += g2 * (load(p - 6) + load(p + 6));
        a += g3 * (load(p - 9) + load(p + 9));
        a += g4 * (load(p - 12) + load(p + 12));
        a += g5 * (load(p - 15) + load(p + 15));
        store(out + i, a);
    }
}

// One tile: columns [x0, x1), rows [y0, y1). Buffers are in floats; "wide" rows start at pixel x0 - 10, "mid" rows
// (statistics) at x0 - 5, and all are padded so that whole vectors may run over their end.
class Tile {
public:
    Sums run(const Job& job, int64_t x0, int64_t x1, int64_t y0, int64_t y1) {
        prepare(job, x0, x1, y0, y1);
        Sums sums;
        for (int64_t y = y0 - 2 * R; y < y1 + 2 * R; y++) {
            read_row(y);
            if (y >= y0) statistics_row(y - R, sums);
            if (y >= y0 + 2 * R && job.gradient) gradient_row(y - 2 * R);
        }
        return sums;
    }

private:
    size_t bytes() const { return static_cast<size_t>((x1_ - x0_) * CHANNELS) * sizeof(float); }

    void prepare(const Job& job, int64_t x0, int64_t x1, int64_t y0, int64_t y1) {
        job_ = &job;
        x0_ = x0, x1_ = x1, y0_ = y0, y1_ = y1;
        wide_ = (x1 - x0 + 4 * R) * CHANNELS;
        mid_ = (x1 - x0 + 2 * R) * CHANNELS;
        int64_t length = wide_ + 2 * CHANNELS * R + 2 * W;
        for (Ring* ring : {&difference_, &target_, &keep_}) ring->reset(ring == &keep_ && !job.mask ? 0 : length);
        for (Ring& ring : slopes_) ring.reset(job.gradient ? length : 0);
        for (auto* rows : {&down_, &across_})
            for (auto& row : *rows) row.assign(static_cast<size_t>(length), 0.0f);
    }

    // Fills the rings with row y of the difference, the target and the mask, zeros outside the image.
    void read_row(int64_t y) {
        const Job& job = *job_;
        float *d = difference_.row(y), *t = target_.row(y);
        if (y < 0 || y >= job.height) {
            std::fill_n(d, wide_, 0.0f);
            std::fill_n(t, wide_, 0.0f);
            return;
        }
        int64_t left = std::max<int64_t>(x0_ - 2 * R, 0), right = std::min(x1_ + 2 * R, job.width);
        int64_t n = (right - left) * CHANNELS, at = (y * job.width + left) * CHANNELS;
        int64_t offset = (left - (x0_ - 2 * R)) * CHANNELS;
        d += offset, t += offset;
        if (job.target_bytes)
            for (int64_t i = 0; i < n; i++) t[i] = job.target_bytes[at + i] * (1.0f / 255.0f);
        else
            std::memcpy(t, job.target + at, static_cast<size_t>(n) * sizeof(float));
        for (int64_t i = 0; i < n; i++) d[i] = job.render[at + i] - t[i];
        if (!job.mask) return;
        float* keep = keep_.row(y) + offset;
        const uint8_t* mask = job.mask + y * job.width + left;
        for (int64_t x = 0; x < right - left; x++)
            for (int c = 0; c < CHANNELS; c++) {
                int64_t i = x * CHANNELS + c;
                keep[i] = mask[x] ? 1.0f : 0.0f;
                // Not a product: the render may hold anything there, even what is not a number.
                t[i] = mask[x] ? t[i] : 0.0f;
                d[i] = mask[x] ? d[i] : 0.0f;
            }
    }

    void down_one(Ring& ring, int64_t y, int64_t n, float* out) {
        const float* row[TAPS];
        for (int k = 0; k < TAPS; k++) row[k] = ring.row(y - R + k);
        for (int64_t i = 0; i < n; i += W) {
            Vf a = window.weight[0] * load(row[R] + i);
            for (int k = 1; k <= R; k++) a += window.weight[k] * (load(row[R - k] + i) + load(row[R + k] + i));
            store(out + i, a);
        }
    }

    // Blurs d, d^2, x t and t down the columns in one go.
    void down_fields(int64_t y) {
        const float *d[TAPS], *t[TAPS];
        for (int k = 0; k < TAPS; k++) d[k] = difference_.row(y - R + k), t[k] = target_.row(y - R + k);
        for (int64_t i = 0; i < wide_; i += W) {
            Vf d0 = load(d[R] + i), t0 = load(t[R] + i);
            const Vf g0 = simd::broadcast(window.weight[0]);
            Vf sd = g0 * d0, sdd = g0 * (d0 * d0), sxt = g0 * ((d0 + t0) * t0), st = g0 * t0;
            for (int k = 1; k <= R; k++) {
                const Vf g = simd::broadcast(window.weight[k]);
                Vf da = load(d[R - k] + i), db = load(d[R + k] + i), ta = load(t[R - k] + i), tb = load(t[R + k] + i);
                sd += g * (da + db);
                sdd += g * (da * da + db * db);
                sxt += g * ((da + ta) * ta + (db + tb) * tb);
                st += g * (ta + tb);
            }
            store(&down_[0][i], sd);
            store(&down_[1][i], sdd);
            store(&down_[2][i], sxt);
            store(&down_[3][i], st);
        }
    }

    void statistics_row(int64_t y, Sums& sums) {
        const Job& job = *job_;
        const bool inside = y >= 0 && y < job.height;
        const bool own = y >= y0_ && y < y1_;
        if (own) sums.absolute += absolute_sum(difference_.row(y) + 2 * R * CHANNELS);
        if (!inside || (!own && !job.gradient)) {
            if (job.gradient)
                for (Ring& ring : slopes_) std::fill_n(ring.row(y), mid_, 0.0f);
            return;
        }
        down_fields(y);
        for (int f = 0; f < 4; f++) blur_along_row(down_[f].data(), across_[f].data(), mid_);
        compare(y);
        if (own) sums.dissimilarity += row_sum(error_row() + R * CHANNELS);
    }

    float* error_row() { return down_[0].data(); }

    // 1 - SSIM of row y and its derivatives, at mid columns, weighted by the mask.
    void compare(int64_t y) {
        const Job& job = *job_;
        float* error = error_row();
        float* slope[3] = {};
        if (job.gradient)
            for (int f = 0; f < 3; f++) slope[f] = slopes_[f].row(y);
        const float* keep = job.mask ? keep_.row(y) + R * CHANNELS : nullptr;
        for (int64_t i = 0; i < mid_; i += W) {
            Vf e = load(&across_[0][i]), v = load(&across_[3][i]), u = v + e, ee = e * e;
            Vf s = load(&across_[1][i]) - ee, c = load(&across_[2][i]) - u * v;
            Vf a1 = 2.0f * u * v + C1, b1 = a1 + ee, a2 = 2.0f * c + C2, b2 = a2 + s;
            Vf inverse = 1.0f / (b1 * b2);
            Vf k = keep ? load(keep + i) : simd::broadcast(1.0f);
            Vf wrong = (a1 * s + ee * b2) * inverse;
            store(error + i, k * wrong);
            if (!job.gradient) continue;
            Vf ib1 = b2 * inverse, ib2 = b1 * inverse, twice = 2.0f * k * inverse;
            store(slope[0] + i, twice * (a2 * ib1 * (v * ee - e * a1) - a1 * ib2 * (v * s - e * a2)));
            store(slope[1] + i, k * ib2 * (wrong - 1.0f));
            store(slope[2] + i, twice * a1 * s * ib2);
        }
        // Windows centred outside the image do not count.
        int64_t left = std::max<int64_t>(R - x0_, 0) * CHANNELS;
        int64_t right = std::min(mid_, std::max<int64_t>(job.width - (x0_ - R), 0) * CHANNELS);
        for (float* row : {error, slope[0], slope[1], slope[2]}) {
            if (!row) continue;
            std::fill_n(row, std::min(left, mid_), 0.0f);
            if (right < mid_) std::fill_n(row + right, mid_ - right, 0.0f);
        }
    }

    void gradient_row(int64_t y) {
        const Job& job = *job_;
        const int64_t n = (x1_ - x0_) * CHANNELS;
        for (int f = 0; f < 3; f++) {
            down_one(slopes_[f], y, mid_, down_[f].data());
            blur_along_row(down_[f].data(), across_[f].data(), n);
        }
        const float *d = difference_.row(y) + 2 * R * CHANNELS, *t = target_.row(y) + 2 * R * CHANNELS;
        const float* keep = job.mask ? keep_.row(y) + 2 * R * CHANNELS : nullptr;
        float* out = down_[3].data();
        const Vf zero{}, plus = simd::broadcast(job.l1_weight), minus = simd::broadcast(-job.l1_weight);
        for (int64_t i = 0; i < n; i += W) {
            Vf dv = load(d + i);
            Vf sign = simd::select(simd::gt(dv, zero), plus, simd::select(simd::lt(dv, zero), minus, zero));
            Vf blurred = load(&across_[0][i]) + 2.0f * dv * load(&across_[1][i]) + load(t + i) * load(&across_[2][i]);
            Vf g = sign - job.ssim_weight * blurred;
            store(out + i, keep ? g * load(keep + i) : g);
        }
        std::memcpy(job.gradient + (y * job.width + x0_) * CHANNELS, out, bytes());
    }

    double row_sum(const float* row) const {
        const int64_t n = (x1_ - x0_) * CHANNELS;
        Vf total{};
        int64_t i = 0;
        for (; i + W <= n; i += W) total += load(row + i);
        double sum = simd::sum(total);
        for (; i < n; i++) sum += row[i];
        return sum;
    }
    double absolute_sum(const float* row) const {
        const int64_t n = (x1_ - x0_) * CHANNELS;
        Vf total{};
        int64_t i = 0;
        for (; i + W <= n; i += W) total += simd::abs(load(row + i));
        double sum = simd::sum(total);
        for (; i < n; i++) sum += std::fabs(row[i]);
        return sum;
    }

    const Job* job_ = nullptr;
    int64_t x0_ = 0, x1_ = 0, y0_ = 0, y1_ = 0, wide_ = 0, mid_ = 0;
    Ring difference_, target_, keep_, slopes_[3];
    std::vector<float> down_[4], across_[4];
};

// Calls body(tile number, x0, x1, y0, y1). Tiles depend on the size alone, so that results do not depend on threads.
template <class Body>
int64_t for_tiles(int64_t height, int64_t width, int threads, Body&& body) {
    const int64_t columns = chunk_count(width, TILE_WIDTH), rows = chunk_count(height, TILE_HEIGHT);
    if (threads == 0) return columns * rows;
    parallel_for(columns * rows, threads, 1, [&](int64_t tile, int64_t) {
        int64_t i = tile / columns, j = tile % columns;
        body(tile, width * j / columns, width * (j + 1) / columns, height * i / rows, height * (i + 1) / rows);
    });
    return columns * rows;
}

// Pixels that are kept.
double count_kept(const Job& job) {
    const int64_t size = job.height * job.width;
    return static_cast<double>(job.mask ? size - std::count(job.mask, job.mask + size, uint8_t{0}) : size);
}

using Image = Array<const float, nb::shape<-1, -1, 3>>;
using ImageOut = Array<float, nb::shape<-1, -1, 3>>;
using ImageBytes = Array<const uint8_t, nb::shape<-1, -1, 3>>;
using MaskBytes = Array<const uint8_t, nb::shape<-1, -1>>;

template <class A, class B>
void same_size(const A& a, const std::optional<B>& b) {
    if (b && (a.shape(0) != b->shape(0) || a.shape(1) != b->shape(1)))
        throw nb::value_error("arrays differ in height or width");
}

double l1_ssim(Image render, std::optional<Image> target, std::optional<ImageBytes> target_bytes,
               std::optional<MaskBytes> mask, std::optional<ImageOut> gradient, float ssim_lambda, int threads) {
    if (!target == !target_bytes) throw nb::value_error("exactly one of target and target_bytes is needed");
    same_size(render, target), same_size(render, target_bytes), same_size(render, mask);
    same_size(render, gradient);
    Job job{};
    job.height = static_cast<int64_t>(render.shape(0)), job.width = static_cast<int64_t>(render.shape(1));
    job.render = render.data();
    job.target = data_or_null(target), job.target_bytes = data_or_null(target_bytes);
    job.mask = data_or_null(mask), job.gradient = data_or_null(gradient);
    nb::gil_scoped_release release;
    const double numbers = CHANNELS * count_kept(job);
    const double l1_weight = numbers > 0 ? (1 - ssim_lambda) / numbers : 0;
    const double ssim_weight = numbers > 0 ? ssim_lambda / numbers : 0;
    job.l1_weight = static_cast<float>(l1_weight), job.ssim_weight = static_cast<float>(ssim_weight);
    std::vector<Sums> sums(static_cast<size_t>(for_tiles(job.height, job.width, 0, [](auto...) {})));
    for_tiles(job.height, job.width, std::max(threads, 1),
              [&](int64_t tile, int64_t x0, int64_t x1, int64_t y0, int64_t y1) {
                  static thread_local Tile worker;
                  sums[static_cast<size_t>(tile)] = worker.run(job, x0, x1, y0, y1);
              });
    double loss = 0;
    for (const Sums& part : sums) loss += l1_weight * part.absolute + ssim_weight * part.dissimilarity;
    return loss;
}

}  // namespace

void bind_loss(nb::module_& m) {
    using namespace nb::literals;
    m.def("l1_ssim", &l1_ssim, "render"_a, "target"_a.none(), "target_bytes"_a.none(), "mask"_a.none(),
          "gradient"_a.none(), "ssim_lambda"_a, "threads"_a,
          "Loss of a render [H, W, 3]; writes the gradient [H, W, 3] where one is given. `mask` is [H, W] uint8.");
}
