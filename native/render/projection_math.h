// The formulas of the projection for W Gaussians at once, shared by the forward and the backward pass.
#pragma once

#include "reduce.h"
#include "render/constants.h"
#include "render/projection.h"
#include "simd.h"

namespace projection {

using simd::Four;
using simd::Mask;
using simd::Vf;
using simd::Vi;
using simd::W;

constexpr int64_t GRAIN = 512;  // Gaussians a chunk; a multiple of every W

// What belongs to the Gaussian alone.
struct Shape {
    Vf mean[3];
    Vf quat[4], inverse_norm;  // of unit length
    Vf R[9];                   // rotation of the quaternion
    Vf scale[3];
    Vf M[9];                   // R times diag(scale): the covariance is M M^T
    Vf opacity;
};

// What depends on the camera, too.
struct View {
    Vf p[3];              // centre in camera space
    Vf inverse_z;
    Vf x, y;              // p.x / p.z and p.y / p.z ...
    Vf clamped_x, clamped_y;  // ... and as the Jacobian takes them
    Mask free_x, free_y;  // where the clamp does nothing
    Vf K[9];              // camera rotation times M
    Vf J00, J02, J11, J12;
    Vf u[3], v[3];        // rows of J K: the 2D covariance is [[u.u, u.v], [u.v, v.v]]
    Vf uu, vv;            // u.u and v.v
    Vf cross[3];          // u x v
    Vf c00, c01, c11;     // 2D covariance with the blur
    Vf det, compensation;
    Vf white[3];          // p, m, s; see `whiten`
};

// Component `k` of the rows `lane` of an array whose rows lie `stride` floats apart.
inline Vf column(const float* base, int64_t first, int stride, int k, Vi lane) {
    return simd::gather(base + first * stride + k, lane * stride);
}

// Quaternions whose squares leave the range of float32 are brought into it by powers of two, which round nothing. One
// of length 0 means no rotation.
inline void normalise_extreme(const Vf* q, Mask extreme, Vf norm2, Shape& s) {
    constexpr float UP = 0x1p100f, DOWN = 0x1p-70f, LARGEST_INVERSE = 1e12f;  // of a length: keeps gradients finite
    const Vf factor = simd::select(simd::lt(norm2, simd::broadcast(1.0f)), simd::broadcast(UP), simd::broadcast(DOWN));
    Vf near_one[4], scaled_norm2{};
    for (int k = 0; k < 4; k++) {
        near_one[k] = q[k] * factor;
        scaled_norm2 += near_one[k] * near_one[k];
    }
    const Vf inverse = 1.0f / simd::sqrt(simd::max(scaled_norm2, simd::broadcast(1e-36f)));
    for (int k = 0; k < 4; k++) s.quat[k] = simd::select(extreme, near_one[k] * inverse, s.quat[k]);
    s.inverse_norm =
        simd::select(extreme, simd::min(inverse * factor, simd::broadcast(LARGEST_INVERSE)), s.inverse_norm);
}

inline void load_shape(const Gaussians& g, int64_t first, Vi lane, bool raw, Shape& s) {
    for (int k = 0; k < 3; k++) s.mean[k] = column(g.means, first, 3, k, lane);
    Vf q[4], norm2{};
    for (int k = 0; k < 4; k++) {
        q[k] = column(g.quats, first, 4, k, lane);
        norm2 += q[k] * q[k];
    }
    s.inverse_norm = 1.0f / simd::sqrt(norm2);
    for (int k = 0; k < 4; k++) s.quat[k] = q[k] * s.inverse_norm;
    Mask extreme = simd::mask_or(simd::lt(norm2, simd::broadcast(1e-24f)), simd::gt(norm2, simd::broadcast(1e37f)));
    if (simd::any(extreme)) normalise_extreme(q, extreme, norm2, s);
    Vf w = s.quat[0], x = s.quat[1], y = s.quat[2], z = s.quat[3];
    s.R[0] = 1.0f - (y * y + z * z) * 2.0f;
    s.R[1] = (x * y - w * z) * 2.0f;
    s.R[2] = (x * z + w * y) * 2.0f;
    s.R[3] = (x * y + w * z) * 2.0f;
    s.R[4] = 1.0f - (x * x + z * z) * 2.0f;
    s.R[5] = (y * z - w * x) * 2.0f;
    s.R[6] = (x * z - w * y) * 2.0f;
    s.R[7] = (y * z + w * x) * 2.0f;
    s.R[8] = 1.0f - (x * x + y * y) * 2.0f;
    for (int k = 0; k < 3; k++) {
        Vf value = column(g.scales, first, 3, k, lane);
        s.scale[k] = raw ? simd::exp(value) : value;
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) s.M[3 * i + j] = s.R[3 * i + j] * s.scale[j];
    Vf value = column(g.opacities, first, 1, 0, lane);
    s.opacity = raw ? 1.0f / (simd::exp(-value) + 1.0f) : value;
}

inline void to_camera(const Shape& s, const Camera& c, View& o) {
    for (int i = 0; i < 3; i++)
        o.p[i] = s.mean[0] * c.R[3 * i] + s.mean[1] * c.R[3 * i + 1] + s.mean[2] * c.R[3 * i + 2] + c.t[i];
}

inline void cross_product(const Vf* a, const Vf* b, Vf* out) {
    for (int i = 0; i < 3; i++) out[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

// The factors p, m, s with which a pixel at (dx, dy) from the centre has the exponent -(t^2 + r^2) / 2, where
// t = p (dx - m dy) and r = s dy: y spreads by 1 / s, and x by 1 / p around m y. These are the factors of the inverse
// covariance (its Cholesky decomposition). The entries of the inverse itself would cancel (length / width)^2 times
// where a needle's exponent is evaluated; t cancels (length / width) times, no more than the pixels' own coordinates
// do.
inline void whiten(View& o) {
    o.white[0] = simd::sqrt(o.c11 / o.det);
    o.white[1] = o.c01 / o.c11;
    o.white[2] = 1.0f / simd::sqrt(o.c11);
}

// Everything of View after `to_camera`. Lanes behind the camera give garbage that the caller masks out.
inline void project(const Shape& s, const Camera& c, float eps2d, View& o) {
    o.inverse_z = 1.0f / o.p[2];
    o.x = o.p[0] * o.inverse_z;
    o.y = o.p[1] * o.inverse_z;
    o.clamped_x = simd::clamp(o.x, c.min_x, c.max_x);
    o.clamped_y = simd::clamp(o.y, c.min_y, c.max_y);
    o.free_x = simd::mask_and(simd::ge(o.x, simd::broadcast(c.min_x)), simd::le(o.x, simd::broadcast(c.max_x)));
    o.free_y = simd::mask_and(simd::ge(o.y, simd::broadcast(c.min_y)), simd::le(o.y, simd::broadcast(c.max_y)));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            o.K[3 * i + j] = s.M[j] * c.R[3 * i] + s.M[3 + j] * c.R[3 * i + 1] + s.M[6 + j] * c.R[3 * i + 2];
    o.J00 = o.inverse_z * c.fx;
    o.J02 = -(o.J00 * o.clamped_x);
    o.J11 = o.inverse_z * c.fy;
    o.J12 = -(o.J11 * o.clamped_y);
    Vf uv{};
    o.uu = o.vv = Vf{};
    for (int j = 0; j < 3; j++) {
        o.u[j] = o.J00 * o.K[j] + o.J02 * o.K[6 + j];
        o.v[j] = o.J11 * o.K[3 + j] + o.J12 * o.K[6 + j];
        o.uu += o.u[j] * o.u[j];
        uv += o.u[j] * o.v[j];
        o.vv += o.v[j] * o.v[j];
    }
    o.c00 = o.uu + eps2d;
    o.c01 = uv;
    o.c11 = o.vv + eps2d;
    // uu * vv - uv * uv is the squared length of the cross product (Lagrange); in this form the determinants of long,
    // thin Gaussians do not drown in rounding errors.
    cross_product(o.u, o.v, o.cross);
    Vf det_sharp = o.cross[0] * o.cross[0] + o.cross[1] * o.cross[1] + o.cross[2] * o.cross[2];
    o.det = det_sharp + (o.uu + o.vv) * eps2d + eps2d * eps2d;
    // What is too large for float32 loses nothing by the blur.
    o.compensation = simd::select(simd::finite(o.det), simd::sqrt(det_sharp / o.det), simd::broadcast(1.0f));
    whiten(o);
}

// Unit vectors from the camera to the Gaussians.
struct Directions {
    Vf d[3];
    Vf inverse_length;
    Directions(const Shape& s, const Camera& c) {
        Vf length2{};
        for (int k = 0; k < 3; k++) {
            d[k] = s.mean[k] - c.position[k];
            length2 += d[k] * d[k];
        }
        inverse_length = 1.0f / simd::sqrt(simd::max(length2, simd::broadcast(1e-24f)));
        for (int k = 0; k < 3; k++) d[k] *= inverse_length;
    }
};

// Writes the first `count` lanes of n vectors as rows of n floats.
template <int n>
void store_rows(float* out, const Vf (&values)[n], int count) {
    alignas(64) float lanes[n][W];
    for (int k = 0; k < n; k++) simd::store(lanes[k], values[k]);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < n; k++) out[i * n + k] = lanes[k][i];
}

// Indices of W Gaussians, the last one repeated beyond `count`.
inline Vi lanes_below(int count) {
    Vi lane = simd::lane_index();
    for (int i = 0; i < W; i++) lane[i] = std::min(lane[i], count - 1);
    return lane;
}

}  // namespace projection
