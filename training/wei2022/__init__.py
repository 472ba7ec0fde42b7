"""The network of Wei et al. 2022 as its public code has it: boxes of masked vertebrae in, grades out.

Faintline screens without masks, so this network cannot screen; it is here to be trained and measured on the
same cases as Faintline's own. What the paper's code does and is not done here: spline interpolation of boxes
(linear here), and choosing the checkpoint on the test set (the last one is taken).
"""
