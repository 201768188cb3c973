"""Generators, one architecture a file; the file's name is the architecture's.

A generator maps lightness (N, 1, H, W) to chroma (N, 2, H, W), both scaled to -1..1. Its class
takes one frozen config dataclass, keeps it as ``config``, and is decorated with
``@ARCHITECTURES.register``. Nothing is imported here: the registry imports a file when its
architecture is asked for.

Constructors draw random weights and fetch nothing. A generator whose training can start from
weights of somebody else's has a method ``load_pretrained()``, which the trainer calls once before
the first step of a fresh run, and which does nothing unless the config asks for it.
"""
