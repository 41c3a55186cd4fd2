"""The teaching notebooks.  Each is written as a percent file, NN_topic.py; the .ipynb beside it is made of that by

    python -m assignments.notebooks

`convert` is what does it, `rules` says what a notebook must be like.
"""
