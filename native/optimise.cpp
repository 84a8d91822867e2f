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
    // The first `columns` floats of a row of `stride`. Lanes beyond them keep their value, but only inside the row,
    // because the next one may belong to another thread.
    void row(int64_t begin, int columns, int stride) const {
        int i = 0;
        for (; i + W <= columns; i += W) vector<true>(begin + i, simd::no_lanes());
        if (i < columns && i + W <= stride) {
            vector<false>(begin + i, simd::from_bits((1u << (columns - i)) - 1));
            return;
        }
        for (; i < columns; i++) one(begin + i);
    }
};

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
                adam.range(first * stride, i * stride);
            else
                for (int64_t row = first; row < i; row++) adam.row(row * stride, columns, stride);
        }
    });
}

void adam(Floats param, Array<const float> grad, Floats exp_avg, Floats exp_avg_sq, int64_t rows, int columns,
          std::optional<Array<const uint8_t>> visible, double lr, double beta1, double beta2, double eps, double step, int threads) {
    const int64_t size = static_cast<int64_t>(param.size());
    if (rows <= 0 || size == 0) return;
    if (grad.size() != param.size() || exp_avg.size() != param.size() || exp_avg_sq.size() != param.size() || size % rows != 0)
        throw nb::value_error("parameter, gradient and moments differ in size");
    if (visible && static_cast<int64_t>(visible->size()) != rows) throw nb::value_error("visible needs one entry per row");
    const int stride = static_cast<int>(size / rows);
    columns = std::min(columns, stride);
    Adam kernel{};
    kernel.param = param.data(), kernel.exp_avg = exp_avg.data(), kernel.exp_avg_sq = exp_avg_sq.data(), kernel.grad = grad.data();
    kernel.lr = static_cast<float>(lr / (1 - std::pow(beta1, step)));
    kernel.momentum = static_cast<float>(1 - beta1);
    kernel.beta2 = static_cast<float>(beta2);
    kernel.eps = static_cast<float>(eps);
    kernel.root_correction = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, step)));
    nb::gil_scoped_release release;
    if (columns == stride && !visible)
        parallel_for(size, threads, GRAIN, [&](int64_t begin, int64_t end) { kernel.range(begin, end); });
    else
        adam_rows(kernel, rows, stride, columns, data_or_null(visible), threads);
}

// means += R S^2 R^T eps * sigmoid(-steepness (o - middle)) * scaler for W Gaussians from `first`, of which `count` exist.
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

void inject_noise(Floats means, Array<const float> quats, Array<const float> scales, Array<const float> opacities, double scaler,
                  double steepness, double middle, uint64_t seed, int threads) {
    const int64_t rows = static_cast<int64_t>(opacities.size());
    if (static_cast<int64_t>(means.size()) != 3 * rows || static_cast<int64_t>(scales.size()) != 3 * rows ||
        static_cast<int64_t>(quats.size()) != 4 * rows)
        throw nb::value_error("means, quats, scales and opacities differ in rows");
    if (scaler == 0) return;
    Noise noise{};
    noise.means = means.data(), noise.quats = quats.data(), noise.scales = scales.data(), noise.opacities = opacities.data();
    noise.scaler = static_cast<float>(scaler), noise.steepness = static_cast<float>(steepness);
    noise.middle = static_cast<float>(middle), noise.seed = seed;
    // Above this opacity the gate times the scaler is below 1e-12: too little to move even a Gaussian of size 1000 visibly.
    double highest = middle + std::log(std::max(std::fabs(scaler) * 1e12, 1.0)) / steepness;
    noise.highest_logit = highest < 1 ? static_cast<float>(std::log(highest / (1 - highest))) : INFINITY;
    nb::gil_scoped_release release;
    parallel_for(chunk_count(rows, W), threads, 256, [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; b++) noise.block(b * W, static_cast<int>(std::min<int64_t>(W, rows - b * W)));
    });
}

}  // namespace

void bind_optimise(nb::module_& m) {
    using namespace nb::literals;
    m.def("adam", &adam, "param"_a, "grad"_a, "exp_avg"_a, "exp_avg_sq"_a, "rows"_a, "columns"_a, "visible"_a.none(), "lr"_a,
          "beta1"_a, "beta2"_a, "eps"_a, "step"_a, "threads"_a,
          "One step of Adam in place on the first `columns` numbers of each row that `visible` [rows] uint8 names.");
    m.def("inject_noise", &inject_noise, "means"_a, "quats"_a, "scales"_a, "opacities"_a, "scaler"_a, "steepness"_a, "middle"_a,
          "seed"_a, "threads"_a, "Move the centres by the noise of 3DGS-MCMC; the same seed gives the same noise.");
}
