// Steps that touch every Gaussian once: Adam, and the noise of 3DGS-MCMC.
#include "bindings.h"
#include "parallel.h"
#include "random.h"
#include "simd.h"

#include <algorithm>
#include <cmath>

namespace {

using simd::load;
using simd::store;
using simd::Vf;
using simd::W;

constexpr int64_t GRAIN = 1 << 14;  // floats that one thread takes at a time

struct Adam {
    float *param, *exp_avg, *exp_avg_sq;
    const float* grad;
    float lr, momentum, beta2, eps, root_correction;  // lr is divided by the correction of the first moment already

    // All lanes of one vector; `which` limits the change where given.
    template <bool ALL>
    void vector(int64_t i, simd::Mask which) const {
        Vf g = load(grad + i), m = load(exp_avg + i), v = load(exp_avg_sq + i), p = load(param + i);
        Vf new_m = m + momentum * (g - m);
        Vf new_v = beta2 * v + (1 - beta2) * (g * g);
        Vf new_p = p - lr * new_m / (simd::sqrt(new_v) * root_correction + eps);
        store(exp_avg + i, ALL ? new_m : simd::select(which, new_m, m));
        store(exp_avg_sq + i, ALL ? new_v : simd::select(which, new_v, v));
        store(param + i, ALL ? new_p : simd::select(which, new_p, p));
    }
    void one(int64_t i) const {
        float g = grad[i];
        float m = exp_avg[i] += momentum * (g - exp_avg[i]);
        float v = exp_avg_sq[i] = beta2 * exp_avg_sq[i] + (1 - beta2) * (g * g);
        param[i] -= lr * m / (std::sqrt(v) * root_correction + eps);
    }
    void range(int64_t begin, int64_t end) const {
        for (; begin + W <= end; begin += W) vector<true>(begin, simd::no_lanes());
        for (; begin < end; begin++) one(begin);
    }
    // As range; lanes of the last vector that lie beyond `end` keep their value. `limit` is where the floats of another
    // thread begin, which must not even be written back as they were.
    void part(int64_t begin, int64_t end, int64_t limit) const {
        for (; begin + W <= end; begin += W) vector<true>(begin, simd::no_lanes());
        if (begin == end) return;
        if (begin + W <= limit)
            vector<false>(begin, simd::from_bits((1u << (end - begin)) - 1));
        else
            for (; begin < end; begin++) one(begin);
    }
};

// Rows of at most 4 floats: W rows are `stride` vectors, whose lanes are chosen without a branch for each row.
void adam_narrow_rows(const Adam& adam, int64_t rows, int stride, const uint8_t* visible, int threads) {
    const uint64_t row_lanes = (1u << stride) - 1;
    parallel_for(chunk_count(rows, W), threads, GRAIN / (W * 4), [&](int64_t first, int64_t last) {
        for (int64_t block = first; block < last; block++) {
            const int64_t row = block * W, count = std::min<int64_t>(W, rows - row);
            uint64_t lanes = 0;
            for (int64_t i = 0; i < count; i++) lanes |= (visible[row + i] ? row_lanes : 0) << (i * stride);
            if (count < W) {
                for (int64_t i = 0; i < count * stride; i++)
                    if (lanes >> i & 1) adam.one(row * stride + i);
                continue;
            }
            for (int v = 0; v < stride; v++, lanes >>= W) {
                const uint32_t which = static_cast<uint32_t>(lanes & ((1ull << W) - 1));
                if (which != 0) adam.vector<false>(row * stride + v * W, simd::from_bits(which));
            }
        }
    });
}

// Rows that are visible come in runs; a run is updated as one range where all its columns are.
void adam_rows(const Adam& adam, int64_t rows, int stride, int columns, const uint8_t* visible, int threads) {
    parallel_for(rows, threads, std::max<int64_t>(1, GRAIN / stride), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end;) {
            if (visible && !visible[i]) {
                i++;
                continue;
            }
            int64_t first = i++;
            while (i < end && (!visible || visible[i])) i++;
            if (columns == stride)
                adam.part(first * stride, i * stride, end * stride);
            else
                for (int64_t row = first; row < i; row++) adam.part(row * stride, row * stride + columns, end * stride);
        }
    });
}

