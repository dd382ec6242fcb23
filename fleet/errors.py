"""The exception tree every room hangs its own errors on.

    MtafleetError
    ├── SpecError            fleet.spec: the environment file is wrong
    └── ...                  each room derives its own, never raising MtafleetError itself

The command line prints such an error as one message on stderr and exits with status 2.
"""


class MtafleetError(Exception):
    """Something a person can put right; `str()` says what, where and what would be right."""
