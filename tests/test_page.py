"""Pages of steps: one file that holds everything, with what was given in it."""
import base64
import re
import pytest
from matplotlib.figure import Figure
from minigrad.page import page


def figure(grey):
    """A page full of one grey."""
    return Figure((2, 1), facecolor=str(grey))


def parts(text):
    """The sections of a page: a list of (SVG picture or None, text as written)."""
    found = []
    for section in re.findall(r"<section>\n(.*?)</section>", text, re.DOTALL):
        picture = re.search(r'src="data:image/svg.xml;base64,([^"]*)"', section)
        picture = picture and base64.b64decode(picture[1]).decode()
        found.append((picture, re.search("<pre>(.*?)</pre>", section, re.DOTALL)[1]))
    return found


def test_every_step_is_in_the_file_in_order(tmp_path):
    frames = ((f"step {i}\nsecond line", figure((i + 1) / 4)) for i in range(4))                 # a generator
    path = tmp_path / "steps.html"
    assert page("Four steps", frames, path) == path
    text = path.read_text(encoding="utf-8")
    found = parts(text)
    assert [written for _, written in found] == [f"step {i}\nsecond line" for i in range(4)]
    greys = [re.search("fill: #(..)", picture)[1] for picture, _ in found]
    assert greys == ["40", "80", "bf", "ff"]
    assert 'max="4"' in text and text.count("Four steps") == 2


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    text = page("x", [("a", figure(1))], tmp_path / "page.html").read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)\s*=\s*"([^"]{0,20})', text)
    assert sources and all(source.startswith("data:") for source in sources)
    assert "http" not in re.sub('base64,[^"]*', "", text) and "@import" not in text


def test_what_is_written_cannot_become_markup(tmp_path):
    text = page("1 < 2 & more", [("a < b </pre><script>", None), ("braces {x}", None)], tmp_path / "page.html")
    text = text.read_text(encoding="utf-8")
    assert "<title>1 &lt; 2 &amp; more</title>" in text and text.count("<script>") == 1
    assert [written for _, written in parts(text)] == ["a &lt; b &lt;/pre&gt;&lt;script&gt;", "braces {x}"]


def test_a_page_is_the_same_each_time(tmp_path):
    texts = [page("x", [("a", figure(0.5))], tmp_path / name).read_bytes() for name in ("one.html", "two.html")]
    assert texts[0] == texts[1]


def test_a_page_without_steps_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there are no steps to show, so .*page.html is not written"):
        page("x", [], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
