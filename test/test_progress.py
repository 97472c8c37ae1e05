# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The bar of every command."""

import io

from rtseg_ros.progress import Bar


def drawn(bar: Bar) -> str:
    bar.refresh()
    return bar.fp.getvalue().rsplit('\r', 1)[-1]


def test_the_bar_goes_where_it_is_told():
    with Bar(file=io.StringIO(), unit='frame', ascii=True, ncols=90, mininterval=0) as bar:
        bar.move(2, 8, 'second')
        assert '2/8' in drawn(bar)
        assert 'second' in drawn(bar)
        bar.move(4)
        assert '4/8' in drawn(bar)
        assert 'second' in drawn(bar)
        bar.step('fifth')
        assert '5/8' in drawn(bar)
        assert 'fifth' in drawn(bar)


def test_work_of_an_earlier_call_does_not_count_for_the_time_left(monkeypatch):
    bar = Bar(file=io.StringIO(), unit='step', ascii=True, mininterval=0, total=1000)
    bar.begin_at(990)
    bar.start_t -= 10  # seconds
    bar.move(995)
    facts = bar.format_dict
    rate = (facts['n'] - facts['initial']) / facts['elapsed']
    assert 0.4 < rate < 0.51  # five steps in ten seconds, not 995
    bar.close()


def test_a_text_that_costs_something_is_seldom_made():
    made = []

    def text():
        made.append(len(made))
        return f'text {len(made)}'

    with Bar(file=io.StringIO(), ascii=True, mininterval=0) as bar:
        for step in range(1, 101):
            bar.move_seldom(step, 100, text)
        assert len(made) < 100
        assert f'text {len(made)}' in drawn(bar)  # the last one is always shown
