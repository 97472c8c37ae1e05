"""``report.html``: one page that opens anywhere, without a network and without scripts."""

from collections.abc import Mapping
from html import escape
import math
from typing import Any

import numpy as np

from rtseg_ros.evaluation.previews import Preview
from rtseg_ros.evaluation.report.pictures import frames_section
from rtseg_ros.evaluation.report.plots import latency_histogram_svg, reliability_svg, timeline_svg
from rtseg_ros.evaluation.report.style import CSS
from rtseg_ros.labels import LabelSet, label_set_from_dict
from rtseg_ros.metrics.latency import StageLatencies, Timeline

# Shares of the confusion matrix from here on are written in full ink.
_MUCH = 0.05


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
    model, source = report['model'], report['source']
    title = f'{model.get("file", "?")} on {source.get("name", "?")}'
    labels = label_set_from_dict(report['labels'], source='report') if _scored(report) else None
    parts = [
        f'<h1>{escape(title)}</h1>',
        f'<p class="muted">{escape(_subtitle(report))}</p>',
        _alerts(report),
        _tiles(report),
    ]
    if labels is not None:
        parts += [_classes(report, labels), _confusion(report, labels)]
    parts.append(_times(report, timeline, latencies))
    if 'live' in report:
        parts.append(_live(report['live']))
    if 'calibration' in report:
        parts.append(_calibration(report['calibration']))
    if labels is not None and previews:
        parts.append(frames_section(previews, labels))
    parts += [_accounting(report), _origin(report)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n'
        f'<style>{CSS}</style>\n</head>\n<body>\n<main>\n' + '\n'.join(filter(None, parts))
        + '\n</main>\n</body>\n</html>\n'
    )  # fmt: skip


def _scored(report: Mapping[str, Any]) -> bool:
    return bool(report.get('frames_with_truth'))


def _subtitle(report: Mapping[str, Any]) -> str:
    machine, model = report['machine'], report['model']
    return ', '.join(
        filter(
            None,
            (
                f'{report["mode"]} evaluation',
                f'{report["frames"]} frames',
                str(model.get('network', '')),
                str(model.get('engine', '')),
                str(model.get('precision', '')),
                str(model.get('device', '')),
                str(machine['processor']),
                report['created'][:16].replace('T', ' ') + ' UTC',
            ),
        )
    )


def _alerts(report: Mapping[str, Any]) -> str:
    alerts = []
    if not report['complete']:
        alerts.append(f'Ended early ({report["stopped_by"]}): figures are of the frames so far.')
    if not _scored(report):
        alerts.append('No ground truth was compared: this report is about speed only.')
    unknown = report.get('unknown_labels', {'pixels': 0})
    if unknown['pixels']:
        alerts.append(
            f'{unknown["pixels"]} pixels in {unknown["frames"]} frames have ground-truth ids that '
            'are no class; they were left out.'
        )
    return ''.join(f'<div class="alert">{escape(text)}</div>' for text in alerts)


def _tiles(report: Mapping[str, Any]) -> str:
    tiles = [
        ('mIoU', _percent(report.get('miou'))),
        ('category mIoU', _percent(report.get('category_miou'))),
        ('pixel accuracy', _percent(report.get('pixel_accuracy'))),
        ('boundary F-score', _percent(report.get('boundary_f_score'))),
        ('temporal stability', _percent(report.get('temporal_stability'))),
    ]
    total = report['latency_ms'].get('total')
    if total:
        tiles += [
            ('latency p50', f'{total["p50"]:.1f} ms'),
            ('latency p99', f'{total["p99"]:.1f} ms'),
        ]
    if report['fps']:
        tiles.append(('masks per second', f'{report["fps"]:.1f}'))
    sustained = report.get('live', {}).get('sustained_hz')
    if sustained:
        tiles.append(('sustained rate', f'{sustained:.1f} Hz'))
    accounting = report['accounting']
    lost = accounting['received'] - accounting['published']
    if accounting['received']:
        share = 100 * lost / accounting['received']
        tiles.append(('frames without a mask', f'{lost} ({share:.1f} %)' if lost else '0'))
    cells = [
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
        for name, value in tiles
        if value != _NONE
    ]
    return f'<div class="tiles">{"".join(cells)}</div>'


