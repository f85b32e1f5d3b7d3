"""The style sheet of the page of a score card: light and dark, phone and print."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2321; --dim: #56605d; --page: #fdfdfc;
  --line: #d5dad8; --good: #00897b; --bad: #b34700; --soft: #f0f3f2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edeb; --dim: #a3aeaa; --page: #151a18;
  --line: #3a4340; --good: #26a69a; --bad: #ff8f4d; --soft: #1f2624; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 3rem; background: var(--page);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 0; }
p { margin: .4rem 0; }
.dim { color: var(--dim); }
.lead { font-size: 1.15rem; }
.wide { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 2px; font-variant-numeric: tabular-nums; }
th { font-weight: 600; text-align: left; padding: .3rem .5rem; vertical-align: bottom; }
li, p { max-width: 46rem; }
.map th:first-child { min-width: 5.5rem; position: sticky; left: 0; background: var(--page); }
.map td { text-align: right; padding: .3rem .5rem; min-width: 3.6rem; border-radius: 3px;
  background: color-mix(in srgb, var(--good) calc(var(--share) * 62%), var(--soft)); }
.map td.none { background: none; color: var(--dim); text-align: center;
  box-shadow: inset 0 0 0 1px var(--line); }
.map td.solved { font-weight: 700; }
.map .own { border-bottom: 3px solid var(--good); }
.facts td, .facts th { border-bottom: 1px solid var(--line); padding: .25rem .8rem .25rem 0;
  vertical-align: top; overflow-wrap: anywhere; }
section.skill { border-top: 1px solid var(--line); padding: 1rem 0; break-inside: avoid; }
.columns { display: grid; grid-template-columns: minmax(0, 26rem) minmax(0, 1fr); gap: 1.2rem; }
svg { display: block; width: 100%; height: auto; color: var(--ink); }
svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
pre { margin: .3rem 0 .8rem; padding: .6rem .7rem; overflow-x: auto; background: var(--soft);
  border-radius: 4px; font: .8rem/1.35 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
.failed { color: var(--bad); font-weight: 600; overflow-wrap: anywhere; }
li { margin: .3rem 0; }
@media (max-width: 46rem) { .columns { grid-template-columns: minmax(0, 1fr); }
  body { padding-top: 1rem; } .map td { min-width: 3.1rem; padding: .25rem .35rem; } }
@media print { :root { color-scheme: light; --ink: #000; --dim: #444; --page: #fff;
  --line: #bbb; --good: #00897b; --bad: #b34700; --soft: #f3f3f3; }
  body { max-width: none; padding: 0; font-size: 10pt; } .wide { overflow: visible; }
  .columns { grid-template-columns: 18rem minmax(0, 1fr); gap: .8rem; } .map { font-size: 8pt; }
  pre { overflow: visible; font-size: 6.5pt; padding: .3rem .5rem; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
