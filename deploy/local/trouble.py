"""What the command line says when something does not work: one sentence and a hint."""


class Trouble(Exception):
    """Something the user can understand and act on; never shown as a traceback."""

    def __init__(self, sentence: str, hint: str = "", *, code: str = "failed", exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.code = code
        self.exit_code = exit_code
