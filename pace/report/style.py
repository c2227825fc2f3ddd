"""Style sheet of the report: follows the reader's light or dark setting, and loads nothing from the network."""

CSS = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --line: #e3e6ea; --text: #1d2329; --soft: #616b76;
  --ours: #d9531e; --ours-back: #fdf0ea; --bar: #c9d0d8; }
@media (prefers-color-scheme: dark) { :root { --page: #11151a; --card: #1a2027; --line: #2c343d; --text: #e6e9ed;
  --soft: #97a1ac; --ours: #ff8a57; --ours-back: #33231b; --bar: #3c4650; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
header, main { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; }
h1 { margin: 0; font-size: 2.2rem; letter-spacing: .04em; }
header p { margin: 4px 0 16px; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: 8px; }
nav a { padding: 4px 14px; border: 1px solid var(--line); border-radius: 99px; background: var(--card);
  color: var(--text); text-decoration: none; font-size: .9rem; }
nav a:hover { border-color: var(--ours); color: var(--ours); }
section { padding-top: 28px; }
h2 { margin: 0 0 12px; font-size: 1.45rem; }
h3 { margin: 24px 0 8px; font-size: 1.05rem; }
h4 { margin: 20px 0 6px; font-size: .9rem; font-weight: 600; color: var(--soft); }
section > p { margin: 8px 0 0; max-width: 72ch; color: var(--soft); font-size: .93rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { padding: 8px 14px; text-align: left; border-top: 1px solid var(--line); vertical-align: top; }
thead th, .grid tr:first-child > * { border-top: 0; }
thead th { color: var(--soft); font-weight: 600; font-size: .82rem; white-space: nowrap; }
tbody th, .grid th { font-weight: 500; }
.numbers td, .grid td, .numbers thead th + th { text-align: right; font-variant-numeric: tabular-nums; }
.numbers th, .numbers td { padding: 8px 9px; }
.numbers thead th { white-space: normal; vertical-align: bottom; }
.numbers tbody th { min-width: 13em; }
.numbers td small { white-space: nowrap; font-size: .74rem; }
small { display: block; color: var(--soft); font-weight: 400; font-size: .8rem; }
tr.ours { background: var(--ours-back); }
tr.ours > th, tr.ours > td { font-weight: 700; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 14px; }
.tile { padding: 14px 18px 18px; border: 1px solid var(--line); border-radius: 10px; background: var(--card);
  color: var(--soft); font-size: .9rem; }
.tile b { display: block; font-size: 1.9rem; line-height: 1.2; color: var(--text); font-variant-numeric: tabular-nums; }
.tile i { display: block; height: 6px; margin-top: 8px; border-radius: 3px; background: var(--bar); }
.tile.ours b { color: var(--ours); }
.tile.ours i { background: var(--ours); }
article { margin-top: 20px; padding: 4px 22px 22px; border: 1px solid var(--line); border-radius: 14px;
  background: var(--card); }
article h3 { margin-top: 16px; font-family: ui-monospace, Menlo, Consolas, monospace; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0 0 14px; color: var(--soft); font-size: .88rem; }
.facts b { color: var(--text); font-weight: 600; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 20px; }
figure { margin: 0; }
figcaption { color: var(--soft); font-size: .9rem; text-align: center; }
figure:first-child:not(:only-child) figcaption { color: var(--ours); font-weight: 600; }
video { display: block; width: 100%; max-height: 420px; border-radius: 10px; background: #000; }
img { display: block; width: 100%; height: auto; margin: 8px 0 0; }
section > img { padding: 14px; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 0 24px; align-items: start; }
.grid table { border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
.texts td:last-child { min-width: 24ch; overflow-wrap: anywhere; }
"""
