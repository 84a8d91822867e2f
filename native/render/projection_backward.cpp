#include <algorithm>
#include <cstring>

#include "parallel.h"
#include "render/projection_math.h"
#include "render/sh.h"

namespace projection {

namespace {

constexpr int CAMERA_FLOATS = 15;

// Gradients of the quantities in Shape, summed over the cameras.
struct ShapeGradients {
    Vf mean[3]{}, M[9]{}, log_scale[3]{}, opacity{};
};

// Gradients of one camera, summed over the Gaussians of a chunk: R, t, position.
struct CameraGradients {
    Vf R[9]{}, t[3]{}, position[3]{};
};

struct Incoming {
    Vf mean_x{}, mean_y{}, depth{}, conic[3]{}, white[3]{}, opacity{};
};

Vf masked_column(const float* base, int64_t first, int stride, int k, Vi lane, Mask visible) {
    return base ? simd::keep(visible, column(base, first, stride, k, lane)) : Vf{};
}

Incoming load_incoming(const ProjectedGradients& g, int64_t row, Vi lane, Mask visible) {
    Incoming in;
    in.mean_x = masked_column(g.means2d, row, 2, 0, lane, visible);
    in.mean_y = masked_column(g.means2d, row, 2, 1, lane, visible);
    in.depth = masked_column(g.depths, row, 1, 0, lane, visible);
    for (int k = 0; k < 3; k++) {
        in.conic[k] = masked_column(g.conics, row, 3, k, lane, visible);
        in.white[k] = masked_column(g.white, row, 3, k, lane, visible);
    }
    in.opacity = masked_column(g.opacities, row, 1, 0, lane, visible);
    return in;
}

// Gradients of u and v, the rows whose products are the 2D covariance, and of the logarithms of the three scales, which
// are gu_j u_j + gv_j v_j: taken from there they would cancel for needles.
struct RowGradients {
    Vf u[3], v[3], log_scale[3];
};

// Conic = (p^2, -p^2 m, p^2 m^2 + s^2). The image has no gradient of it, only who reads meta["conics"] has.
void add_conic(const View& view, const Vf* conic, Vf* white) {
    Vf p = view.white[0], m = view.white[1], s = view.white[2];
    white[0] += p * 2.0f * (conic[0] - m * conic[1] + m * m * conic[2]);
    white[1] += p * p * (m * 2.0f * conic[2] - conic[1]);
    white[2] += s * 2.0f * conic[2];
}

// With F = [[p, -p m], [0, s]] the exponent is -|F d|^2 / 2, and the gradient of U = [u; v] is F^T Z F U, where Z is
// the sum over the pixels of (gradient of the exponent) (F d) (F d)^T. F U never exceeds 1, and neither it nor Z
// cancel.
RowGradients through_whitening(const View& view, const Incoming& in, float eps2d) {
    Vf p = view.white[0], m = view.white[1], s = view.white[2];
    Vf white[3] = {in.white[0], in.white[1], in.white[2]};
    add_conic(view, in.conic, white);
    Vf tt = -(white[0] * p), tr = white[1] * s / p, rr = -(white[2] * s);
    // c11 u - c01 v = eps u + v x (u x v)
    Vf turned[3], factor = p / view.c11;
    cross_product(view.v, view.cross, turned);
    RowGradients g;
    for (int j = 0; j < 3; j++) {
        Vf t = factor * (view.u[j] * eps2d + turned[j]), r = s * view.v[j];
        Vf gt = tt * t + tr * r, gr = tr * t + rr * r;
        g.u[j] = p * gt;
        g.v[j] = s * gr - m * g.u[j];
        g.log_scale[j] = t * gt + r * gr;
    }
    return g;
}

// Adds the gradient through compensation = sqrt(det_sharp / det).
void through_compensation(const View& view, Vf gradient, float eps2d, RowGradients& g) {
    Vf inverse_det = 1.0f / view.det;
    Vf square = view.compensation * view.compensation;
    Vf lost = ((view.uu + view.vv) * eps2d + eps2d * eps2d) * inverse_det;  // 1 - square
    Vf outer = gradient / simd::max(view.compensation, simd::broadcast(1e-6f)) * inverse_det;
    Vf kept = square * eps2d;
    Vf of_u[3], of_v[3];
    cross_product(view.v, view.cross, of_u);
    cross_product(view.cross, view.u, of_v);
    for (int j = 0; j < 3; j++) {
        g.u[j] += outer * (lost * of_u[j] - kept * view.u[j]);
        g.v[j] += outer * (lost * of_v[j] - kept * view.v[j]);
        Vf one = view.cross[(j + 1) % 3], other = view.cross[(j + 2) % 3];
        Vf sharp = one * one + other * other, length = view.u[j] * view.u[j] + view.v[j] * view.v[j];
        g.log_scale[j] += outer * (lost * sharp - kept * length);
    }
}

// No gradient of the shape for a Gaussian so large (1e9 pixels) that float32 overflows: it is the same everywhere
// anyway.
constexpr float DET_MAX = 1e36f;

void keep_lanes(Mask lanes, RowGradients& g) {
    for (int j = 0; j < 3; j++) {
        g.u[j] = simd::keep(lanes, g.u[j]);
        g.v[j] = simd::keep(lanes, g.v[j]);
        g.log_scale[j] = simd::keep(lanes, g.log_scale[j]);
    }
}

// Lanes in which all of n vectors are finite. What is not, of one Gaussian, must not reach the camera, which all share.
template <int n>
Mask all_lanes_finite(const Vf* v) {
    Vf sum{};
    for (int i = 0; i < n; i++) sum += v[i] * 0.0f;
    return simd::finite(sum);
}

// From the 2D quantities to the mean, M, the scales and the camera.
void through_projection(const Shape& s, const View& v, const Camera& c, const RowGradients& g, const Incoming& in,
                        Mask visible, ShapeGradients& shape, CameraGradients* camera) {
    Vf gJ02{}, gJ12{}, gK[9];
    for (int j = 0; j < 3; j++) {
        gJ02 += g.u[j] * v.K[6 + j];
        gJ12 += g.v[j] * v.K[6 + j];
        gK[j] = v.J00 * g.u[j];
        gK[3 + j] = v.J11 * g.v[j];
        gK[6 + j] = v.J02 * g.u[j] + v.J12 * g.v[j];
    }
    Vf g_x = in.mean_x * c.fx - simd::keep(v.free_x, gJ02 * v.J00);
    Vf g_y = in.mean_y * c.fy - simd::keep(v.free_y, gJ12 * v.J11);
    // Depth divides u, v, x and y alike.
    Vf g_log_z = -(g.log_scale[0] + g.log_scale[1] + g.log_scale[2]) - g_x * v.x - g_y * v.y;
    Vf gp[3] = {g_x * v.inverse_z, g_y * v.inverse_z, in.depth + g_log_z * v.inverse_z};
    for (int k = 0; k < 3; k++) gp[k] = simd::keep(visible, gp[k]);
    for (int k = 0; k < 9; k++) gK[k] = simd::keep(visible, gK[k]);
    for (int k = 0; k < 3; k++) {
        shape.log_scale[k] += g.log_scale[k];
        shape.mean[k] += gp[0] * c.R[k] + gp[1] * c.R[3 + k] + gp[2] * c.R[6 + k];
        for (int j = 0; j < 3; j++)
            shape.M[3 * k + j] += gK[j] * c.R[k] + gK[3 + j] * c.R[3 + k] + gK[6 + j] * c.R[6 + k];
    }
    if (!camera) return;
    Vf R[9];
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            R[3 * i + k] = gp[i] * s.mean[k];
            for (int j = 0; j < 3; j++) R[3 * i + k] += gK[3 * i + j] * s.M[3 * k + j];
        }
    Mask told = simd::mask_and(visible, simd::mask_and(all_lanes_finite<3>(gp), all_lanes_finite<9>(R)));
    for (int i = 0; i < 3; i++) camera->t[i] += simd::keep(told, gp[i]);
    for (int i = 0; i < 9; i++) camera->R[i] += simd::keep(told, R[i]);
}

void add_three(float* p, Four v, bool add) {
    for (int c = 0; c < 3; c++) p[c] = add ? p[c] + v[c] : v[c];
}

// Gradients of the coefficients of one Gaussian.
void store_bands(float* out, const float* b, int bases, Four gradient, bool add) {
    if (bases == 1) return;
    if (!add) {
        // Each store of four floats spills one into the next band, which is written after it.
        for (int k = 1; k + 1 < bases; k++) {
            Four value = gradient * b[k * W];
            std::memcpy(out + 3 * (k - 1), &value, sizeof(value));
        }
        add_three(out + 3 * (bases - 2), gradient * b[(bases - 1) * W], false);
        return;
    }
    for (int k = 1; k < bases; k++) add_three(out + 3 * (k - 1), gradient * b[k * W], true);
}

// Sum over the bands of (gradient . coefficient k) * derivative of basis k, for one Gaussian and the three directions.
void direction_gradient(const float* coefficients, int bases, Four gradient, const float* dx, const float* dy,
                        const float* dz, float* out) {
    Four x{}, y{}, z{};
    for (int k = 1; k < bases; k++) {
        const float* p = coefficients + 3 * (k - 1);
        Four value = k + 1 < bases ? simd::load_as<Four>(p) : Four{p[0], p[1], p[2], 0.0f};
        x += value * dx[k * W];
        y += value * dy[k * W];
        z += value * dz[k * W];
    }
    Four sums[3] = {x * gradient, y * gradient, z * gradient};
    for (int k = 0; k < 3; k++) out[k * W] = sums[k][0] + sums[k][1] + sums[k][2];
}

// Colours to coefficients and, through the viewing direction, to the mean and the camera's position.
void through_colors(const Gaussians& in, const Camera& camera, const Options& options, int64_t first, int64_t row,
                    const Shape& s, uint32_t visible, const float* colors, const float* grad_colors,
                    const ParameterGradients& out, bool add, ShapeGradients& shape, CameraGradients* camera_gradients) {
    const int channels = options.depth_channel ? 4 : 3, degree = options.sh_degree, bases = sh::base_count(degree);
    const Directions direction(s, camera);
    const Vf* d = direction.d;
    alignas(64) float b[sh::MAX_BASES * W], dx[sh::MAX_BASES * W], dy[sh::MAX_BASES * W], dz[sh::MAX_BASES * W];
    Vf value[sh::MAX_BASES]{}, vx[sh::MAX_BASES]{}, vy[sh::MAX_BASES]{}, vz[sh::MAX_BASES]{};
    sh::basis(degree, d[0], d[1], d[2], value);
    sh::basis_gradient(degree, d[0], d[1], d[2], vx, vy, vz);
    for (int k = 0; k < bases; k++) simd::store(b + k * W, value[k]);
    for (int k = 1; k < bases; k++) {
        simd::store(dx + k * W, vx[k]);
        simd::store(dy + k * W, vy[k]);
        simd::store(dz + k * W, vz[k]);
    }
    alignas(64) float turn[3 * W] = {};
    const Mask seen = simd::from_bits(visible);
    for (; visible; visible &= visible - 1) {
        int lane = __builtin_ctz(visible);
        int64_t i = first + lane;
        const float* g = grad_colors + (row + lane) * channels;
        const float* color = colors + (row + lane) * channels;
        Four gradient{};
        for (int c = 0; c < 3; c++) gradient[c] = color[c] > 0.0f ? g[c] : 0.0f;  // the clamp at 0
        if (out.sh0) add_three(out.sh0 + 3 * i, gradient * b[lane], add);
        if (bases == 1) continue;
        if (out.shN) store_bands(out.shN + i * in.shN_stride, b + lane, bases, gradient, add);
        direction_gradient(in.shN + i * in.shN_stride, bases, gradient, dx + lane, dy + lane, dz + lane, turn + lane);
    }
    if (bases == 1) return;
    Vf g[3], along{};
    for (int k = 0; k < 3; k++) {
        g[k] = simd::load(turn + k * W);
        along += g[k] * d[k];
    }
    for (int k = 0; k < 3; k++) {
        // Of the change of the mean only the part across the direction turns it.
        Vf change = (g[k] - d[k] * along) * direction.inverse_length;
        change = simd::keep(simd::mask_and(seen, simd::finite(change)), change);
        shape.mean[k] += change;
        if (camera_gradients) camera_gradients->position[k] -= change;
    }
}

// From M and the activated opacity to the parameters, of the Gaussians that a camera has `seen`.
void store_parameters(const Shape& s, const ShapeGradients& g, bool raw, Mask seen, int64_t first, int count,
                      const ParameterGradients& out) {
    Vf scale[3], G[9];
    for (int j = 0; j < 3; j++) {
        // A scale of 0 counts in squares only, so that nothing changes with it at first.
        Mask some = simd::gt(simd::abs(s.scale[j]), Vf{});
        scale[j] = raw ? g.log_scale[j] : simd::keep(some, g.log_scale[j] / s.scale[j]);
        scale[j] = simd::keep(seen, scale[j]);
        for (int i = 0; i < 3; i++) G[3 * i + j] = g.M[3 * i + j] * s.scale[j];
    }
    Vf w = s.quat[0], x = s.quat[1], y = s.quat[2], z = s.quat[3];
    Vf q[4];
    q[0] = (x * (G[7] - G[5]) + y * (G[2] - G[6]) + z * (G[3] - G[1])) * 2.0f;
    q[1] = (y * (G[1] + G[3]) + z * (G[2] + G[6]) + w * (G[7] - G[5]) - x * (G[4] + G[8]) * 2.0f) * 2.0f;
    q[2] = (x * (G[1] + G[3]) + z * (G[5] + G[7]) + w * (G[2] - G[6]) - y * (G[0] + G[8]) * 2.0f) * 2.0f;
    q[3] = (x * (G[2] + G[6]) + y * (G[5] + G[7]) + w * (G[3] - G[1]) - z * (G[0] + G[4]) * 2.0f) * 2.0f;
    Vf along = q[0] * w + q[1] * x + q[2] * y + q[3] * z;
    for (int k = 0; k < 4; k++) q[k] = simd::keep(seen, (q[k] - s.quat[k] * along) * s.inverse_norm);
    Vf opacity[1] = {simd::keep(seen, raw ? g.opacity * s.opacity * (1.0f - s.opacity) : g.opacity)};
    store_rows(out.means + 3 * first, g.mean, count);
    store_rows(out.quats + 4 * first, q, count);
    store_rows(out.scales + 3 * first, scale, count);
    store_rows(out.opacities + first, opacity, count);
}

// Lanes of the camera's row in which the Gaussian was drawn.
uint32_t visible_lanes(const int32_t* radii, int64_t row, int count) {
    uint32_t bits = 0;
    for (int i = 0; i < count; i++) bits |= static_cast<uint32_t>(radii[2 * (row + i)] > 0) << i;
    return bits;
}

void clear_bands(const Gaussians& in, const ParameterGradients& out, int64_t first, int count, uint32_t keep,
                 int bases) {
    for (int i = 0; i < count; i++) {
        bool kept = (keep >> i) & 1;
        if (out.sh0 && !kept) std::fill_n(out.sh0 + 3 * (first + i), 3, 0.0f);
        if (!out.shN) continue;
        int64_t from = kept ? 3 * (bases - 1) : 0;
        std::fill(out.shN + (first + i) * in.shN_stride + from, out.shN + (first + i + 1) * in.shN_stride, 0.0f);
    }
}

void add_camera(const CameraGradients& g, float* out) {
    for (int k = 0; k < 9; k++) out[k] += simd::sum(g.R[k]);
    for (int k = 0; k < 3; k++) out[9 + k] += simd::sum(g.t[k]);
    for (int k = 0; k < 3; k++) out[12 + k] += simd::sum(g.position[k]);
}

struct Backward {
    const Gaussians& in;
    const std::vector<Camera>& cameras;
    const Options& options;
    const Saved& saved;
    const ProjectedGradients& grads;
    const ParameterGradients& out;