_NONE = '–'


def _percent(value: float | None) -> str:
    return _NONE if value is None else f'{100 * value:.1f} %'


def _classes(report: Mapping[str, Any], labels: LabelSet) -> str:
    pixels = report['truth_pixels']
    total = max(sum(pixels.values()), 1)
    boundary, instance = report['boundary_f_score_by_class'], report['instance_iou']
    head = '<th>class</th><th>IoU</th><th></th>'
    head += '<th>boundary F</th>' if boundary else ''
    head += '<th>iIoU</th>' if instance else ''
    head += '<th>share of truth</th>'
    rows = []
    for name, color in zip(labels.names, labels.colors, strict=True):
        iou = report['iou'][name]
        bar = '' if iou is None else f'<div><i style="width:{100 * iou:.1f}%"></i></div>'
        row = (
            f'<td>{_swatch(color)}{escape(name)}</td><td>{_percent(iou)}</td>'
            f'<td class="bar">{bar}</td>'
        )
        row += f'<td>{_percent(boundary[name])}</td>' if boundary else ''
        row += f'<td>{_percent(instance.get(name))}</td>' if instance else ''
        rows.append(f'<tr>{row}<td>{100 * pixels[name] / total:.2f} %</td></tr>')
    extra = ''
    if report['category_iou']:
        cells = ', '.join(
            f'{escape(name)} {_percent(value)}' for name, value in report['category_iou'].items()
        )
        extra = f'<p class="small muted" style="margin-top:10px">Categories: {cells}</p>'
    return (
        '<section><h2>Classes</h2><div class="scroll"><table class="plain">'
        f'<thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>{extra}'
        '</section>'
    )


def _swatch(color: tuple[int, int, int]) -> str:
    return f'<span class="swatch" style="background:rgb{color}"></span>'


def _confusion(report: Mapping[str, Any], labels: LabelSet) -> str:
    counts = np.array(report['confusion_matrix'], np.float64)
    names = [*labels.names, 'unlabelled']
    if not counts[:, -1].any():
        counts, names = counts[:, :-1], names[:-1]
    sums = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    head = ''.join(f'<th><span>{escape(name)}</span></th>' for name in names)
    rows = []
    for i, name in enumerate(labels.names):
        cells = ''.join(
            _matrix_cell(float(share), hit=i == j, title=f'{name} predicted as {names[j]}')
            for j, share in enumerate(shares[i])
        )
        rows.append(f'<tr><th>{escape(name)}</th>{cells}</tr>')
    return (
        '<section><h2>Confusion</h2><p class="small muted">Rows: truth, in % of its pixels. '
        'Columns: prediction.</p><div class="scroll"><table class="matrix"><thead><tr><th></th>'
        f'{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></section>'
    )


def _matrix_cell(share: float, *, hit: bool, title: str) -> str:
    kinds = ['hit'] if hit else []
    # Mistakes are rarer than hits: the root makes a few per cent visible.
    shade = share if hit else math.sqrt(share)
    if share > _MUCH:
        kinds.append('much')
    text = '' if share < 0.0005 else f'{100 * share:.1f}'
    return (
        f'<td class="{" ".join(kinds)}" style="--v:{shade:.2f}" '
        f'title="{escape(title)}: {100 * share:.2f} %">{text}</td>'
    )


