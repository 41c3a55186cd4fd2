"""How fast and how lean the engine is, beside PyTorch where that is installed:   python -m tests.benchmarks --help

    engines                 ours and PyTorch, behind one face, so that a workload is written once for both
    measure                 the kinds of workload, and how each is measured
    workloads_convolution   single convolutions
    workloads_step          whole training steps
    workloads_small         overhead, memory, start-up
    device                  the workloads on a GPU (--device cuda)
    report                  the tables
    ladder, ladder_cuda     one convolution, rung by rung
"""
