"""Colouring many things and writing them: folders and lists of files."""
