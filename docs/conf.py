# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Builds these pages and the API reference as a site: make docs.

Sphinx, because ROS's own documentation (rosdoc2) is built with it and takes this file as it is;
MyST, so that the pages are the ones that GitHub shows.
"""

import importlib.metadata

project = 'rtseg_ros'
copyright = 'the rtseg_ros maintainers'
version = release = importlib.metadata.version('rtseg_ros')

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode']
html_theme = 'furo'
html_title = f'rtseg_ros {version}'
exclude_patterns = ['_build']

# GitHub's names of headings, so that one link works there and here.
myst_heading_anchors = 4

autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
autodoc_member_order = 'bysource'
napoleon_use_ivar = True


def _link_to_the_cards(app, name: str, source: list[str]) -> None:
    """Point at the page that has the models' cards, which lie beside the models."""
    source[0] = source[0].replace('(../rtseg_ros/models/README.md', '(shipped_models.md')


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect('source-read', _link_to_the_cards)
