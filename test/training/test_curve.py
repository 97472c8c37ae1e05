# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The learning curve: one epoch and many, with and without a validation."""

from drawn import legend, ticks
import pytest

from rtseg_ros.training.curve import EpochFigures, curve_figure, write_curve


def history(epochs, validate_every=5):
    return [
        EpochFigures(epoch, 2 / epoch, 1.0, 0.3 if epoch % validate_every == 0 else None)
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize('epochs', [1, 2, 7, 250])
def test_every_axis_has_ticks_and_both_lines_a_name(epochs):
    figure = curve_figure(history(epochs))
    figure.draw_without_rendering()
    loss, miou = figure.axes
    assert len(ticks(loss, 'y')) >= 2
    assert miou.get_ylim() == (0, 1)
    epochs_shown = ticks(loss, 'x')
    assert len(epochs_shown) >= 2
    assert all(text.isdigit() for text in epochs_shown)
    assert legend(figure) == ['training loss (left)', 'validation mIoU (right)']
    # A line through one point shows nothing.
    assert (loss.lines[0].get_marker() == '.') == (epochs < 100)


def test_the_files(tmp_path):
    write_curve(history(10), tmp_path)
    assert (tmp_path / 'curve.png').read_bytes().startswith(b'\x89PNG')
    assert (tmp_path / 'curve.csv').read_text().splitlines()[0] == 'epoch,loss,miou,seconds'
