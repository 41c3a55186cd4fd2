"""The grader.  The process that runs a student's code never decides anything: it takes arrays, and gives arrays.

    protocol    how values travel between processes: a header in JSON, then the bytes of the arrays
    worker      the process that runs the student's code: loads a tree, calls probes
    sandbox     what the worker may not do: limits, namespaces, its own user, no network
    workers     starts workers, keeps the clock, ends them and whatever they left behind
    folders     folders for workers: made, opened to other users, measured, removed
    tree        the folder that a worker loads: the engine with the student's files
    expected    the values that are right: from the complete engine, or from a hand-out's public.npz
    feedback    what is wrong with a value, in words
    grader      a case to its outcome, a submission to its outcomes
    results     outcomes as Gradescope reads them
    check       the student's command
    batch       the staff's command: a folder of submissions
    report      outcomes as a page and as a table
    gradescope  the grader inside Gradescope's container
"""
