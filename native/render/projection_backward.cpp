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
    Vf mean[3]{}, M[9]{}, opacity{};
};

// Gradients of one camera, summed over the Gaussians of a chunk: R, t, position.
struct CameraGradients {
    Vf R[9]{}, t[3]{}, position[3]{};
};

struct Incoming {
    Vf mean_x{}, mean_y{}, depth{}, conic[3]{}, opacity{};
};

Vf masked_column(const float* base, int64_t first, int stride, int k, Vi lane, Mask visible) {
    return base ? simd::keep(visible, column(base, first, stride, k, lane)) : Vf{};
}

Incoming load_incoming(const ProjectedGradients& g, int64_t row, Vi lane, Mask visible) {
    Incoming in;
    in.mean_x = masked_column(g.means2d, row, 2, 0, lane, visible);
    in.mean_y = masked_column(g.means2d, row, 2, 1, lane, visible);
    in.depth = masked_column(g.depths, row, 1, 0, lane, visible);
    for (int k = 0; k < 3; k++) in.conic[k] = masked_column(g.conics, row, 3, k, lane, visible);
    in.opacity = masked_column(g.opacities, row, 1, 0, lane, visible);
    return in;
}

// Gradients of c00, c01 (counted once) and c11.
struct CovarianceGradients {
    Vf c00, c01, c11;
};

CovarianceGradients through_inverse(const View& v, const Incoming& in) {
    Vf inverse_det = 1.0f / v.det;
    Vf A = v.c11 * inverse_det, B = -(v.c01 * inverse_det), C = v.c00 * inverse_det;
    Vf gA = in.conic[0], gB = in.conic[1] * 0.5f, gC = in.conic[2];
    // d(S^-1) = -S^-1 dS S^-1, so the gradient of S is -S^-1 G S^-1.
    Vf t00 = A * gA + B * gB, t01 = A * gB + B * gC, t10 = B * gA + C * gB, t11 = B * gB + C * gC;
    return {-(t00 * A + t01 * B), -(t00 * B + t01 * C) - (t10 * A + t11 * B), -(t10 * B + t11 * C)};
}

// Adds the gradient through compensation = sqrt(det_sharp / det).
void through_compensation(const View& v, Vf gradient, float eps2d, CovarianceGradients& g) {
    Vf inverse_det = 1.0f / v.det;
    Vf square = v.compensation * v.compensation;
    Vf half = gradient * 0.5f / simd::max(v.compensation, simd::broadcast(1e-6f)) * inverse_det;
    g.c00 += half * ((v.c11 - eps2d) - square * v.c11);
    g.c11 += half * ((v.c00 - eps2d) - square * v.c00);
    g.c01 -= half * v.c01 * 2.0f * (1.0f - square);
}

// From the 2D quantities to the mean, M and the camera.
void through_projection(const Shape& s, const View& v, const Camera& c, const CovarianceGradients& g, const Incoming& in,
                        Mask visible, ShapeGradients& shape, CameraGradients* camera) {
    Vf gJ00{}, gJ02{}, gJ11{}, gJ12{}, gK[9];
    for (int j = 0; j < 3; j++) {
        Vf gu = g.c00 * v.u[j] * 2.0f + g.c01 * v.v[j];
        Vf gv = g.c11 * v.v[j] * 2.0f + g.c01 * v.u[j];
        gJ00 += gu * v.K[j];
        gJ02 += gu * v.K[6 + j];
        gJ11 += gv * v.K[3 + j];
        gJ12 += gv * v.K[6 + j];
        gK[j] = v.J00 * gu;
        gK[3 + j] = v.J11 * gv;
        gK[6 + j] = v.J02 * gu + v.J12 * gv;
    }
    Vf fx_z = v.inverse_z * c.fx, fy_z = v.inverse_z * c.fy;
    Vf g_inverse_z = (gJ00 - gJ02 * v.clamped_x) * c.fx + (gJ11 - gJ12 * v.clamped_y) * c.fy;
    Vf g_x = in.mean_x * c.fx - simd::keep(v.free_x, gJ02 * fx_z);
    Vf g_y = in.mean_y * c.fy - simd::keep(v.free_y, gJ12 * fy_z);
    g_inverse_z += g_x * v.p[0] + g_y * v.p[1];
    Vf gp[3] = {g_x * v.inverse_z, g_y * v.inverse_z, in.depth - g_inverse_z * v.inverse_z * v.inverse_z};
    for (int k = 0; k < 3; k++) gp[k] = simd::keep(visible, gp[k]);
    for (int k = 0; k < 9; k++) gK[k] = simd::keep(visible, gK[k]);
    for (int k = 0; k < 3; k++) {
        shape.mean[k] += gp[0] * c.R[k] + gp[1] * c.R[3 + k] + gp[2] * c.R[6 + k];
        for (int j = 0; j < 3; j++)
            shape.M[3 * k + j] += gK[j] * c.R[k] + gK[3 + j] * c.R[3 + k] + gK[6 + j] * c.R[6 + k];
    }
    if (!camera) return;
    for (int i = 0; i < 3; i++) {
        camera->t[i] += gp[i];
        for (int k = 0; k < 3; k++) {
            Vf sum = gp[i] * s.mean[k];
            for (int j = 0; j < 3; j++) sum += gK[3 * i + j] * s.M[3 * k + j];
            camera->R[3 * i + k] += sum;
        }
    }
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
                    const Shape& s, uint32_t visible, const float* colors, const float* grad_colors, const ParameterGradients& out, bool add,
                    ShapeGradients& shape, CameraGradients* camera_gradients) {
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
        shape.mean[k] += change;
        if (camera_gradients) camera_gradients->position[k] -= change;
    }
}

