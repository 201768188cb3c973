"""What is measured of a coloured picture, and how it is shown: one table, read without torch."""
