#include "render/projection.h"

#include <algorithm>
#include <cmath>

#include "parallel.h"
#include "render/projection_math.h"
#include "render/sh.h"

namespace projection {

using simd::W;
Camera::Camera(const float* m, const float* K, int width, int height) {
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) R[3 * i + j] = m[4 * i + j];
        t[i] = m[4 * i + 3];
    }
    // -R^-1 t by cofactors, in double: the view matrix may hold a scale besides the rotation.
    double a[9], b[3];
    for (int i = 0; i < 9; i++) a[i] = R[i];
    for (int i = 0; i < 3; i++) b[i] = -static_cast<double>(t[i]);
    double c0 = a[4] * a[8] - a[5] * a[7], c1 = a[5] * a[6] - a[3] * a[8], c2 = a[3] * a[7] - a[4] * a[6];
    double inverse_det = 1.0 / (a[0] * c0 + a[1] * c1 + a[2] * c2);
    double inverse[9] = {c0, a[2] * a[7] - a[1] * a[8], a[1] * a[5] - a[2] * a[4],
                         c1, a[0] * a[8] - a[2] * a[6], a[2] * a[3] - a[0] * a[5],
                         c2, a[1] * a[6] - a[0] * a[7], a[0] * a[4] - a[1] * a[3]};
    for (int i = 0; i < 3; i++) {
        double sum = inverse[3 * i] * b[0] + inverse[3 * i + 1] * b[1] + inverse[3 * i + 2] * b[2];
        position[i] = static_cast<float>(sum * inverse_det);
        // A matrix without an inverse has no camera centre; colours that depend on it shall be numbers all the same.
        if (!std::isfinite(position[i])) position[i] = 0.0f;
    }
    fx = K[0], fy = K[4], cx = K[2], cy = K[5];
    float margin_x = constants::FOV_MARGIN * 0.5f * width / fx, margin_y = constants::FOV_MARGIN * 0.5f * height / fy;
    min_x = -(cx / fx + margin_x), max_x = (width - cx) / fx + margin_x;
    min_y = -(cy / fy + margin_y), max_y = (height - cy) / fy + margin_y;
}

