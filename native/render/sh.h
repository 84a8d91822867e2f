// Real spherical harmonics up to degree 3 for W directions at once, in the order and with the signs of 3DGS.
#pragma once

#include "simd.h"

namespace sh {

constexpr int MAX_BASES = 16;
inline int base_count(int degree) { return (degree + 1) * (degree + 1); }

// b[k]: value of basis function k in the unit direction (x, y, z), one direction a lane.
inline void basis(int degree, simd::Vf x, simd::Vf y, simd::Vf z, simd::Vf* b) {
    using simd::Vf;
    b[0] = simd::broadcast(0.28209479177387814f);
    if (degree < 1) return;
    b[1] = y * -0.4886025119029199f;
    b[2] = z * 0.4886025119029199f;
    b[3] = x * -0.4886025119029199f;
    if (degree < 2) return;
    Vf xx = x * x, yy = y * y, zz = z * z;
    b[4] = x * y * 1.0925484305920792f;
    b[5] = y * z * -1.0925484305920792f;
    b[6] = (zz * 2.0f - xx - yy) * 0.31539156525252005f;
    b[7] = x * z * -1.0925484305920792f;
    b[8] = (xx - yy) * 0.5462742152960396f;
    if (degree < 3) return;
    b[9] = y * (xx * 3.0f - yy) * -0.5900435899266435f;
    b[10] = x * y * z * 2.890611442640554f;
    b[11] = y * (zz * 4.0f - xx - yy) * -0.4570457994644658f;
    b[12] = z * (zz * 2.0f - xx * 3.0f - yy * 3.0f) * 0.3731763325901154f;
    b[13] = x * (zz * 4.0f - xx - yy) * -0.4570457994644658f;
    b[14] = z * (xx - yy) * 1.445305721320277f;
    b[15] = x * (xx - yy * 3.0f) * -0.5900435899266435f;
}

// Partial derivatives of the polynomials above with respect to x, y and z (for k >= 1; entry 0 is not written).
inline void basis_gradient(int degree, simd::Vf x, simd::Vf y, simd::Vf z, simd::Vf* dx, simd::Vf* dy, simd::Vf* dz) {
    using simd::Vf;
    const Vf zero{};
    if (degree < 1) return;
    const float c1 = 0.4886025119029199f;
    dx[1] = zero, dy[1] = zero - c1, dz[1] = zero;
    dx[2] = zero, dy[2] = zero, dz[2] = zero + c1;
    dx[3] = zero - c1, dy[3] = zero, dz[3] = zero;
    if (degree < 2) return;
    const float c4 = 1.0925484305920792f, c6 = 0.31539156525252005f, c8 = 0.5462742152960396f;
    dx[4] = y * c4, dy[4] = x * c4, dz[4] = zero;
    dx[5] = zero, dy[5] = z * -c4, dz[5] = y * -c4;
    dx[6] = x * (-2.0f * c6), dy[6] = y * (-2.0f * c6), dz[6] = z * (4.0f * c6);
    dx[7] = z * -c4, dy[7] = zero, dz[7] = x * -c4;
    dx[8] = x * (2.0f * c8), dy[8] = y * (-2.0f * c8), dz[8] = zero;
    if (degree < 3) return;
    const float c9 = -0.5900435899266435f, c10 = 2.890611442640554f, c11 = -0.4570457994644658f;
    const float c12 = 0.3731763325901154f, c14 = 1.445305721320277f;
    Vf xx = x * x, yy = y * y, zz = z * z, xy = x * y, xz = x * z, yz = y * z;
    dx[9] = xy * (6.0f * c9), dy[9] = (xx - yy) * (3.0f * c9), dz[9] = zero;
    dx[10] = yz * c10, dy[10] = xz * c10, dz[10] = xy * c10;
    dx[11] = xy * (-2.0f * c11), dy[11] = (zz * 4.0f - xx - yy * 3.0f) * c11, dz[11] = yz * (8.0f * c11);
    dx[12] = xz * (-6.0f * c12), dy[12] = yz * (-6.0f * c12), dz[12] = (zz * 2.0f - xx - yy) * (3.0f * c12);
    dx[13] = (zz * 4.0f - xx * 3.0f - yy) * c11, dy[13] = xy * (-2.0f * c11), dz[13] = xz * (8.0f * c11);
    dx[14] = xz * (2.0f * c14), dy[14] = yz * (-2.0f * c14), dz[14] = (xx - yy) * c14;
    dx[15] = (xx - yy) * (3.0f * c9), dy[15] = xy * (-6.0f * c9), dz[15] = zero;
}

}  // namespace sh
