# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Renders ``report.html`` from its template, ``page.html.j2``; every value is escaped."""

from collections.abc import Mapping
from pathlib import Path
import re
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rtseg_ros.evaluation.previews import Preview
from rtseg_ros.evaluation.report.plots import (
    FRAME,
    latency_histogram_svg,
    reliability_svg,
    timeline_svg,
)
from rtseg_ros.evaluation.report.sections import percent, view_of_report
from rtseg_ros.metrics.latency import StageLatencies, Timeline

_FOLDER = Path(__file__).parent


def page(
    report: Mapping[str, Any],
    *,
    timeline: Timeline,
    latencies: StageLatencies,
    previews: Mapping[str, Preview],
) -> str:
    """Return the whole page.

    Args:
        report: As ``report_from_recorder`` makes it.
        timeline: Latency and losses over time.
        latencies: Times per stage; the plot shows ``total``.
        previews: Frames to show, by title.
    """
    return rendered(
        'page.html.j2',
        # The template asks for sections that not every report has.
        report={'live': None, 'calibration': None, **report},
        view=view_of_report(report, previews),
        plots=_plots(report, timeline, latencies),
    )


def rendered(template: str, **values: Any) -> str:
    """Return a template of this folder, filled in, with the style sheet as ``css``.

    Args:
        template: Its file name.
        values: What it shows; escaped unless it is ``Markup``.
    """
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters['percent'] = percent
    environment.filters['breakable'] = _breakable
    css = Markup((_FOLDER / 'page.css').read_text(encoding='utf-8'))
    return environment.get_template(template).render(css=css, **values)


def _breakable(text: str) -> Markup:
    """Let a name break behind its underscores, slashes and hyphens rather than anywhere."""
    return Markup('<wbr>').join(re.split('(?<=[_/-])', text))


def _plots(
    report: Mapping[str, Any], timeline: Timeline, latencies: StageLatencies
) -> dict[str, Markup | None]:
    """Draw what there is to draw; matplotlib has escaped the words in it."""
    plots: dict[str, Markup | None] = dict.fromkeys(('latency', 'timeline', 'reliability'))
    if 'total' in latencies.stages:
        x_label = 'time (s)' if report['mode'] == 'live' else FRAME
        plots['latency'] = Markup(latency_histogram_svg(latencies.stages['total']))
        plots['timeline'] = Markup(timeline_svg(timeline.moments, x_label=x_label))
    if 'calibration' in report:
        calibration = report['calibration']
        curves = {'before': calibration['curve_before'], 'after': calibration['curve_after']}
        plots['reliability'] = Markup(reliability_svg(curves))
    return plots
