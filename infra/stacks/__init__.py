"""The stacks, each in a module of its name."""
