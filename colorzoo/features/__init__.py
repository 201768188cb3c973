"""Encoders whose ImageNet weights lie beside them, one a file."""
