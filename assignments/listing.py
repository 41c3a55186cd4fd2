"""The assignments that there are."""
from . import manifest


def command(options):
    """python -m assignments list.   Returns 0."""
    for id in manifest.every():
        assignment = manifest.load(id)
        print(f"{id:16} {assignment.title}  ({len(assignment.tasks)} tasks)")
    return 0
