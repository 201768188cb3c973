"""Discriminators, one a file; the file's name is the discriminator's.

A discriminator maps lightness and chroma (N, 3, H, W), scaled to -1..1, to logits (N, K, h, w),
above 0 for real: K judgments on each of h x w places. K is 1 but for the multi-scale one, which
judges each place at every scale. A loss takes the mean over all of them, so each place and each
scale counts alike.
"""
