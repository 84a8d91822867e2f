"""From latitude, longitude and altitude to metres east, north and up of a place (WGS84)."""

from __future__ import annotations

import numpy as np

from splat.frame import Geodetic

AXIS = 6_378_137.0  # m, half the equator's diameter
ECCENTRICITY2 = 6.69437999014e-3  # the ellipsoid's first eccentricity, squared


def enu(places: np.ndarray, origin: Geodetic) -> np.ndarray:
    """[N, 3] metres east, north and up of `origin`, of places [N, 3]: latitude and longitude in degrees, altitude in m.

    Coordinates of the plane that touches the ellipsoid there: 10 km away the ground lies 8 m below it.
    """
    zero = np.array([[origin.latitude, origin.longitude, origin.altitude]])
    latitude, longitude = np.radians(origin.latitude), np.radians(origin.longitude)
    sin_lat, cos_lat, sin_lon, cos_lon = np.sin(latitude), np.cos(latitude), np.sin(longitude), np.cos(longitude)
    axes = np.array(
        [
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        ]
    )
    local: np.ndarray = (ecef(places) - ecef(zero)) @ axes.T
    return local


def ecef(places: np.ndarray) -> np.ndarray:
    """[N, 3] metres from the Earth's centre, x to latitude and longitude 0, z to the pole; of places [N, 3]."""
    latitude, longitude, altitude = np.radians(places[:, 0]), np.radians(places[:, 1]), places[:, 2]
    normal = AXIS / np.sqrt(1 - ECCENTRICITY2 * np.sin(latitude) ** 2)
    ring = (normal + altitude) * np.cos(latitude)
    up = (normal * (1 - ECCENTRICITY2) + altitude) * np.sin(latitude)
    return np.stack([ring * np.cos(longitude), ring * np.sin(longitude), up], axis=1)
