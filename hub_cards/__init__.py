"""The models of the zoo: one folder each, file for file what its repository on the Hub holds.

Installed as the package ``colorzoo.zoo.models``.
"""