    void lanes(int64_t first, int count, float* camera_sums) const {
        const Vi lane = lanes_below(count);
        const int C = static_cast<int>(cameras.size());
        const bool colors = options.sh_degree >= 0 && grads.colors;
        const int bases = options.sh_degree >= 0 ? sh::base_count(options.sh_degree) : 1;
        uint32_t first_view = C == 1 ? visible_lanes(saved.radii, first, count) : 0;
        // With one camera the bands of the visible are written, not added to, and only the rest needs clearing.
        clear_bands(in, out, first, count, colors ? first_view : 0, bases);
        Shape shape;
        ShapeGradients g;
        load_shape(in, first, lane, options.raw, shape);
        uint32_t seen = 0;
        for (int c = 0; c < C; c++) {
            int64_t row = c * in.count + first;
            uint32_t visible = C == 1 ? first_view : visible_lanes(saved.radii, row, count);
            if (!visible) continue;
            seen |= visible;
            CameraGradients camera;
            one_view(cameras[c], shape, lane, row, visible, g, camera_sums ? &camera : nullptr);
            if (colors)
                through_colors(in, cameras[c], options, first, row, shape, visible, saved.colors, grads.colors, out,
                               C > 1, g, camera_sums ? &camera : nullptr);
            if (camera_sums) add_camera(camera, camera_sums + c * CAMERA_FLOATS);
        }
        store_parameters(shape, g, options.raw, simd::from_bits(seen), first, count, out);
    }

