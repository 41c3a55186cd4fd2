"""Models step by step: the masks of MADE unit by unit, and coupling layers forward and back.

    from models import steps

    for step in steps.made(model, x):
        print(step)
    steps.page(steps.through(flow.layers, x), "flow.html")

Each step has a text and a picture; see minigrad/step.py.  Nothing here is fast: tests prove that the last step holds
what the model computes.
"""
from minigrad.step import page, strip
from .couplings import back, through
from .units import made