namespace {

inline Four load_three(const float* p) { return Four{p[0], p[1], p[2], 0.0f}; }

// Sum over the bases 1.. of b[k] * coefficients[k], for one Gaussian; b[k] lies W floats after b[k - 1].
inline Four weigh_bands(const float* coefficients, const float* b, int bases) {
    Four even{}, odd{};
    int k = 1;
    // Four floats are read for three: the last band is read exactly, so nothing beyond the array is touched.
    for (; k + 1 < bases; k += 2) {
        even += simd::load_as<Four>(coefficients + 3 * (k - 1)) * b[k * W];
        if (k + 2 < bases)
            odd += simd::load_as<Four>(coefficients + 3 * k) * b[(k + 1) * W];
        else
            odd += load_three(coefficients + 3 * k) * b[(k + 1) * W];
    }
    if (k < bases) even += load_three(coefficients + 3 * (k - 1)) * b[k * W];
    return even + odd;
}

// Colours of the visible lanes: max(0, 1/2 + bands), and the depth behind them when wanted.
void shade(const Gaussians& in, const Camera& camera, const Options& options, int64_t first, int count, const Shape& s,
           const View& view, uint32_t visible, float* out) {
    const int channels = options.depth_channel ? 4 : 3;
    std::fill(out, out + static_cast<int64_t>(count) * channels, 0.0f);
    if (!visible) return;
    Directions direction(s, camera);
    Vf basis[sh::MAX_BASES]{};
    sh::basis(options.sh_degree, direction.d[0], direction.d[1], direction.d[2], basis);
    alignas(64) float b[sh::MAX_BASES * W], depth[W];
    const int bases = sh::base_count(options.sh_degree);
    for (int k = 0; k < bases; k++) simd::store(b + k * W, basis[k]);
    simd::store(depth, view.p[2]);
    for (; visible; visible &= visible - 1) {
        int lane = __builtin_ctz(visible);
        int64_t i = first + lane;
        Four color = load_three(in.sh0 + 3 * i) * b[lane] + 0.5f;
        if (bases > 1) color += weigh_bands(in.shN + i * in.shN_stride, b + lane, bases);
        float* pixel = out + static_cast<int64_t>(lane) * channels;
        for (int c = 0; c < 3; c++) pixel[c] = std::max(color[c], 0.0f);
        if (channels == 4) pixel[3] = depth[lane];
    }
}

uint32_t low_bits(int count) { return count >= 32 ? ~0u : (1u << count) - 1u; }

struct Footprint {
    Vf extent_x, extent_y, radius_x, radius_y, opacity;
    Mask visible;
};

// The culling rules and the opacity-aware bounding box of gsplat (Radl et al. 2024, section B.2).
Footprint footprint(const Shape& s, const View& v, const Options& options, Vf mean_x, Vf mean_y) {
    Footprint f;
    f.opacity = options.antialiased ? s.opacity * v.compensation : s.opacity;
    Mask ok = simd::mask_and(simd::ge(v.p[2], simd::broadcast(options.near_plane)),
                             simd::le(v.p[2], simd::broadcast(options.far_plane)));
    ok = simd::mask_and(ok, simd::mask_and(simd::gt(v.det, Vf{}), simd::finite(v.c00 + v.c11)));
    ok = simd::mask_and(ok, simd::ge(f.opacity, simd::broadcast(constants::ALPHA_MIN)));
    Vf ratio = simd::max(f.opacity * (1.0f / constants::ALPHA_MIN), simd::broadcast(1.0f));
    Vf reach = simd::min(simd::sqrt(simd::max(simd::log2(ratio) * constants::TWO_LN2, Vf{})),
                         simd::broadcast(constants::EXTENT_MAX));
    f.extent_x = reach * simd::sqrt(v.c00);
    f.extent_y = reach * simd::sqrt(v.c11);
    f.radius_x = simd::ceil(f.extent_x);
    f.radius_y = simd::ceil(f.extent_y);
    Vf clip = simd::broadcast(options.radius_clip);
    ok = simd::mask_and(ok, simd::mask_or(simd::gt(f.radius_x, clip), simd::gt(f.radius_y, clip)));
    ok = simd::mask_and(ok, simd::gt(mean_x + f.radius_x, Vf{}));
    ok = simd::mask_and(ok, simd::lt(mean_x - f.radius_x, simd::broadcast(static_cast<float>(options.width))));
    ok = simd::mask_and(ok, simd::gt(mean_y + f.radius_y, Vf{}));
    f.visible = simd::mask_and(ok, simd::lt(mean_y - f.radius_y, simd::broadcast(static_cast<float>(options.height))));
    return f;
}

void forward_lanes(const Gaussians& in, const Camera& camera, const Options& options, const Shape& s, int64_t first,
                   int count, int64_t row, const Projected& out) {
    View view;
    to_camera(s, camera, view);
    project(s, camera, options.eps2d, view);
    Vf mean_x = view.x * camera.fx + camera.cx, mean_y = view.y * camera.fy + camera.cy;
    Footprint f = footprint(s, view, options, mean_x, mean_y);
    Mask visible = f.visible;
    Vf inverse_det = 1.0f / view.det;
    Vf means2d[2] = {simd::keep(visible, mean_x), simd::keep(visible, mean_y)};
    Vf conics[3] = {simd::keep(visible, view.c11 * inverse_det), simd::keep(visible, -(view.c01 * inverse_det)),
                    simd::keep(visible, view.c00 * inverse_det)};
    Vf white[3];
    for (int k = 0; k < 3; k++) white[k] = simd::keep(visible, view.white[k]);
    Vf depths[1] = {simd::keep(visible, view.p[2])};
    Vf opacities[1] = {simd::keep(visible, f.opacity)};
    Vf extents[2] = {simd::keep(visible, f.extent_x), simd::keep(visible, f.extent_y)};
    // A radius beyond the range of int32 would be garbage; nothing on the screen is that large.
    Vf limit = simd::broadcast(1e9f);
    Vf radii[2] = {simd::keep(visible, simd::min(f.radius_x, limit)),
                   simd::keep(visible, simd::min(f.radius_y, limit))};
    store_rows(out.means2d + 2 * row, means2d, count);
    store_rows(out.conics + 3 * row, conics, count);
    store_rows(out.white + 3 * row, white, count);
    store_rows(out.depths + row, depths, count);
    store_rows(out.opacities + row, opacities, count);
    store_rows(out.extents + 2 * row, extents, count);
    float radii_rows[2 * W];
    store_rows(radii_rows, radii, count);
    for (int i = 0; i < 2 * count; i++) out.radii[2 * row + i] = static_cast<int32_t>(radii_rows[i]);
    if (out.colors) {
        int channels = options.depth_channel ? 4 : 3;
        shade(in, camera, options, first, count, s, view, simd::bits(visible) & low_bits(count),
              out.colors + row * channels);
    }
}

}  // namespace

void forward(const Gaussians& in, const std::vector<Camera>& cameras, const Options& options, const Projected& out) {
    parallel_for(in.count, options.threads, GRAIN, [&](int64_t begin, int64_t end) {
        for (int64_t first = begin; first < end; first += W) {
            int count = static_cast<int>(std::min<int64_t>(W, end - first));
            Shape shape;
            load_shape(in, first, lanes_below(count), options.raw, shape);
            for (size_t c = 0; c < cameras.size(); c++)
                forward_lanes(in, cameras[c], options, shape, first, count, static_cast<int64_t>(c) * in.count + first,
                              out);
        }
    });
}

}  // namespace projection
