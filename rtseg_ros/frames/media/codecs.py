# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Codecs of videos by the names that users know; imports nothing."""

# What encodes each, the first that is there.
CODECS = {
    'h264': ('libx264', 'libopenh264'),
    'vp9': ('libvpx-vp9',),
    'av1': ('libsvtav1', 'libaom-av1'),
}
# What an option accepts: auto is what the suffix stands for, or the best that there is.
CODEC_CHOICES = ('auto', *CODECS)
SUFFIXES = {'.mp4': 'h264', '.webm': 'vp9'}
PYAV = "pip install 'av==18.1.0'"
