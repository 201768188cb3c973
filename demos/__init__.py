"""The page of ``colorzoo demo``, installed as ``colorzoo.demos``; a Space runs it too."""
