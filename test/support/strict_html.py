# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A reader of pages that checks what a page must keep to."""

from html.parser import HTMLParser


class Strict(HTMLParser):
    """Collects tags, attributes, ids and links, and checks that tags are closed in order."""

    VOID = ('meta', 'link', 'img', 'input', 'br', 'wbr')

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.ids, self.links = [], set(), set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(values)
        self.ids += [values['id']] if 'id' in values else []
        self.links += [values[key] for key in ('src', 'href', 'xlink:href') if key in values]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def assert_self_contained(text: str) -> Strict:
    """Check that a page is well formed and needs nothing outside itself."""
    parser = Strict(text)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    for link in parser.links:
        assert link.startswith(('data:', '#')), link
        assert not link.startswith('#') or link[1:] in parser.ids
    assert 'script' not in parser.tags
    assert not [name for name in parser.attributes if name.startswith('on')]
    return parser