void adam(Floats param, Array<const float> grad, Floats exp_avg, Floats exp_avg_sq, int64_t rows, int columns,
          std::optional<Array<const uint8_t>> visible, double lr, double beta1, double beta2, double eps, double step,
          int threads) {
    const int64_t size = static_cast<int64_t>(param.size());
    if (rows <= 0 || size == 0) return;
    if (grad.size() != param.size() || exp_avg.size() != param.size() || exp_avg_sq.size() != param.size() ||
        size % rows != 0)
        throw nb::value_error("parameter, gradient and moments differ in size");
    if (visible && static_cast<int64_t>(visible->size()) != rows)
        throw nb::value_error("visible needs one entry per row");
    const int stride = static_cast<int>(size / rows);
    columns = std::min(columns, stride);
    Adam kernel{};
    kernel.param = param.data(), kernel.exp_avg = exp_avg.data(), kernel.exp_avg_sq = exp_avg_sq.data(),
    kernel.grad = grad.data();
    kernel.lr = static_cast<float>(lr / (1 - std::pow(beta1, step)));
    kernel.momentum = static_cast<float>(1 - beta1);
    kernel.beta2 = static_cast<float>(beta2);
    kernel.eps = static_cast<float>(eps);
    kernel.root_correction = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, step)));
    nb::gil_scoped_release release;
    if (columns == stride && !visible)
        parallel_for(size, threads, GRAIN, [&](int64_t begin, int64_t end) { kernel.range(begin, end); });
    else if (columns == stride && stride <= 4)
        adam_narrow_rows(kernel, rows, stride, visible->data(), threads);
    else
        adam_rows(kernel, rows, stride, columns, data_or_null(visible), threads);
}

// means += R S^2 R^T eps * sigmoid(-steepness (o - middle)) * scaler for W Gaussians from `first`, of which `count`
// exist.
struct Noise {
    float* means;
    const float *quats, *scales, *opacities;
    float scaler, steepness, middle, highest_logit;
    uint64_t seed;