    void one_view(const Camera& camera, const Shape& shape, Vi lane, int64_t row, uint32_t visible_bits,
                  ShapeGradients& g, CameraGradients* camera_gradients) const {
        Mask visible = simd::from_bits(visible_bits);
        View view;
        to_camera(shape, camera, view);
        project(shape, camera, options.eps2d, view);
        Incoming incoming = load_incoming(grads, row, lane, visible);
        if (options.depth_channel && grads.colors)
            incoming.depth += masked_column(grads.colors, row, 4, 3, lane, visible);
        RowGradients rows = through_whitening(view, incoming, options.eps2d);
        if (options.antialiased) {
            through_compensation(view, incoming.opacity * shape.opacity, options.eps2d, rows);
            g.opacity += simd::keep(visible, incoming.opacity * view.compensation);
        } else {
            g.opacity += incoming.opacity;
        }
        keep_lanes(simd::mask_and(visible, simd::lt(view.det, simd::broadcast(DET_MAX))), rows);
        through_projection(shape, view, camera, rows, incoming, visible, g, camera_gradients);
    }
};

}  // namespace

void backward(const Gaussians& in, const std::vector<Camera>& cameras, const Options& options, const Saved& saved,
              const ProjectedGradients& grads, const ParameterGradients& out) {
    const Backward pass{in, cameras, options, saved, grads, out};
    const size_t floats = out.cameras ? cameras.size() * CAMERA_FLOATS : 0;
    std::vector<float> partial(static_cast<size_t>(chunk_count(in.count, GRAIN)) * floats, 0.0f);
    parallel_chunks(in.count, options.threads, GRAIN, [&](int64_t chunk, int64_t begin, int64_t end) {
        float* sums = out.cameras ? partial.data() + static_cast<size_t>(chunk) * floats : nullptr;
        for (int64_t first = begin; first < end; first += W)
            pass.lanes(first, static_cast<int>(std::min<int64_t>(W, end - first)), sums);
    });
    if (!out.cameras) return;
    for (size_t k = 0; k < floats; k++) {
        double sum = 0;
        for (size_t at = k; at < partial.size(); at += floats) sum += partial[at];
        out.cameras[k] = static_cast<float>(sum);
    }
}

}  // namespace projection
