"""The one exception that users see as a message instead of a traceback."""


class SplatError(Exception):
    """A problem that the user can fix: one line that says what is wrong and what to do.

    The command line prints the message and exits with code 2; library callers catch it as any exception.
    """


class Interrupted(SplatError):
    """The user stopped long work; what was done is saved and the message says how to go on. Exit code 130."""
