# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where files of the package lie on this machine: those installed beside the code, the cache."""

import os
from pathlib import Path
import sys

from rtseg_ros.errors import EngineError, RtsegError

PROFILE = 'config/fastdds_images.xml'
# Where Fast DDS looks for profiles: from version 3 on (Kilted), and before. The old library reads
# the old name only and the new one warns of it, so only the one that is read is ever set.
PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
# The library had the old name as long.
_LIBRARIES = ('libfastdds.so*', 'libfastrtps.so*')
# What Fast DDS takes out of the folder that a process starts in.
_FOUND_BY_ITSELF = ('DEFAULT_FASTDDS_PROFILES.xml', 'DEFAULT_FASTRTPS_PROFILES.xml')


def share_file(name: str) -> Path:
    """Return an installed file, e.g. ``config/fastdds_images.xml``.

    Looked for in the source tree, then where pip puts it, then in every ament prefix.

    Raises:
        RtsegError: If the installation lacks it.
    """
    prefixes = [sys.prefix, *os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)]
    places = [Path(__file__).parent.parent / name]
    places += [Path(prefix) / 'share' / 'rtseg_ros' / name for prefix in prefixes if prefix]
    for place in places:
        if place.is_file():
            return place
    raise RtsegError(
        f"'{name}' is not installed; looked in {', '.join(str(p.parent) for p in places)}. "
        'Install the package again'
    )


def cache_folder() -> Path:
    """Return the folder of built engines, which need not be there yet.

    It is ``rtseg_ros`` in XDG_CACHE_HOME, or in ~/.cache if that is unset or relative: the XDG
    base directory specification says to ignore a relative path.

    Raises:
        EngineError: If this user has no home folder.
    """
    configured = os.environ.get('XDG_CACHE_HOME', '')
    if os.path.isabs(configured):
        return Path(configured) / 'rtseg_ros'
    try:
        return Path.home() / '.cache' / 'rtseg_ros'
    except RuntimeError as error:
        raise EngineError(
            f'no folder for built engines: {error}; set XDG_CACHE_HOME or the option cache_folder'
        ) from error


def profile_variable() -> str:
    """Return the environment variable in which the Fast DDS of this machine looks for profiles.

    It goes by the library that is found first where the loader, ament and pip have theirs. Names
    of distributions would not do: ROS from wheels sets none. Where there is no library at all, it
    is the name that later ones read.
    """
    for folder in _library_folders():
        for name, library in zip(PROFILE_VARIABLES, _LIBRARIES, strict=True):
            if any(folder.glob(library)):
                return name
    return PROFILE_VARIABLES[0]


def _library_folders() -> list[Path]:
    """Return the folders that hold the middleware, in the order in which they are searched."""
    loader = os.environ.get('LD_LIBRARY_PATH', '').split(os.pathsep)
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    folders = loader + [os.path.join(prefix, 'lib') for prefix in prefixes if prefix]
    return [Path(folder) for folder in folders if folder]


def image_profile_environment(choice: str = 'auto') -> dict[str, str]:
    """Return what a process needs in its environment so that Fast DDS has room for images.

    Args:
        choice: ``auto`` for the profile of this package, unless the middleware is not Fast DDS or
            the user has set something of his own; ``none`` for nothing; or the path of a profile.

    Raises:
        RtsegError: If the installation lacks the profile.
    """
    if choice == 'none' or (choice == 'auto' and own_transport_settings()):
        return {}
    profile = share_file(PROFILE) if choice == 'auto' else choice
    return {profile_variable(): str(profile)}


def is_fast_dds() -> bool:
    """Return whether ROS talks through Fast DDS here, which it does unless told otherwise."""
    return os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp').startswith('rmw_fastrtps')


def has_profile() -> bool:
    """Return whether this process was started with a profile of Fast DDS."""
    return any(os.environ.get(name) for name in PROFILE_VARIABLES)


def own_transport_settings() -> str:
    """Name the setting by which the user chose his own transport; empty if there is none."""
    if not is_fast_dds():
        return 'RMW_IMPLEMENTATION'
    for name in (*PROFILE_VARIABLES, 'FASTDDS_BUILTIN_TRANSPORTS'):
        if name in os.environ:
            return name
    return next((name for name in _FOUND_BY_ITSELF if Path(name).exists()), '')


def use_image_profile() -> None:
    """Give Fast DDS room for images, in this process and its children; your own settings stay.

    To be called before rclpy starts, because Fast DDS reads it only then.

    Raises:
        RtsegError: If the installation lacks the profile.
    """
    os.environ.update(image_profile_environment())
