"""python -m assignments.notebooks: write each percent file of this folder as a notebook, .ipynb."""
from .convert import sources, write


def main():
    for path in sources():
        print(write(path))


if __name__ == "__main__":
    main()
