# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The pages: every link leads somewhere, and every page is on the site."""

from functools import cache
from pathlib import Path
import re
import subprocess
import sys

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / 'docs'
PAGES = sorted(
    path
    for path in (*ROOT.glob('*.md'), *DOCS.rglob('*.md'), *(ROOT / 'rtseg_ros').rglob('*.md'))
    if '.venv' not in path.parts
)
_LINK = re.compile(r'\]\(([^)\s]+)\)')


@cache
def headings(path: Path) -> set[str]:
    """Names of the headings of a page, as GitHub makes them."""
    text = re.sub(r'```.*?```', '', path.read_text(encoding='utf-8'), flags=re.DOTALL)
    titles = re.findall(r'^#+ (.+)$', text, re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles}


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere in this repository."""
    wrong = []
    for link in _LINK.findall(page.read_text(encoding='utf-8')):
        if link.startswith(('http://', 'https://')):
            continue
        name, _, anchor = link.partition('#')
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize('page', PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(
        '# One thing\n[a](page.md#one-thing) [b](page.md#two) [c](gone.md) [d](#three)'
    )
    assert broken(page) == ['page.md#two', 'gone.md', '#three']


def test_every_page_is_on_the_site():
    """Sphinx warns, too, but make docs is not run by the tests everywhere."""
    index = (DOCS / 'index.md').read_text(encoding='utf-8')
    listed = set(re.findall(r'^(?:.+ <)?([\w/]+)>?$', index, re.MULTILINE))
    pages = {str(page.relative_to(DOCS).with_suffix('')) for page in DOCS.rglob('*.md')}
    assert listed == pages - {'index'}


def test_the_reference_names_modules_that_are_there():
    modules = re.findall(r'automodule:: ([\w.]+)', (DOCS / 'api.md').read_text(encoding='utf-8'))
    for module in modules:
        path = ROOT.joinpath(*module.split('.'))
        assert path.with_suffix('.py').is_file() or (path / '__init__.py').is_file(), module


def test_the_workflow_calls_commands_that_are_there():
    workflow = (ROOT / '.github' / 'workflows' / 'test.yml').read_text(encoding='utf-8')
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    called = {
        target
        for words in re.findall(r'\bmake (?:-C \S+ )?([a-z ]+)$', workflow, re.MULTILINE)
        for target in words.split()
    }
    assert called >= {'check', 'test', 'docs', 'links'}
    assert called <= set(re.findall(r'^([a-z]+):', makefile, re.MULTILINE))
    for path in re.findall(r'docker build -f (\S+)', workflow):
        assert (ROOT / path).is_file()
    jobs = yaml.safe_load(workflow)['jobs']
    assert all('steps' in job for job in jobs.values())


@pytest.mark.process
def test_a_page_of_the_site_is_built_without_a_warning(tmp_path):
    """The whole site takes half a minute: make docs, in the workflow."""
    pytest.importorskip('sphinx', reason='Sphinx is not installed: make docs brings it')
    for name in ('conf.py', 'palettes.md'):
        (tmp_path / name).write_text((DOCS / name).read_text(encoding='utf-8'))
    (tmp_path / 'index.md').write_text('# Site\n```{toctree}\npalettes\n```\n')
    result = subprocess.run(
        [sys.executable, '-m', 'sphinx', '-q', '-W', '-b', 'html', '.', 'site'],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    page = (tmp_path / 'site' / 'palettes.html').read_text(encoding='utf-8')
    assert 'How far apart' in page
