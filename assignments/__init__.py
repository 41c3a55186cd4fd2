"""Homework cut from the engine, and its grader."""
