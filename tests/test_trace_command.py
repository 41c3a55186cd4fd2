"""python -m minigrad.trace: what it takes, what it shows, and the keys."""
import os
import subprocess
import sys
import numpy as np
import pytest
from minigrad.trace import __main__ as command
from minigrad.trace.expression import run

DIAMOND = "a=2; b=a+a; c=b+b; c*b"


class Terminal:
    """Answers to `input`, given one by one; then the end of the file."""

    def __init__(self, *answers):
        self.answers, self.prompts = list(answers), []

    def __call__(self, prompt):
        self.prompts.append(prompt)
        if not self.answers:
            raise EOFError
        return self.answers.pop(0)


def at_terminal(monkeypatch, *answers):
    """Let stdin be a terminal where these answers are typed."""
    terminal = Terminal(*answers)
    monkeypatch.setattr("sys.stdin", type("Tty", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("builtins.input", terminal)
    return terminal


def test_the_diamond_is_six_steps_that_show_the_order_and_the_sums():
    done = subprocess.run([sys.executable, "-m", "minigrad.trace", DIAMOND], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=True)
    steps = done.stdout.split("\n\n")
    assert [step.split("\n")[0].split(" #")[0] for step in steps] == [
        "forward step 1: b = add", "forward step 2: c = add", "forward step 3: mul",
        "backward step 1: mul", "backward step 2: c = add", "backward step 3: b = add"]
    assert "code      line 3:  c=b+b" in steps[4] and "b gets 4, in all 12 + 4 = 16" in steps[4]
    assert "g = 16 = 8 + 4 + 4\n            from 3 uses of b" in steps[5]
    assert "a 32" in steps[5] and done.stderr == ""


def test_enter_goes_on_b_goes_back_and_q_quits(monkeypatch, capsys):
    terminal = at_terminal(monkeypatch, "", "", "b", "B", "b", " ", "q")
    assert command.main([DIAMOND]) == 0
    shown = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if " step " in line]
    assert shown == [f"forward step {i}" for i in (1, 2, 3, 2, 1, 1, 2)]
    assert terminal.prompts[2] == "3 of 6: enter on, b back, q quit > "


def test_enter_at_the_last_step_and_the_end_of_the_file_end_it(monkeypatch, capsys):
    terminal = at_terminal(monkeypatch, *[""] * 10)
    assert command.main([DIAMOND]) == 0 and len(terminal.prompts) == 6
    terminal = at_terminal(monkeypatch)
    assert command.main([DIAMOND]) == 0 and len(terminal.prompts) == 1


def test_files(tmp_path, capsys):
    html, picture = str(tmp_path / "a.html"), str(tmp_path / "a.png")
    assert command.main([DIAMOND, "--html", html, "--picture", picture]) == 0
    assert capsys.readouterr().out.split() == [html, picture]
    with open(html, encoding="utf-8") as file:
        page = file.read()
    assert page.count("<section") == 6 and "a=2; b=a+a; c=b+b; c*b" in page and "http" not in page
    assert os.path.getsize(picture) > 10_000


@pytest.mark.parametrize("program, value, gradients", [
    ("a=2; b=a+a; c=b+b; c*b", 32, {"a": 32}),
    ("x=3; x**2", 9, {"x": 6}),
    ("x=[1,2,3]; w=[0.5,-1,2]; tanh(sum(x*w))", np.tanh(4.5), {}),
    ("a=-1.5; abs(a)/3", 0.5, {"a": -1 / 3}),
    ("m=[[1,2],[3,4]]; v=[1,1]; sum(m@v)", 10, {"v": [4, 6]}),
    ("x = 2\ny = x*x\ny", 4, {"x": 4}),
])
def test_programs(program, value, gradients):
    result, variables = run(program)
    result.backward()
    assert np.isclose(result.item(), value)
    for name, g in gradients.items():
        assert np.allclose(variables[name].grad.data, g)


@pytest.mark.parametrize("program, message", [
    ("", "there is nothing to compute"),
    ("a=2; a+", r"not an expression: invalid syntax: a=2; a\+$"),
    ("a=2; a*b", "b is not known here: there are numbers"),
    ("a=2", "must compute something from a number that has a name"),
    ("2*3", "must compute something from a number that has a name"),
    ("a=[1,2]; a*a", r"gives the shape \(2,\); .* use sum"),
    ("import os", "can't use import os: "),
    ("a=2; a.data", "can't use a.data: "),
    ("a=2; exp(x=a)", "can't use "),
    ("a=2; a*[1,2]", r"can't use \[1, 2\]: "),
    ("a=2; __import__('os').system('true')", "not known here|can't use"),
    ("a='text'; a", "can't use 'text'"),
    ("a=[[1,2],[3]]; sum(a)", "inhomogeneous|same|shape"),
    ("a=[1,2,3]; b=[1,2]; sum(a*b)", r"mul: shapes \(3,\) and \(2,\) can't be broadcast together"),
    ("sum=3; sum", "can't use"),
])
def test_errors_are_one_line(program, message, capsys):
    with pytest.raises(ValueError, match=message):
        run(program)
    assert command.main([program]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("python -m minigrad.trace: ") and err.count("\n") == 1


def test_files_that_cannot_be_written(tmp_path, capsys):
    for option, name in (("--html", "none/a.html"), ("--picture", "none/a.png"), ("--picture", "a.strange")):
        assert command.main(["a=2; a*a", option, str(tmp_path / name)]) == 1
        err = capsys.readouterr().err
        assert err.startswith("python -m minigrad.trace: ") and err.count("\n") == 1
