"""What the review refuses, with the words that a person reads."""


class Refused(Exception):  # noqa: N818 - it reads as what happened
    """Something that a person asked for is refused whole: nothing was stored.

    `status` is that of the answer (409: somebody else was first; 422: not allowed), `words` say what was seen, what was
    expected and what to do; `keys` are the fields that are to blame where several were sent.
    """

    def __init__(self, status: int, words: str, keys: tuple[str, ...] = ()) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.keys = keys