def _times(report: Mapping[str, Any], timeline: Timeline, latencies: StageLatencies) -> str:
    if 'total' not in latencies.stages:
        return ''
    histogram = latency_histogram_svg(latencies.stages['total'])
    x_label = 'time (s)' if report['mode'] == 'live' else 'frame'
    series = timeline_svg(timeline.moments, x_label=x_label)
    rows = ''.join(
        f'<tr><td>{escape(stage)}</td>'
        + ''.join(f'<td>{values[key]:.2f}</td>' for key in ('p50', 'p95', 'p99', 'max'))
        + '</tr>'
        for stage, values in report['latency_ms'].items()
    )
    return (
        f'<div class="pair"><section><h2>Latency</h2>{histogram}</section>'
        f'<section><h2>Over time</h2>{series}</section></div>'
        '<section><h2>Stages, in milliseconds</h2><div class="scroll"><table class="plain">'
        '<thead><tr><th>stage</th><th>p50</th><th>p95</th><th>p99</th><th>max</th>'
        f'</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


# Title, key, unit of the figures of a live evaluation.
_LIVE = (
    ('images sent', 'sent', ''),
    ('masks received', 'masks', ''),
    ('rate of images', 'sent_hz', ' Hz'),
    ('rate of masks', 'masks_hz', ' Hz'),
    ('jitter of images (deviation of their intervals)', 'sent_jitter_ms', ' ms'),
    ('jitter of masks', 'masks_jitter_ms', ' ms'),
    ('CPU of the node, mean (100 % is one core)', 'node_cpu_percent_mean', ' %'),
    ('CPU of the node, highest', 'node_cpu_percent_max', ' %'),
    ('memory of the node, at first', 'node_memory_mib_first', ' MiB'),
    ('memory of the node, highest', 'node_memory_mib_max', ' MiB'),
    ('sustained rate (less than 5 % lost)', 'sustained_hz', ' Hz'),
)


def _live(live: Mapping[str, Any]) -> str:
    rows = ''.join(
        f'<tr><td class="text">{title}</td><td>{live[key]:.4g}{unit}</td></tr>'
        for title, key, unit in _LIVE
        if live.get(key) is not None
    )
    tried = ''.join(
        f'<tr><td>{probe["rate_hz"]:.2f} Hz</td><td>{probe["sent_hz"]:.2f} Hz</td>'
        f'<td>{probe["sent"]}</td><td>{probe["masks"]}</td><td>{100 * probe["lost"]:.1f} %</td>'
        '</tr>'
        for probe in live.get('probes', ())
    )
    probes = (
        '<section><h2>Search of the sustained rate</h2><div class="scroll"><table class="plain">'
        '<thead><tr><th>asked</th><th>sent</th><th>images</th><th>masks</th><th>lost</th></tr>'
        f'</thead><tbody>{tried}</tbody></table></div></section>'
        if tried
        else ''
    )
    return (
        f'<div class="pair"><section><h2>Live</h2><table class="plain">{rows}</table></section>'
        f'{probes}</div>'
    )


def _calibration(calibration: Mapping[str, Any]) -> str:
    curves = {'before': calibration['curve_before'], 'after': calibration['curve_after']}
    return (
        '<section><h2>Calibration of confidence</h2><p>Temperature '
        f'{calibration["temperature_before"]:.3f} to {calibration["temperature_after"]:.3f}; '
        'expected calibration error '
        f'{100 * calibration["ece_before"]:.2f} % to {100 * calibration["ece_after"]:.2f} % '
        f'on {calibration["pixels"]} pixels that the fit has not seen.</p>'
        f'<div style="max-width:460px">{reliability_svg(curves)}</div></section>'
    )


def _accounting(report: Mapping[str, Any]) -> str:
    bins = ''.join(
        f'<tr><td>{escape(name)}</td><td>{count}</td></tr>'
        for name, count in report['accounting'].items()
    )
    reasons = ''.join(
        f'<tr><td class="text">{escape(reason)}</td><td>{count}</td></tr>'
        for reason, count in report['reasons'].items()
    )
    noticed = (
        f'<section><h2>Noticed on the way</h2><table class="plain">{reasons}</table></section>'
        if reasons
        else ''
    )
    return (
        f'<div class="pair"><section><h2>Where frames ended</h2><table class="plain">{bins}'
        f'</table></section>{noticed}</div>'
    )


def _origin(report: Mapping[str, Any]) -> str:
    facts = {
        'command': report['command'],
        'class mapping': report['mapping'] or 'none',
        **{f'model {key}': value for key, value in report['model'].items()},
        **{f'source {key}': value for key, value in report['source'].items()},
        **{f'machine {key}': value for key, value in report['machine'].items()},
        **{f'version of {key}': value for key, value in report['versions'].items()},
    }
    rows = ''.join(
        f'<dt>{escape(key)}</dt><dd><code>{escape(_plain(value))}</code></dd>'
        for key, value in facts.items()
        if value not in ('', None)
    )
    return f'<section><h2>How this was measured</h2><dl class="facts">{rows}</dl></section>'


def _plain(value: Any) -> str:
    return ', '.join(str(item) for item in value) if isinstance(value, list) else str(value)
