"""Evaluation: how near a coloured picture comes to the true one."""
