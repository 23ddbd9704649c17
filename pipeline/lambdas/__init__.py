"""λ handlers: what AWS brings, handed to the pipeline's own functions, and what they say, handed back.

Each module has ``handler``, which AWS calls, over a plain function that takes its parts as arguments. A
function stays warm between calls, so parts are opened once (``parts``).
"""
