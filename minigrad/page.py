"""A page of steps: one HTML file with a picture and a text for each step, and a slider to go through them.

The file needs no server, no network and nothing beside it: the pictures are inside.  Keys: left and right go a step
back and on, Home and End to the first and the last one.  `page.html#7` opens at the seventh step.  Where scripts are
switched off, and on paper, all steps stand below each other.
"""
import base64
import html
import io

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0 auto; max-width: 60rem; padding: 0 0.75rem 2rem; font-family: sans-serif; color: #000;
        background: #fff; }}
h1 {{ font-size: 1.2rem; margin: 0.75rem 0 0; }}
nav {{ display: none; position: sticky; top: 0; padding: 0.5rem 0; background: #fff; border-bottom: 1px solid #000; }}
.live nav {{ display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }}
nav button {{ font-size: 1rem; min-width: 2.75rem; min-height: 2.75rem; }}
nav input {{ flex: 1 1 10rem; min-width: 0; }}
nav output {{ font-variant-numeric: tabular-nums; }}
.live section {{ display: none; }}
.live section.now {{ display: block; }}
section img {{ display: block; max-width: 100%; height: auto; margin: 0.75rem auto 0; }}
section pre {{ overflow-x: auto; font-size: 0.9rem; line-height: 1.35; }}
@media print {{ .live nav {{ display: none; }} .live section {{ display: block; break-inside: avoid; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
<nav>
<button id="first" aria-label="first step">|&lt;</button>
<button id="back" aria-label="one step back">&lt;</button>
<button id="on" aria-label="one step on">&gt;</button>
<button id="last" aria-label="last step">&gt;|</button>
<input id="slider" type="range" min="1" max="{count}" value="1" aria-label="step">
<output id="where" aria-live="polite"></output>
</nav>
<main>
{sections}
</main>
<script>
const steps = document.querySelectorAll("section"), slider = document.getElementById("slider");
let now = 1;
function show(number) {{
  steps[now - 1].classList.remove("now");
  now = Math.max(1, Math.min(steps.length, number || 1));
  steps[now - 1].classList.add("now");
  slider.value = now;
  document.getElementById("where").textContent = "step " + now + " of " + steps.length;
}}
function open() {{ show(parseInt(location.hash.slice(1))); }}
const moves = {{
  first: () => show(1), back: () => show(now - 1), on: () => show(now + 1), last: () => show(steps.length)
}};
const keys = {{ Home: moves.first, ArrowLeft: moves.back, ArrowRight: moves.on, End: moves.last }};
for (const name in moves) document.getElementById(name).addEventListener("click", moves[name]);
slider.addEventListener("input", () => show(Number(slider.value)));
document.addEventListener("keydown", event => {{
  if (event.key in keys && !event.altKey && !event.ctrlKey && !event.metaKey) {{
    event.preventDefault();
    keys[event.key]();
  }}
}});
window.addEventListener("hashchange", open);
document.body.classList.add("live");
open();
</script>
</body>
</html>
"""
SECTION = """<section>
{picture}<pre>{text}</pre>
</section>"""
PICTURE = '<img alt="step {number}, in words below" src="data:image/svg+xml;base64,{data}">\n'


def page(title, frames, path):
    """Write the page.

    frames      pairs (text, figure), any iterable of them; the figure is matplotlib's, or None for text alone.  Each is
                drawn as it comes, so a generator that makes one figure at a time needs little memory
    path        of the file, which is replaced if there is one
    Returns path.  Raises ValueError if there is no frame.
    """
    sections = []
    for number, (text, figure) in enumerate(frames, 1):
        picture = "" if figure is None else PICTURE.format(number=number, data=svg(figure))
        sections.append(SECTION.format(picture=picture, text=html.escape(text)))
    if not sections:
        raise ValueError(f"page: there are no steps to show, so {path} is not written")
    with open(path, "w", encoding="utf-8") as file:
        file.write(PAGE.format(title=html.escape(title), count=len(sections), sections="\n".join(sections)))
    return path


def svg(figure):
    """A figure as an SVG picture, in base64; the same figure always gives the same text."""
    from matplotlib import rc_context
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "page"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")
