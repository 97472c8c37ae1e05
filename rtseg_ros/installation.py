"""Where files of the package lie on this machine: those installed beside the code, the cache."""

import os
from pathlib import Path
import sys

from rtseg_ros.errors import EngineError, RtsegError

# Where Fast DDS looks for profiles: from version 3 on (Kilted), and before. Kilted's middleware
# warns of the old name, so only the one that a distribution reads is ever set.
_OLD_NAME_IN = ('humble', 'iron', 'jazzy')
PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


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
    """Return the environment variable in which this ROS distribution looks for DDS profiles."""
    return PROFILE_VARIABLES[os.environ.get('ROS_DISTRO') in _OLD_NAME_IN]


def use_image_profile() -> None:
    """Give Fast DDS room for images, in this process and its children; your own profile stays.

    To be called before rclpy starts, because Fast DDS reads it only then.

    Raises:
        RtsegError: If the installation lacks the profile.
    """
    if not any(name in os.environ for name in PROFILE_VARIABLES):
        os.environ[profile_variable()] = str(share_file('config/fastdds_images.xml'))
