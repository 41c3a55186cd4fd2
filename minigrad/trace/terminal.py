"""Steps in a terminal, by keys."""


def walk(steps):
    """Show steps one by one: enter goes on, b goes back, q quits.   steps: any iterable of them"""
    steps, i = list(steps), 0
    while i < len(steps):
        print(f"\n{steps[i]}\n")
        try:
            answer = input(f"{i + 1} of {len(steps)}: enter on, b back, q quit > ").strip().lower()
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if answer.startswith("q"):
            return
        i = max(0, i - 1) if answer.startswith("b") else i + 1
