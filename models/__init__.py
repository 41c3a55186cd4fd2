"""Generative models, and all that is common to them: data, training, evaluation, sampling, and `python -m models`.

Importing this package loads none of it, so that the command line can set the number of threads first.
"""
