"""What a worker may not do."""


def enter(limits):
    """Give up, for good, what the student's code is not to have."""
