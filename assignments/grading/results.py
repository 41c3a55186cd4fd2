"""Outcomes as Gradescope reads them: results.json, which is valid and complete from the first moment on."""
import json
import math
import os
from pathlib import Path
from .feedback import clean

FAILURE = "The grader failed on this submission. It is not your fault; the staff can see why."


def entry(item):
    """A test that has not run: it is worth nothing yet."""
    return {"number": item.number, "name": item.title, "status": "failed", "score": 0.0,
            "max_score": float(item.case.points), "output": "not run", "visibility": "visible"}


class Results:
    """results.json of one submission, replaced as a whole after each test.

    path        of the file
    planned     all cases
    header      lines for the student, on versions and on what was handed in
    """

    def __init__(self, path, planned, header):
        self.path, self.seconds, self.flags = Path(path), 0.0, []
        self.header, self.failure = header, None
        ordered = sorted(planned, key=lambda item: [int(part) for part in item.number.split(".")])
        self.tests = {item.number: entry(item) for item in ordered}
        self.write()

    def add(self, outcome):
        """Enter an outcome."""
        test = self.tests[outcome.planned.number]
        test.update(status="passed" if outcome.passed else "failed", score=float(outcome.score),
                    output=clean(outcome.text))
        test["extra_data"] = {"seconds": round(outcome.seconds, 3)}
        if outcome.flag:
            test["extra_data"]["flag"] = clean(outcome.flag)
            self.flags.append(f"{outcome.planned.number}: {clean(outcome.flag)}")
        self.seconds += outcome.seconds
        self.write()

    def fail(self, traceback):
        """Enter that the grader itself failed: for the staff, in a test that students can't see."""
        self.failure = {"name": "The grader's own error", "status": "failed", "score": 0.0, "max_score": 0.0,
                        "output": clean(traceback, 16_000), "visibility": "hidden"}
        self.write()

    @property
    def score(self):
        """The points so far."""
        return sum(test["score"] for test in self.tests.values())

    def contents(self):
        """The whole file.   Raises ValueError if it is not what Gradescope accepts."""
        lines = [*self.header, *([FAILURE] if self.failure else [])]
        whole = {"score": self.score, "execution_time": round(self.seconds, 3), "output": "\n".join(lines),
                 "output_format": "text", "visibility": "visible", "stdout_visibility": "hidden",
                 "tests": [*self.tests.values(), *([self.failure] if self.failure else [])]}
        if self.flags:
            whole["extra_data"] = {"flag": self.flags}
        validate(whole)
        return whole

    def write(self):
        """Write the file as it is now."""
        replace(self.path, json.dumps(self.contents(), indent=1, allow_nan=False))


def replace(path, text):
    """Write a file so that at no moment a reader finds a part of it."""
    temporary = Path(f"{path}.new")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def validate(whole):
    """Raise ValueError if a number is not finite or out of its range, or a test's number is there twice."""
    numbers = [test["number"] for test in whole["tests"] if "number" in test]
    if len(numbers) != len(set(numbers)):
        raise ValueError("two tests have the same number")
    for test in whole["tests"]:
        if not (math.isfinite(test["score"]) and 0 <= test["score"] <= test["max_score"]):
            raise ValueError(f"the score of {test['name']} is {test['score']}, of {test['max_score']}")
