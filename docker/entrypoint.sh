#!/bin/bash
# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
# Puts ROS 2, the package and the DDS profile that images need into the environment of a command.
set -e
source "/opt/ros/$ROS_DISTRO/setup.bash"
source /ws/install/setup.bash
profile=$(ros2 pkg prefix --share rtseg_ros)/config/fastdds_images.xml
export FASTDDS_DEFAULT_PROFILES_FILE="$profile" FASTRTPS_DEFAULT_PROFILES_FILE="$profile"
exec "$@"
