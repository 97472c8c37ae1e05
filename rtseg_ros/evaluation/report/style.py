"""The style sheet of ``report.html``: both colour schemes, from phone to desktop."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b1f24; --muted: #59636e; --line: #d8dee4;
  --accent: #0b66c3; --warn: #c2410c; --soft: #e6effa; --shadow: 0 1px 2px #1b1f2414;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1318; --card: #171c23; --text: #e8ecf1; --muted: #9aa7b4; --line: #2d3641;
    --accent: #5aa9f5; --warn: #ff9a62; --soft: #1d2b3c; --shadow: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 12px; }
h3 { font-size: .95rem; margin: 0 0 6px; }
p { margin: 0 0 8px; }
.muted, figcaption { color: var(--muted); }
.small, figcaption { font-size: .85rem; }
.alert {
  border-left: 4px solid var(--warn); background: var(--card); padding: 10px 14px;
  margin: 12px 0; border-radius: 4px;
}
section, .tile {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  box-shadow: var(--shadow);
}
section { padding: 18px; margin-top: 16px; }
.tiles { display: grid; grid-template-columns: repeat(2, 1fr); gap: 12px; margin-top: 16px; }
@media (min-width: 760px) { .tiles { grid-template-columns: repeat(4, 1fr); } }
.tile { padding: 12px 14px; }
.tile b { display: block; font-size: 1.55rem; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; }
.tile span { color: var(--muted); font-size: .85rem; }
.pair { display: grid; grid-template-columns: 1fr; gap: 16px; }
@media (min-width: 900px) { .pair { grid-template-columns: 1fr 1fr; } }
.pair > section { margin-top: 0; min-width: 0; }
.pair { margin-top: 16px; }
.pair > :only-child { grid-column: 1 / -1; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; text-align: right; white-space: nowrap; }
th { font-weight: 600; color: var(--muted); font-size: .85rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.plain { width: 100%; }
.plain tr + tr > * { border-top: 1px solid var(--line); }
.plain td.text { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.swatch { display: inline-block; width: .85em; height: .85em; border-radius: 3px;
  margin-right: 8px; vertical-align: -1px; border: 1px solid var(--line); }
.bar { width: 40%; min-width: 90px; }
.bar div { height: 12px; border-radius: 3px; background: var(--soft); }
.bar i { display: block; height: 100%; border-radius: 3px; background: var(--accent); }
.matrix { font-size: .8rem; width: 100%; }
.matrix th, .matrix td { padding: 3px 5px; text-align: center; min-width: 38px; }
.matrix thead th { vertical-align: bottom; }
.matrix thead span { writing-mode: vertical-rl; transform: rotate(180deg); }
.matrix tbody th { text-align: right; position: sticky; left: 0; background: var(--card); }
.matrix td { border: 1px solid var(--card); border-radius: 4px; color: var(--muted);
  background: color-mix(in srgb, var(--warn) calc(var(--v) * 50%), var(--card)); }
.matrix td.hit {
  background: color-mix(in srgb, var(--accent) calc(var(--v) * 50%), var(--card)); }
.matrix td.hit { font-weight: 600; }
.matrix td.much { color: var(--text); }
svg { display: block; width: 100%; height: auto; }
.frames { display: grid; grid-template-columns: repeat(2, 1fr); gap: 8px; margin: 0 0 18px; }
@media (min-width: 760px) { .frames { grid-template-columns: repeat(4, 1fr); } }
.frames figure { margin: 0; }
.frames img { display: block; width: 100%; height: auto; border-radius: 6px; }
.facts { margin: 0; display: grid; grid-template-columns: 1fr; }
.facts dt { color: var(--muted); font-size: .85rem; border-top: 1px solid var(--line);
  padding: 5px 0 0; }
.facts dd { margin: 0; padding: 0 0 5px; min-width: 0; }
@media (min-width: 760px) {
  .facts { grid-template-columns: 240px 1fr; }
  .facts dt, .facts dd { padding: 4px 0; }
  .facts dd { border-top: 1px solid var(--line); }
}
code { font: .85rem/1.45 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; white-space: pre-wrap; }
"""
