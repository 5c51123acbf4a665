"""`make chaos`: a lab of real processes that is killed, cut, slowed and filled up while it works.

    plan        which faults when: a pure function of a seed
    world       the control plane, exporters with devices, clients; a gate before each of them
    holding     one lease after another, from being asked for to its end
    faults      does to the world what the plan says
    worker      a client's process: numbered calls, console lines, images
    verdict     what was promised, and how often it was broken: pure, over what the processes wrote down
    report      prints it, and writes it as JSON

Whatever counts is written down by the process that saw it, in a file that outlives it.
"""