// From M and the activated opacity to the parameters.
void store_parameters(const Shape& s, const ShapeGradients& g, bool raw, int64_t first, int count,
                      const ParameterGradients& out) {
    Vf scale[3], G[9];
    for (int j = 0; j < 3; j++) {
        scale[j] = g.M[j] * s.R[j] + g.M[3 + j] * s.R[3 + j] + g.M[6 + j] * s.R[6 + j];
        if (raw) scale[j] *= s.scale[j];
        for (int i = 0; i < 3; i++) G[3 * i + j] = g.M[3 * i + j] * s.scale[j];
    }
    Vf w = s.quat[0], x = s.quat[1], y = s.quat[2], z = s.quat[3];
    Vf q[4];
    q[0] = (x * (G[7] - G[5]) + y * (G[2] - G[6]) + z * (G[3] - G[1])) * 2.0f;
    q[1] = (y * (G[1] + G[3]) + z * (G[2] + G[6]) + w * (G[7] - G[5]) - x * (G[4] + G[8]) * 2.0f) * 2.0f;
    q[2] = (x * (G[1] + G[3]) + z * (G[5] + G[7]) + w * (G[2] - G[6]) - y * (G[0] + G[8]) * 2.0f) * 2.0f;
    q[3] = (x * (G[2] + G[6]) + y * (G[5] + G[7]) + w * (G[3] - G[1]) - z * (G[0] + G[4]) * 2.0f) * 2.0f;
    Vf along = q[0] * w + q[1] * x + q[2] * y + q[3] * z;
    for (int k = 0; k < 4; k++) q[k] = (q[k] - s.quat[k] * along) * s.inverse_norm;
    Vf opacity[1] = {raw ? g.opacity * s.opacity * (1.0f - s.opacity) : g.opacity};
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

void clear_bands(const Gaussians& in, const ParameterGradients& out, int64_t first, int count, uint32_t keep, int bases) {
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
        for (int c = 0; c < C; c++) {
            int64_t row = c * in.count + first;
            uint32_t visible = C == 1 ? first_view : visible_lanes(saved.radii, row, count);
            if (!visible) continue;
            CameraGradients camera;
            one_view(cameras[c], shape, lane, row, visible, g, camera_sums ? &camera : nullptr);
            if (colors)
                through_colors(in, cameras[c], options, first, row, shape, visible, saved.colors, grads.colors, out,
                               C > 1, g, camera_sums ? &camera : nullptr);
            if (camera_sums) add_camera(camera, camera_sums + c * CAMERA_FLOATS);
        }
        store_parameters(shape, g, options.raw, first, count, out);
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
        CovarianceGradients covariance = through_inverse(view, incoming);
        if (options.antialiased) {
            through_compensation(view, incoming.opacity * shape.opacity, options.eps2d, covariance);
            g.opacity += simd::keep(visible, incoming.opacity * view.compensation);
        } else {
            g.opacity += incoming.opacity;
        }
        through_projection(shape, view, camera, covariance, incoming, visible, g, camera_gradients);
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