    void block(int64_t first, int count) const {
        float logit[W] = {}, q[4][W] = {}, s[3][W] = {};
        bool moves = false;
        for (int i = 0; i < count; i++) {
            logit[i] = opacities[first + i];
            moves |= logit[i] < highest_logit;
        }
        if (!moves) return;
        for (int i = 0; i < count; i++) {
            for (int k = 0; k < 4; k++) q[k][i] = quats[(first + i) * 4 + k];
            for (int k = 0; k < 3; k++) s[k][i] = scales[(first + i) * 3 + k];
        }
        for (int i = count; i < W; i++) q[0][i] = 1;
        const Vf one = simd::broadcast(1.0f);
        Vf opacity = one / (one + simd::exp(-load(logit)));
        Vf gate = scaler / (one + simd::exp(steepness * (opacity - middle)));
        Vf w = load(q[0]), x = load(q[1]), y = load(q[2]), z = load(q[3]);
        Vf inverse = one / simd::sqrt(w * w + x * x + y * y + z * z);
        w *= inverse, x *= inverse, y *= inverse, z *= inverse;
        const Vf r[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                            {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                            {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
        Vf normal[3];
        counter_normals(seed, first, normal);
        Vf along[3];
        for (int j = 0; j < 3; j++) {
            Vf variance = simd::exp(2 * load(s[j]));
            along[j] = gate * variance * (r[0][j] * normal[0] + r[1][j] * normal[1] + r[2][j] * normal[2]);
        }
        for (int j = 0; j < 3; j++) {
            float move[W];
            store(move, r[j][0] * along[0] + r[j][1] * along[1] + r[j][2] * along[2]);
            for (int i = 0; i < count; i++)
                if (logit[i] < highest_logit) means[(first + i) * 3 + j] += move[i];
        }
    }
};

void inject_noise(Floats means, Array<const float> quats, Array<const float> scales, Array<const float> opacities,
                  double scaler, double steepness, double middle, uint64_t seed, int threads) {
    const int64_t rows = static_cast<int64_t>(opacities.size());
    if (static_cast<int64_t>(means.size()) != 3 * rows || static_cast<int64_t>(scales.size()) != 3 * rows ||
        static_cast<int64_t>(quats.size()) != 4 * rows)
        throw nb::value_error("means, quats, scales and opacities differ in rows");
    if (scaler == 0) return;
    Noise noise{};
    noise.means = means.data(), noise.quats = quats.data(), noise.scales = scales.data(),
    noise.opacities = opacities.data();
    noise.scaler = static_cast<float>(scaler), noise.steepness = static_cast<float>(steepness);
    noise.middle = static_cast<float>(middle), noise.seed = seed;
    // Above this opacity the gate times the scaler is below 1e-12: too little to move even a Gaussian of size 1000
    // visibly.
    double highest = middle + std::log(std::max(std::fabs(scaler) * 1e12, 1.0)) / steepness;
    noise.highest_logit = highest < 1 ? static_cast<float>(std::log(highest / (1 - highest))) : INFINITY;
    nb::gil_scoped_release release;
    parallel_for(chunk_count(rows, W), threads, 256, [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; b++) noise.block(b * W, static_cast<int>(std::min<int64_t>(W, rows - b * W)));
    });
}

// Adds one step's image-plane gradients of C views to the running sums of densification.
void accumulate_gradients(Array<const float> grads, Array<const int32_t> radii, Floats grad2d, Floats count,
                          std::optional<Floats> largest_radius, double scale_x, double scale_y, double radius_scale,
                          int threads) {
    const int64_t rows = static_cast<int64_t>(grad2d.size());
    const int64_t views = rows > 0 ? static_cast<int64_t>(grads.size()) / (2 * rows) : 0;
    if (static_cast<int64_t>(grads.size()) != 2 * rows * views || radii.size() != grads.size() ||
        static_cast<int64_t>(count.size()) != rows ||
        (largest_radius && static_cast<int64_t>(largest_radius->size()) != rows))
        throw nb::value_error("gradients, radii and sums differ in rows");
    const float* g = grads.data();
    const int32_t* r = radii.data();
    float *sum = grad2d.data(), *seen = count.data(), *largest = data_or_null(largest_radius);
    const float sx = static_cast<float>(scale_x), sy = static_cast<float>(scale_y),
                sr = static_cast<float>(radius_scale);
    nb::gil_scoped_release release;
    parallel_for(rows, threads, GRAIN, [&](int64_t begin, int64_t end) {
        for (int64_t view = 0; view < views; view++)
            for (int64_t i = begin; i < end; i++) {
                const int64_t at = 2 * (view * rows + i);
                const bool visible = r[at] > 0 && r[at + 1] > 0;
                const float x = g[at] * sx, y = g[at + 1] * sy;
                sum[i] += visible ? std::sqrt(x * x + y * y) : 0.0f;
                seen[i] += visible ? 1.0f : 0.0f;
                if (largest && visible)
                    largest[i] = std::max(largest[i], static_cast<float>(std::max(r[at], r[at + 1])) * sr);
            }
    });
}

}  // namespace

void bind_optimise(nb::module_& m) {
    using namespace nb::literals;
    m.def("adam", &adam, "param"_a, "grad"_a, "exp_avg"_a, "exp_avg_sq"_a, "rows"_a, "columns"_a, "visible"_a.none(),
          "lr"_a, "beta1"_a, "beta2"_a, "eps"_a, "step"_a, "threads"_a,
          "One step of Adam in place on the first `columns` numbers of each row that `visible` [rows] uint8 names.");
    m.def("accumulate_gradients", &accumulate_gradients, "grads"_a, "radii"_a, "grad2d"_a, "count"_a,
          "largest_radius"_a.none(), "scale_x"_a, "scale_y"_a, "radius_scale"_a, "threads"_a,
          "Add the norms of image-plane gradients [C, N, 2] of visible Gaussians to grad2d [N], and their number to "
          "count [N].");
    m.def("inject_noise", &inject_noise, "means"_a, "quats"_a, "scales"_a, "opacities"_a, "scaler"_a, "steepness"_a,
          "middle"_a, "seed"_a, "threads"_a,
          "Move the centres by the noise of 3DGS-MCMC; the same seed gives the same noise.");
}
