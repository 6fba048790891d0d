"""What is wrong with an input, in one line that also says what to do."""

from __future__ import annotations


class Unusable(ValueError):
    """A file or a flag that cannot be used as it is."""

    def __init__(self, what: str, todo: str = ""):
        super().__init__(f"{what}: {todo}" if todo else what)
