"""``python -m colorzoo``: the command line."""

from colorzoo.cli import main

if __name__ == "__main__":
    main()
