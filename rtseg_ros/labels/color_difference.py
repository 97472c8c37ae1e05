# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How different two colours look: CIEDE2000, for normal and for colour-blind eyes."""

import numpy as np

# The matrices of Machado et al. for full severity, on linear RGB.
_SEEN_BY = {
    'normal': np.eye(3),
    'protan': np.array([
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]),
    'deutan': np.array([
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]),
}  # fmt: skip
VISIONS = tuple(_SEEN_BY)

# IEC 61966-2-1 (sRGB), and its white, D65.
_XYZ_FROM_RGB = np.array([
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
])  # fmt: skip
_WHITE = _XYZ_FROM_RGB.sum(1)
_25_TO_7 = 25.0**7


def lab_from_bgr(bgr: np.ndarray, *, vision: str = 'normal') -> np.ndarray:
    """Return CIE L*a*b* (D65) of sRGB colours as somebody sees them.

    Dichromats are simulated as in Machado, Oliveira and Fernandes, "A Physiologically-based Model
    for Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009, at severity 1.

    Args:
        bgr: (..., 3), 0..255.
        vision: One of ``VISIONS``; protan eyes lack the red cones, deutan eyes the green ones.

    Returns:
        (..., 3) float64.
    """
    encoded = np.asarray(bgr, np.float64)[..., ::-1] / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ _SEEN_BY[vision].T, 0, 1)
    xyz = seen @ _XYZ_FROM_RGB.T / _WHITE
    small = xyz <= (6 / 29) ** 3
    f = np.where(small, xyz * (29 / 6) ** 2 / 3 + 4 / 29, np.cbrt(xyz))
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def ciede2000(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the colour difference CIEDE2000; about 1 is just noticeable side by side.

    By the notes of Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula: Implementation
    Notes, Supplementary Test Data, and Mathematical Observations", Color Research and Application
    30(1), 2005; the numbers of its equations stand at the lines.

    Args:
        one: (..., 3) L*a*b*.
        other: Likewise; they are broadcast against each other.
    """
    (l_1, a_1, b_1), (l_2, a_2, b_2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean_7 = ((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_7 / (mean_7 + _25_TO_7))  # 1 + G, 4
    c_1, c_2 = np.hypot(a_1 * stretch, b_1), np.hypot(a_2 * stretch, b_2)  # 5, 6
    h_1 = np.degrees(np.arctan2(b_1, a_1 * stretch)) % 360  # 7
    h_2 = np.degrees(np.arctan2(b_2, a_2 * stretch)) % 360
    gray, far = c_1 * c_2 == 0, np.abs(h_2 - h_1) > 180
    turn = np.where(far, h_2 - h_1 - 360 * np.sign(h_2 - h_1), h_2 - h_1)  # 10
    d_l, d_c = l_2 - l_1, c_2 - c_1  # 8, 9
    d_h = 2 * np.sqrt(c_1 * c_2) * np.sin(np.radians(turn / 2))  # 11
    light, c = (l_1 + l_2) / 2, (c_1 + c_2) / 2  # 12, 13
    mean = np.where(far, (h_1 + h_2 + 360) / 2, (h_1 + h_2) / 2) % 360
    h = np.where(gray, h_1 + h_2, mean)  # 14
    t = (
        1
        - 0.17 * np.cos(np.radians(h - 30))
        + 0.24 * np.cos(np.radians(2 * h))
        + 0.32 * np.cos(np.radians(3 * h + 6))
        - 0.20 * np.cos(np.radians(4 * h - 63))
    )  # 15
    rotation = np.radians(60 * np.exp(-(((h - 275) / 25) ** 2)))  # 16, twice
    s_l = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)  # 18
    s_c, s_h = 1 + 0.045 * c, 1 + 0.015 * c * t  # 19, 20
    r_t = -2 * np.sqrt(c**7 / (c**7 + _25_TO_7)) * np.sin(rotation)  # 17, 21
    l_part, c_part, h_part = d_l / s_l, d_c / s_c, d_h / s_h
    return np.sqrt(l_part**2 + c_part**2 + h_part**2 + r_t * c_part * h_part)  # 22
